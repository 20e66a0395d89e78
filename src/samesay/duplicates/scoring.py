"""Scores of given pairs of rows, the same to the bit whatever stands beside them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samesay.engine.row_products import pair_products
from samesay.errors import DuplicatesError
from samesay.vectors import have_length_one

BLOCK = 2048
"""Rows of a block: its scores take 16 MiB, and a product of this size keeps all cores busy."""

# Told comparisons done and their number.
Progress = Callable[[int, int], object]

# Numbers gathered at a time: 32 MiB a side.
_GATHERED = 1 << 23


def checked_vectors(vectors: ArrayLike, name: str = "vectors") -> NDArray[np.float32]:
    """Give vectors as contiguous float32 rows of length 1.

    Args:
        vectors: Shape (n, width).
        name: What messages call them.

    Raises:
        DuplicatesError: They have another shape, or a row is not finite or not of length 1.
    """
    rows = np.ascontiguousarray(vectors, np.float32)
    if rows.ndim != 2:
        raise DuplicatesError(f"{name} have the shape {rows.shape}; rows of numbers are needed")
    step = max(1, _GATHERED // max(1, rows.shape[1]))
    for begin in range(0, len(rows), step):
        sound = have_length_one(rows[begin : begin + step])
        if not sound.all():
            wrong = begin + int(sound.argmin())
            raise DuplicatesError(
                f"row {wrong} of {name} is not finite or not of length 1, as cosines need: divide each row "
                "by its length and leave out what is not finite"
            )
    return rows


def slack(width: int) -> float:
    """How far a cosine from a matrix product may be from the one that ``scores_of_pairs`` gives.

    Each is within n·u of the true value for vectors of length 1, n numbers and rounding unit u
    (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
    """
    return 2.1 * (width + 2) * 2.0**-24


def scores_of_pairs(
    left: NDArray[np.float32], right: NDArray[np.float32], rows: NDArray[np.int32], others: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Give the cosine of each pair (left[rows[i]], right[others[i]]), as ``TextModel.similarity`` does."""
    scores = np.empty(len(rows), np.float32)
    step = max(1, _GATHERED // max(1, left.shape[1]))
    for begin in range(0, len(rows), step):
        end = begin + step
        scores[begin:end] = pair_products(left[rows[begin:end]], right[others[begin:end]])
    return scores.clip(-1, 1, out=scores)
