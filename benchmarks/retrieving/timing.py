"""What indexing and searching cost; to be run while nothing else does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

import samesay
from retrieving.corpora import Corpus, Task
from retrieving.indexing import Collections
from samesay.collection.collection import Collection
from samesay.collection.search_settings import Mode, SearchSettings
from samesay.collection.searching import search

_WARM = 20
_QUESTIONS = 300
_Asked = TypeVar("_Asked")


def indexing(collections: Collections, corpora: list[Corpus], folder: Path) -> dict[str, object]:
    """Index each corpus into a new collection, and say what that took; the collection is removed again."""
    found: dict[str, object] = {}
    for corpus in corpora:
        path = folder / f"{corpus.name}-timed"
        shutil.rmtree(path, ignore_errors=True)
        with samesay.open(path, collections.model) as collection:
            began = perf_counter()
            report = collection.add(corpus.documents)
            seconds = perf_counter() - began
            size = collection.info().size_bytes
        characters = sum(len(one.text) for one in corpus.documents)
        tokens = collections.model.count_tokens([one.text for one in corpus.documents], prompt="document")
        found[corpus.name] = {
            "documents": len(corpus.documents),
            "segments": report.segments,
            "characters": characters,
            "tokens": int(np.sum(tokens)),
            "seconds": round(seconds, 1),
            "tokens_per_second": round(float(np.sum(tokens)) / seconds),
            "size_bytes": size,
        }
        shutil.rmtree(path, ignore_errors=True)
    return found


def latency(collections: Collections, tasks: list[Task]) -> dict[str, object]:
    """Give the times of single searches, with the question's encoding and without; milliseconds."""
    found: dict[str, object] = {}
    for task in tasks:
        collection = collections.get(task.corpus)
        texts = [one.text for one in task.questions[:_QUESTIONS]]
        vectors = collections.model.encode(texts, prompt="query")
        found[task.name] = {
            mode: {
                "with encoding": _times(texts, _whole(collection, mode)),
                "without encoding": _times(
                    list(range(len(texts))), _search_alone(collection, texts, vectors, mode)
                ),
            }
            for mode in ("semantic", "text", "hybrid")
        } | {"encoding": _times(texts, lambda text: collections.model.encode([text], prompt="query"))}
    return found


def _whole(collection: Collection, mode: Mode) -> Callable[[str], object]:
    return lambda text: collection.search(text, 3, mode=mode)


def _search_alone(
    collection: Collection, texts: list[str], vectors: NDArray[np.float32], mode: Mode
) -> Callable[[int], object]:
    settings = SearchSettings(3, mode)
    generic = collection._generic.of(collection.model, None, vectors.shape[1])

    def ask(place: int) -> object:
        with collection._held.reading() as build:
            return search(build, [texts[place]], vectors[place : place + 1], settings, generic)

    return ask


def _times(asked: list[_Asked], ask: Callable[[_Asked], object]) -> dict[str, float]:
    for one in asked[:_WARM]:
        ask(one)
    times = []
    for one in asked:
        began = perf_counter()
        ask(one)
        times.append((perf_counter() - began) * 1000)
    p50, p95, p99 = np.quantile(times, (0.5, 0.95, 0.99))
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "p99": round(float(p99), 2)}
