"""One vector for a document from the vectors of its segments."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def document_vector(vectors: NDArray[np.float32], weights: ArrayLike | None = None) -> NDArray[np.float32]:
    """Give the weighted mean of segment vectors, scaled to length 1; shape (dimensions,).

    Added in double precision, segment after segment, so that the result is the same on every machine. Where
    all weights are 0, they count as equal; where the vectors cancel out, the result is that of the segment
    with the largest weight, the first of them.

    Args:
        vectors: One row for each segment, shape (n, dimensions), n at least 1.
        weights: One for each segment, shape (n,), not negative; by default equal ones.

    Raises:
        ValueError: For no vectors, for weights of another number, and for negative or infinite numbers.
    """
    rows = np.asarray(vectors)
    if rows.ndim != 2 or len(rows) == 0:
        raise ValueError(f"segment vectors have shape (n, dimensions) with n at least 1, not {rows.shape}")
    factors = np.ones(len(rows)) if weights is None else np.asarray(weights, np.float64)
    if factors.shape != (len(rows),):
        raise ValueError(f"{len(rows)} segments need as many weights; their shape is {factors.shape}")
    if not np.isfinite(factors).all() or (factors < 0).any():
        raise ValueError("weights must be finite and not negative")
    if not np.isfinite(rows).all():
        raise ValueError("segment vectors must be finite")
    largest = factors.max()
    # Scaled first, so that no weight is too small or too large to add.
    factors = factors / largest if largest > 0 else np.ones(len(rows))
    total = np.zeros(rows.shape[1], np.float64)
    for row, factor in zip(rows, factors, strict=True):
        total += row.astype(np.float64) * factor
    length = float(np.sqrt(np.square(total).sum()))
    if length <= 1e-7 * float(factors.sum()):
        total = rows[int(factors.argmax())].astype(np.float64)
        length = float(np.sqrt(np.square(total).sum()))
    scaled: NDArray[np.float32] = (total / length if length > 0 else total).astype(np.float32)
    return scaled
