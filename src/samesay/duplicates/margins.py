"""Margin scores: how much nearer two texts are to each other than to what else is near them.

A cosine alone favours texts that are near to everything. The ratio margin divides it by the mean cosine of
both texts with their k nearest neighbours on the other side (Artetxe and Schwenk, Margin-based Parallel
Corpus Mining with Multilingual Sentence Embeddings, ACL 2019, arXiv 1811.01136).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.duplicates.neighbours import Neighbours

NEIGHBOURS = 4
"""k, as in the paper."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pairs of which one side has the other among its nearest, by the left row, then the right one.

    Attributes:
        left: Left rows, shape (pairs,).
        right: Right rows.
        scores: Cosines.
        margins: Ratio margins; minus infinity where a mean of neighbours is not above 0.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    scores: NDArray[np.float32]
    margins: NDArray[np.float64]


def candidates(of_left: Neighbours, of_right: Neighbours) -> Candidates:
    """Give the pairs of neighbours with their margins."""
    k_left, k_right = of_left.rows.shape[1], of_right.rows.shape[1]
    left = np.concatenate([_repeated(len(of_left.rows), k_left), of_right.rows.ravel()])
    right = np.concatenate([of_left.rows.ravel(), _repeated(len(of_right.rows), k_right)])
    scores = np.concatenate([of_left.scores.ravel(), of_right.scores.ravel()])
    pairs = left.astype(np.int64) * len(of_right.rows) + right
    _, first = np.unique(pairs, return_index=True)
    left, right, scores = left[first], right[first], scores[first]
    around_left = of_left.scores.mean(axis=1, dtype=np.float64)
    around_right = of_right.scores.mean(axis=1, dtype=np.float64)
    around = (around_left[left] + around_right[right]) / 2
    margins = np.full(len(left), -np.inf)
    np.divide(scores, around, out=margins, where=around > 0, dtype=np.float64)
    return Candidates(left, right, scores, margins)


def best_of(
    rows: NDArray[np.int32], others: NDArray[np.int32], values: NDArray[np.floating], count: int
) -> NDArray[np.int64]:
    """Give for each row the place of its best pair, of equally good ones that with the first other row.

    Args:
        rows: The row of each pair, each of 0 to ``count`` - 1 at least once.
        others: The other row of each pair.
        values: How good each pair is.
        count: Rows that there are.
    """
    order = np.lexsort((others, -values, rows))
    _, first = np.unique(rows[order], return_index=True)
    best: NDArray[np.int64] = order[first]
    if len(best) != count:
        raise ValueError(f"{count - len(best)} rows have no pair")
    return best


def mutual(found: Candidates, lefts: int, rights: int) -> NDArray[np.int64]:
    """Give the places of the pairs whose sides are best for each other by margin."""
    forth = best_of(found.left, found.right, found.margins, lefts)
    back = best_of(found.right, found.left, found.margins, rights)
    return np.intersect1d(forth, back)


def _repeated(rows: int, times: int) -> NDArray[np.int32]:
    return np.repeat(np.arange(rows, dtype=np.int32), times)
