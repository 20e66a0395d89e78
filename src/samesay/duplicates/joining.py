"""All pairs of rows that score at or above a threshold, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.duplicates.scoring import BLOCK, Progress, scores_of_pairs, slack
from samesay.errors import DuplicatesError

MOST_PAIRS = 1_000_000
"""Pairs over the threshold that are kept at most, unless more are allowed."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of rows with their scores, by the left row, then the right one.

    Attributes:
        left: Rows, shape (pairs,).
        right: Rows, each higher than the left one.
        scores: Cosines.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.left)


def pairs_above(
    vectors: NDArray[np.float32],
    threshold: float,
    *,
    most_pairs: int = MOST_PAIRS,
    block: int = BLOCK,
    progress: Progress | None = None,
) -> Pairs:
    """Give every pair of rows whose cosine is at or above the float32 threshold, and no other.

    A matrix product of two blocks of rows, on as many threads as NumPy's BLAS takes, finds what comes near
    the threshold; each such pair is scored again on its own. So the result is that of comparing every pair
    alone, whatever the blocks. Memory beside the vectors: some blocks, and the pairs that are kept.

    Args:
        vectors: Rows of length 1, shape (n, width); see ``checked_vectors``.
        threshold: The lowest score that counts.
        most_pairs: The number of pairs above which it is refused.
        block: Rows that are compared with as many others at a time; it changes no result.
        progress: Called now and then with (comparisons done, comparisons). What it raises stops the work.

    Raises:
        DuplicatesError: There are more pairs than that.
    """
    count, width = vectors.shape
    near = np.float32(threshold - slack(width))
    certain = np.float32(threshold + slack(width))
    total, done = count * (count - 1) // 2, 0
    kept: list[Pairs] = []
    found = 0
    buffer = np.empty((min(block, count), min(block, count)), np.float32)
    for first in range(0, count, block):
        rows = vectors[first : first + block]
        for second in range(first, count, block):
            others = vectors[second : second + block]
            products = np.matmul(rows, others.T, out=buffer[: len(rows), : len(others)])
            places = _places(products, near, same=first == second)
            sure = int(np.count_nonzero(products[places] >= certain))
            done += _comparisons(len(rows), len(others), same=first == second)
            if found + sure <= most_pairs and len(places[0]):
                kept.append(_scored(vectors, first + places[0], second + places[1], threshold))
                found += len(kept[-1])
                sure = 0
            if found + sure > most_pairs:
                raise _too_many(found + sure, most_pairs, threshold, done, total)
            if progress:
                progress(done, total)
    return _joined(kept)


def _places(
    products: NDArray[np.float32], near: np.float32, *, same: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    flat = np.flatnonzero(np.ascontiguousarray(products) >= near)
    rows, others = np.divmod(flat, products.shape[1])
    if same:
        upper = others > rows
        rows, others = rows[upper], others[upper]
    return rows, others


def _comparisons(rows: int, others: int, *, same: bool) -> int:
    return rows * (rows - 1) // 2 if same else rows * others


def _scored(
    vectors: NDArray[np.float32], left: NDArray[np.int64], right: NDArray[np.int64], threshold: float
) -> Pairs:
    rows, others = left.astype(np.int32), right.astype(np.int32)
    scores = scores_of_pairs(vectors, vectors, rows, others)
    above = scores >= np.float32(threshold)
    return Pairs(rows[above], others[above], scores[above])


def _joined(parts: list[Pairs]) -> Pairs:
    if not parts:
        nothing = np.empty(0, np.int32)
        return Pairs(nothing, nothing, np.empty(0, np.float32))
    left = np.concatenate([part.left for part in parts])
    right = np.concatenate([part.right for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], scores[order])


def _too_many(found: int, most: int, threshold: float, done: int, total: int) -> DuplicatesError:
    share = done / max(1, total)
    return DuplicatesError(
        f"{found} pairs score {threshold:.4f} or more after {share:.1%} of the comparisons, about "
        f"{found / max(share, 1e-9):.2g} in all; {most} are allowed. At such a threshold texts that only "
        "resemble each other count as the same: raise it (--threshold), or allow more pairs (--most-pairs)"
    )
