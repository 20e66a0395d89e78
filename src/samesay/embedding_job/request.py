"""What is asked of an embedding job, and what the job asks of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from samesay.textfiles import TextSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from samesay.identity import Identity


class TextEncoder(Protocol):
    """What a job needs of an embedding model."""

    @property
    def name(self) -> str:
        """The model's name, for people."""

    @property
    def dimensions(self) -> int:
        """The full width of a vector."""

    def identity_at(self, dimensions: int) -> Identity:
        """What makes a vector of that width."""

    @property
    def read_ahead(self) -> int:
        """Characters of text that are best handed over at once."""

    def check(
        self,
        texts: Sequence[str],
        *,
        prompt: Literal["query", "document"] | None,
        task: str | None,
        overlength: Literal["error", "truncate"],
    ) -> None:
        """Refuse texts that cannot be embedded."""

    def encode_steps(
        self,
        texts: Sequence[str],
        *,
        prompt: Literal["query", "document"] | None,
        task: str | None,
        dimensions: int | None,
        overlength: Literal["error", "truncate"],
        step_tokens: int,
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Texts to vectors and numbers of cut tokens, some at a time, in order."""


@dataclass(frozen=True)
class EmbeddingRequest:
    """What to embed, how, and into which file.

    Args:
        source: The texts.
        target: The file to make, ``.npy`` or ``.parquet``.
        prompt: What the texts are to the model: queries, documents, or neither.
        task: A task for the prompt, where the model takes one.
        dimensions: The width to cut vectors to; None keeps the model's.
        overlength: Refuse a text over the model's limit, or cut it.
        batch_tokens: Tokens embedded in one step: how long an interrupt or a sign of progress takes. It does
            not change the vectors.
    """

    source: TextSource
    target: Path
    prompt: Literal["query", "document"] | None = "document"
    task: str | None = None
    dimensions: int | None = None
    overlength: Literal["error", "truncate"] = "error"
    batch_tokens: int = 2048
