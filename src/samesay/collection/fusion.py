"""One ranking from several: reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Sequence

# How little the first places are preferred to those after them. The paper takes 60; on the sets of
# benchmarks/retrieval.py that were tried a small one was as good or better, most where one ranking is weak.
K = 5


def fused(rankings: Sequence[Sequence[int]], k: float = K) -> dict[int, float]:
    """Give each document the sum of 1 / (k + rank) over the rankings that have it, ranks from 1."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, document in enumerate(ranking, 1):
            scores[document] = scores.get(document, 0.0) + 1 / (k + rank)
    return scores
