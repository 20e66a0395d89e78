"""The nearest rows of another list, for both lists in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.duplicates.scoring import BLOCK, Progress, scores_of_pairs, slack

# Candidates beyond those that are wanted: where they score clearly lower, the wanted ones are sure.
_SPARE = 8


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest rows of each row, nearest first; of equally near ones the first.

    Attributes:
        rows: Shape (n, k).
        scores: Their cosines, shape (n, k).
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]


def nearest_both_ways(
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    count: int,
    *,
    block: int = BLOCK,
    progress: Progress | None = None,
) -> tuple[Neighbours, Neighbours]:
    """Give the nearest right rows of each left row, and the nearest left rows of each right row.

    Exact: what a matrix product leaves in doubt is scored pair by pair, so blocks change nothing.

    Args:
        left: Rows of length 1, shape (n, width), n at least 1.
        right: The same, shape (m, width), m at least 1.
        count: How many; fewer where the other side has fewer.
        block: Rows of each side that are compared at a time.
        progress: Called now and then with (comparisons done, comparisons).
    """
    of_left = _Best(len(left), min(count + _SPARE, len(right)))
    of_right = _Best(len(right), min(count + _SPARE, len(left)))
    done, total = 0, len(left) * len(right)
    buffer = np.empty((min(block, len(left)), min(block, len(right))), np.float32)
    for first in range(0, len(left), block):
        rows = left[first : first + block]
        for second in range(0, len(right), block):
            others = right[second : second + block]
            products = np.matmul(rows, others.T, out=buffer[: len(rows), : len(others)])
            of_left.offer(first, second, products)
            of_right.offer(second, first, products.T)
            done += len(rows) * len(others)
            if progress:
                progress(done, total)
    return of_left.settled(left, right, count), of_right.settled(right, left, count)


class _Best:
    """The best candidates of each row so far, by the scores of a matrix product."""

    def __init__(self, rows: int, width: int) -> None:
        self._rows = np.full((rows, width), -1, np.int32)
        self._scores = np.full((rows, width), -np.inf, np.float32)

    def offer(self, first: int, first_other: int, products: NDArray[np.float32]) -> None:
        """Take what is better of a block of scores: of rows from ``first`` on with others."""
        width = self._rows.shape[1]
        end = first + len(products)
        least = self._scores[first:end, -1]
        if np.isneginf(least).any() and products.shape[1] > width:
            chosen = np.argpartition(products, -width, axis=1)[:, -width:]
            places, others = np.repeat(np.arange(len(products)), width), chosen.ravel()
        else:
            places, others = np.nonzero(products > least[:, None])
        if len(places):
            self._merge(first + places, first_other + others, products[places, others])

    def _merge(
        self, places: NDArray[np.int64], others: NDArray[np.int64], scores: NDArray[np.float32]
    ) -> None:
        width = self._rows.shape[1]
        touched = np.unique(places)
        all_places = np.concatenate([np.repeat(touched, width), places])
        all_others = np.concatenate([self._rows[touched].ravel(), others.astype(np.int32)])
        all_scores = np.concatenate([self._scores[touched].ravel(), scores])
        order = np.lexsort((-all_scores, all_places))
        sizes = np.bincount(np.searchsorted(touched, places), minlength=len(touched)) + width
        begins = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        best = order[begins[:, None] + np.arange(width)]
        self._rows[touched], self._scores[touched] = all_others[best], all_scores[best]

    def settled(self, own: NDArray[np.float32], other: NDArray[np.float32], count: int) -> Neighbours:
        """Score the candidates on their own, and look again where they leave a doubt."""
        width = self._rows.shape[1]
        wanted = min(count, width)
        places = np.repeat(np.arange(len(own), dtype=np.int32), width)
        exact = scores_of_pairs(own, other, places, self._rows.ravel()).reshape(self._rows.shape)
        order = np.lexsort((self._rows, -exact), axis=1)[:, :wanted]
        rows = np.take_along_axis(self._rows, order, 1)
        scores = np.take_along_axis(exact, order, 1)
        if width < len(other):
            # What is no candidate scores no higher in the product than the last candidate.
            doubtful = self._scores[:, -1] + slack(own.shape[1]) >= scores[:, -1]
            for row in np.flatnonzero(doubtful).tolist():
                rows[row], scores[row] = _looked_again(own, other, row, wanted)
        return Neighbours(rows, scores)


def _looked_again(
    own: NDArray[np.float32], other: NDArray[np.float32], row: int, wanted: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    others = np.arange(len(other), dtype=np.int32)
    scores = scores_of_pairs(own, other, np.full(len(other), row, np.int32), others)
    best = np.lexsort((others, -scores))[:wanted]
    return others[best], scores[best]
