"""Measures of one query or one text each: what was found, and whether it was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from samesay.comparison.resampling import Floats

CUT = 10


def ndcg(ranking: NDArray[np.int64], relevance: Sequence[Mapping[int, float]], cut: int = CUT) -> Floats:
    """Give the normalised discounted cumulative gain of each query at ``cut``, gains as the grades stand.

    Args:
        ranking: Documents by falling score, shape (queries, at least cut or all documents).
        relevance: For each query the grades of its documents.
        cut: How many documents count.
    """
    discounts = 1 / np.log2(np.arange(2, cut + 2))
    values = np.zeros(len(relevance))
    for place, grades in enumerate(relevance):
        gains = np.array([grades.get(int(one), 0.0) for one in ranking[place, :cut]])
        ideal = np.sort(np.fromiter(grades.values(), float))[::-1][:cut]
        values[place] = (gains @ discounts[: len(gains)]) / (ideal @ discounts[: len(ideal)])
    return values


def recall(ranking: NDArray[np.int64], relevance: Sequence[Mapping[int, float]], cut: int) -> Floats:
    """Give the share of each query's documents that is among the first ``cut``."""
    values = np.zeros(len(relevance))
    for place, grades in enumerate(relevance):
        found = sum(int(one) in grades for one in ranking[place, :cut])
        values[place] = found / len(grades)
    return values


def reciprocal_rank(
    ranking: NDArray[np.int64], relevance: Sequence[Mapping[int, float]], cut: int = CUT
) -> Floats:
    """Give one over the rank of each query's first document, 0 where none is among the first ``cut``."""
    values = np.zeros(len(relevance))
    for place, grades in enumerate(relevance):
        hits = [rank for rank, one in enumerate(ranking[place, :cut], 1) if int(one) in grades]
        values[place] = 1 / hits[0] if hits else 0.0
    return values


def voted_right(
    neighbours: NDArray[np.int64], scores: NDArray[np.float32], intents: NDArray[np.int64]
) -> Floats:
    """Give 1 for each text whose nearest other texts vote for its intent, by the sum of their scores.

    Args:
        neighbours: The nearest other texts of each text, nearest first, shape (n, k).
        scores: Their cosines, shape (n, k).
        intents: The intent of each text as a number, shape (n,).
    """
    right = np.zeros(len(intents))
    for place, (near, weights) in enumerate(zip(neighbours, scores, strict=True)):
        votes: dict[int, float] = {}
        for one, weight in zip(intents[near], weights, strict=True):
            votes[int(one)] = votes.get(int(one), 0.0) + float(weight)
        # A dict keeps its order: of equal votes those of the nearer text count.
        right[place] = max(votes, key=votes.__getitem__) == intents[place]
    return right
