"""How vectors are kept: 32 bits a number, 16 bits, or 8 bits to search and 16 to score."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from samesay.engine.row_products import HeldRows, row_products

Storage = Literal["f32", "f16", "int8"]
STORAGES: tuple[Storage, ...] = ("f32", "f16", "int8")


def kept(vectors: NDArray[np.float32], storage: Storage) -> NDArray[np.float32] | NDArray[np.float16]:
    """Give what scores are computed from: the vectors themselves, or rounded to 16 bits."""
    return vectors if storage == "f32" else vectors.astype(np.float16)


def codes(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Give 8-bit numbers and one scale a row: vector ≈ codes × scale; shapes (n, d) and (n,)."""
    largest = np.abs(vectors).max(axis=1, initial=0)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales


def scores_of(kept_rows: HeldRows, query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the cosine of each row with a query; equal rows get equal scores, wherever they stand."""
    scores = row_products(kept_rows, query)
    return scores.clip(-1, 1, out=scores)
