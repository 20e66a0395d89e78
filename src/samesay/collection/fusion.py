"""One ranking from several: reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Sequence

# How little the first places are preferred to those after them. The paper takes 60; on the sets of
# benchmarks/retrieval.py that were tried a small one was as good or better, most where one ranking is weak.
K = 5


def fused(rankings: Sequence[Sequence[tuple[int, float]]], k: float = K) -> dict[int, float]:
    """Give each document the sum of weight / (k + rank) over the rankings that have it.

    Args:
        rankings: Documents, best first, each with what its place counts: 1 as the paper has it, less where
            the ranking had less to go by.
        k: The constant.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, (document, weight) in enumerate(ranking, 1):
            scores[document] = scores.get(document, 0.0) + weight / (k + rank)
    return scores
