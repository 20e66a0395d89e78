"""What an engine must offer to be measured, and what those that pad have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models import Model, Pooling

Vectors = NDArray[np.float32]
PADDED_BATCH_SIZES = (8, 16, 32)


class Peer(Protocol):
    """An engine with a model loaded.

    Attributes:
        batch_sizes: Batch sizes worth trying for many sequences; the best of them is used.
    """

    batch_sizes: tuple[int, ...]

    def embed(self, sequences: Sequence[Sequence[int]], batch_size: int, shared: int = 0) -> Vectors:
        """Give vectors of length 1 of token ids that are complete with special tokens.

        All sequences, of this call and of others, begin with the same ``shared`` ids: an engine that can make
        use of that may.
        """

    def embed_texts(self, texts: Sequence[str], batch_size: int) -> Vectors:
        """Give vectors of length 1 of texts, after the model's prompt."""


class PeerModule(Protocol):
    """A module of this folder."""

    def prepare(self, model: Model, variant: str, folder: Path) -> None:
        """Write what the engine loads into an empty folder, where it does not load the checkpoint itself."""

    def load(self, model: Model, variant: str, folder: Path, threads: int) -> Peer:
        """Load the model."""


def embed_padded(
    sequences: Sequence[Sequence[int]],
    batch_size: int,
    run: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]],
) -> Vectors:
    """Embed sequences of like length together, padded on the right.

    Args:
        sequences: Token ids.
        batch_size: Sequences that go through the network together.
        run: From ids and mask, both (batch, tokens), to vectors (batch, hidden).
    """
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    parts = []
    for begin in range(0, len(order), batch_size):
        chosen = [sequences[i] for i in order[begin : begin + batch_size]]
        longest = max(map(len, chosen))
        ids, mask = np.zeros((2, len(chosen), longest), np.int64)
        for row, sequence in enumerate(chosen):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        parts.append(run(ids, mask))
    stacked = np.concatenate(parts)
    vectors = np.empty_like(stacked)
    vectors[order] = stacked
    return vectors


def pool(states: NDArray[np.float32], mask: NDArray[np.int64], pooling: Pooling) -> Vectors:
    """From the states (batch, tokens, hidden) to vectors of length 1."""
    if pooling == "last":
        vectors = states[np.arange(len(states)), mask.sum(1) - 1]
    elif pooling == "cls":
        vectors = states[:, 0]
    else:
        vectors = np.einsum("bth,bt->bh", states, mask.astype(np.float32)) / mask.sum(1)[:, None]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


class Tokenizing:
    """The checkpoint's own tokenizer, for engines that come without one."""

    def __init__(self, model: Model) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(model.folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._prompt = model.prompt

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Give the token ids of each text after the prompt."""
        encoded = self._tokenizer.encode_batch([self._prompt + text for text in texts])
        return [one.ids for one in encoded]
