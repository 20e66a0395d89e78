"""What every model does, whether its network runs here or behind an endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from samesay.checkpoint.prompts import PairMode, Prompt, Prompts
    from samesay.identity import Identity

Overlength = Literal["error", "truncate"]
# Told the texts done, of a long text the share that is done, and the number of texts.
Progress = Callable[[float, int], object]


class TextModel(Protocol):
    """Texts in, vectors and similarities out.

    ``EmbeddingModel`` runs a checkpoint on this machine, ``RemoteModel`` asks an endpoint. What works with
    this protocol works with both. Safe to use from several threads.
    """

    @property
    def name(self) -> str:
        """What people call the model."""
        ...

    @property
    def reference(self) -> str:
        """By what ``load`` finds the model again."""
        ...

    @property
    def dimensions(self) -> int:
        """Width of an uncut vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Tokens that the model reads at most, special tokens and prompt included."""
        ...

    @property
    def prompts(self) -> Prompts:
        """What stands before queries and documents."""
        ...

    @property
    def identity(self) -> Identity:
        """What makes the vectors of this model what they are, at full width."""
        ...

    @property
    def read_ahead(self) -> int:
        """Characters of text that are best handed over at once."""
        ...

    def identity_at(self, dimensions: int | None) -> Identity:
        """Give the identity of vectors of that width.

        Raises:
            DimensionsError: For a width that this model does not give.
        """
        ...

    def check(
        self,
        texts: Sequence[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        overlength: Overlength = "error",
    ) -> None:
        """Raise what ``encode`` raises of texts, as far as that is known without computing vectors.

        Raises:
            TextError: For the first text that cannot be embedded; ``OverlengthError`` for one too long.
        """
        ...

    def too_long(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Say which texts, as they stand, are known to be longer than the model reads; shape (n,)."""
        ...

    def count_tokens(
        self, texts: str | Sequence[str], *, prompt: Prompt | None = None, task: str | None = None
    ) -> NDArray[np.int64]:
        """Give the number of tokens of each text, prompt and special tokens included, uncut; shape (n,).

        An endpoint does not tell it beforehand: there it is an estimate, and rather too high.
        """
        ...

    def embed_texts(
        self,
        texts: Sequence[str],
        prefix: str = "",
        *,
        dimensions: int | None = None,
        overlength: Overlength = "error",
        progress: Progress | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Give the vectors of texts with that prefix, and the tokens cut from each.

        Returns:
            Rows of length 1, shape (n, dimensions), and whole numbers, shape (n,).

        Raises:
            SamesayError: As for ``encode``.
        """
        ...

    def encode(
        self,
        texts: str | Sequence[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Give the vector of each text: shape (dimensions,) for one, (n, dimensions) for a sequence.

        Raises:
            OverlengthError: For a text that is too long.
            PromptError: For a prompt or task that the model does not take.
            TextError: For a text that is not a string, not valid Unicode, or without any token.
            DimensionsError: For a width that this model does not give.
            RemoteError: When an endpoint does not answer as it should.
        """
        ...

    def encode_steps(
        self,
        texts: Sequence[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
        step_tokens: int = ...,
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Give the vectors of texts some at a time, in order, each block as soon as it is done.

        Args:
            texts: n texts.
            prompt: As for ``encode``.
            task: As for ``encode``.
            dimensions: As for ``encode``.
            overlength: As for ``encode``; cutting is told by the numbers, without a warning.
            step_tokens: Tokens of a block, about; it does not change the vectors.

        Returns:
            Blocks as ``embed_texts`` gives them.
        """
        ...

    def encode_stream(
        self,
        texts: Iterable[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
    ) -> Iterator[NDArray[np.float32]]:
        """Give the vectors of any number of texts, block by block, in memory that does not grow with it."""
        ...

    def similarity(
        self,
        left: str | Sequence[str],
        right: str | Sequence[str],
        *,
        mode: PairMode = "symmetric",
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
    ) -> NDArray[np.float32]:
        """Give the cosine of each pair (left[i], right[i]), from -1 to 1; shape (n,)."""
        ...

    def similarity_matrix(
        self,
        left: Sequence[str],
        right: Sequence[str] | None = None,
        *,
        mode: PairMode = "symmetric",
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
    ) -> NDArray[np.float32]:
        """Give the cosine of every left text with every right one, shape (n, m); without right, all pairs."""
        ...
