"""Public test sets and the figures that are taken on them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samesay.comparison.ranking import ndcg

Vectors = NDArray[np.float32]
STS_SETS = ("stsb_en", "stsb_zh_deepl", "stsb_xling_zh_en")


class DataMissingError(Exception):
    """A set is not there; the message says where it was looked for."""


@dataclass(frozen=True)
class GradedPairs:
    """Pairs of texts and how alike people found them, from 0 to 5."""

    left: list[str]
    right: list[str]
    gold: NDArray[np.float64]


@dataclass(frozen=True)
class Retrieval:
    """Queries, documents, and which documents answer a query: by index into the lists."""

    queries: list[str]
    documents: list[str]
    answers: list[set[int]]


def read_pairs(folder: Path) -> GradedPairs:
    """Read ``dev.tsv`` of a similarity set.

    Raises:
        DataMissingError: When it is not there.
    """
    rows = [line.split("\t") for line in _read(folder / "dev.tsv").splitlines()]
    return GradedPairs(
        [row[0] for row in rows], [row[1] for row in rows], np.array([float(row[2]) for row in rows])
    )


def read_retrieval(
    folder: Path, query_language: str | None = None, document_language: str | None = None
) -> Retrieval:
    """Read a retrieval set, or its queries and documents in one language each.

    Raises:
        DataMissingError: When it is not there.
    """
    queries = _read_texts(folder / "queries.jsonl", query_language)
    documents = _read_texts(folder / "docs.jsonl", document_language)
    place = {name: i for i, name in enumerate(documents)}
    answers: dict[str, set[int]] = {name: set() for name in queries}
    for line in _read(folder / "qrels.tsv").splitlines():
        query, document, _ = line.split("\t")
        if query in answers and document in place:
            answers[query].add(place[document])
    return Retrieval(list(queries.values()), list(documents.values()), list(answers.values()))


def spearman(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Rank correlation; equal values share the mean of their ranks."""
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def ndcg_at_10(queries: Vectors, documents: Vectors, answers: list[set[int]]) -> float:
    """Mean over queries of the discounted gain of the ten best documents, over the best possible."""
    scores = queries @ documents.T
    # Stable, so that equal scores rank in the order of the documents for every precision.
    ranking = np.argsort(-scores, axis=1, kind="stable")
    return float(ndcg(ranking, [dict.fromkeys(wanted, 1.0) for wanted in answers], 10).mean())


def _ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return shared


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise DataMissingError(f"{path} is not there") from None


def _read_texts(path: Path, language: str | None) -> dict[str, str]:
    rows = [json.loads(line) for line in _read(path).splitlines()]
    return {row["id"]: row["text"] for row in rows if language in (None, row.get("lang"))}
