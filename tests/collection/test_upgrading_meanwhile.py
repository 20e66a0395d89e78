"""Threads that search and add while another goes over to a model of another width."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import TypeVar

import numpy as np
import pytest
from small_collections import new_collection, small_model, texts

from samesay import Collection
from samesay.collection.build import Build
from samesay.errors import CollectionError

OLD, NEW = "bert-mean", "xlm-roberta-cls"
Result = TypeVar("Result")


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[Collection]:
    with new_collection(tmp_path, "lance") as collection:
        collection.add([{"id": str(number), "text": text} for number, text in enumerate(texts(20))])
        yield collection


class Turnstile:
    """A lock that says when somebody waits for it, in place of the one that a collection takes turns by."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self.waited = Event()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.waited.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def during_an_upgrade(kb: Collection, act: Callable[[], Result]) -> Result:
    """Upgrade, and have another thread begin ``act`` meanwhile and wait for its turn."""
    turns = Turnstile(kb._held._lock)  # type: ignore[arg-type]
    kb._held._lock = turns  # type: ignore[assignment]
    with ThreadPoolExecutor(1) as pool:
        begun: list[Future[Result]] = []

        def begin(done: int, total: int | None) -> None:
            if not begun:
                begun.append(pool.submit(act))
                assert turns.waited.wait(60)

        kb.upgrade(small_model(NEW), progress=begin)
        return begun[0].result(60)


def test_a_document_that_waits_for_an_upgrade_is_embedded_by_the_new_model(kb: Collection) -> None:
    assert small_model(NEW).dimensions != small_model(OLD).dimensions
    assert during_an_upgrade(kb, lambda: kb.add([{"id": "late", "text": "amber birch late"}])).added == 1
    assert kb.check().problems == ()
    query = "late birch"
    expected = (
        small_model(NEW).encode([query], prompt="query")[0]
        @ small_model(NEW).encode(["amber birch late"], prompt="document").T
    )
    scores = {hit.document_id: hit.score for hit in kb.search(query, 50)}
    assert scores["late"] == pytest.approx(float(np.ravel(expected)[0]), abs=1e-5)


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
def test_a_search_that_waits_for_an_upgrade_is_one_by_the_new_model(kb: Collection, mode: str) -> None:
    query = texts(1)[0]
    found = during_an_upgrade(kb, lambda: kb.search(query, 20, mode=mode))  # type: ignore[call-overload]
    assert found == kb.search(query, 20, mode=mode)  # type: ignore[call-overload]


def test_the_new_model_goes_with_the_new_build_where_the_old_one_cannot_be_removed(
    kb: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(build: Build) -> None:
        raise CollectionError("its bucket does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(Build, "remove", refuse)
        with pytest.raises(CollectionError, match="does not answer"):
            kb.upgrade(small_model(NEW))
    assert kb.manifest.dimensions == small_model(NEW).dimensions
    assert kb.model is small_model(NEW)
    assert kb.search(texts(1)[0], 1)[0].document_id == "0"
    assert kb.check().problems == ()
