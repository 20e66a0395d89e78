"""What every vector must be, wherever it comes from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# How far the square of a length may be from 1.
_TOLERANCE = 0.01


def have_length_one(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say of each vector whether it is finite and has length 1; shape (n,) of (n, width)."""
    squares = np.vecdot(vectors, vectors)
    near: NDArray[np.bool_] = np.abs(squares - 1) < _TOLERANCE
    return near
