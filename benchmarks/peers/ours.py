"""samesay itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

import numpy as np

import samesay
from models import Model
from peers.base import Vectors

Precision = Literal["int8", "bf16", "fp32"]


class Samesay:
    """The public interface; it makes its own batches, so the size that is asked for is not used."""

    batch_sizes: tuple[int, ...] = (128,)

    def __init__(self, model: Model, variant: str, threads: int) -> None:
        precision = cast(Precision, variant)
        self._model = samesay.load(model.folder, precision=precision, threads=threads)
        self._model.checkpoint.tokenizer.read_whole()  # as the peers have done
        self._prompted = bool(model.prompt)

    def embed(self, sequences: Sequence[Sequence[int]], batch_size: int, shared: int = 0) -> Vectors:  # noqa: ARG002
        """Give vectors of token ids; what they share is kept as the prefix of queries is."""
        if not shared:
            return self._model.encode_tokens(sequences)
        ids = np.array([token for sequence in sequences for token in sequence], np.int32)
        offsets = np.cumsum([0, *map(len, sequences)], dtype=np.int64)
        return self._model.engine.embed(ids, offsets, self._model.dimensions, ids[:shared])

    def embed_texts(self, texts: Sequence[str], batch_size: int) -> Vectors:  # noqa: ARG002
        """Give vectors of texts as queries."""
        return self._model.encode(list(texts), prompt="query" if self._prompted else None)


def prepare(model: Model, variant: str, folder: Path) -> None:
    """Nothing: the first load writes the packed weights into samesay's own cache."""


def load(model: Model, variant: str, folder: Path, threads: int) -> Samesay:  # noqa: ARG001
    """Load the checkpoint, or the packed weights where they are kept."""
    return Samesay(model, variant, threads)
