"""From texts to the token ids that a network can read: none too long, none that it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from samesay.errors import CheckpointError, OverlengthError, PromptError, TextError
from samesay.tokens import TokenizedTexts

if TYPE_CHECKING:
    from samesay.checkpoint.folder import Checkpoint
    from samesay.text_model import Overlength


def tokenize(
    checkpoint: Checkpoint, texts: Sequence[str], prefix: str, overlength: Overlength, first: int
) -> TokenizedTexts:
    """Give the token ids of texts, special tokens included.

    Args:
        checkpoint: The model that reads them.
        texts: n texts.
        prefix: What stands before each.
        overlength: Whether a text that is too long is refused or cut; see ``EmbeddingModel.tokenize``.
        first: The number of the first text, for errors.

    Raises:
        OverlengthError: For a text that is too long.
        PromptError: For an ``overlength`` that does not exist, or a prefix that is not valid Unicode.
        TextError: For a text that is not a string, not valid Unicode, or without any token.
        CheckpointError: When the tokenizer fails or gives ids that the network lacks.
    """
    if overlength not in ("error", "truncate"):
        raise PromptError(f"overlength must be 'error' or 'truncate', not {overlength!r}")
    tokens = checkpoint.tokenizer.lay_out(texts, prefix, first)
    lengths = tokens.lengths
    if not lengths.all():
        number = first + int(lengths.argmin())
        raise TextError(f"text {number} has no tokens for {checkpoint.name}; leave it out")
    _require_ids(checkpoint, tokens.token_ids)
    limit = checkpoint.tokenizer.max_tokens
    too_long = np.flatnonzero(lengths > limit)
    if not len(too_long):
        return tokens
    if overlength == "error":
        raise OverlengthError(
            f"text {first + too_long[0]} has {lengths[too_long[0]]} tokens; {checkpoint.name} reads {limit}. "
            "Shorten it, split it, or cut it with overlength='truncate'"
        )
    return _cut(tokens, limit, np.array(checkpoint.tokenizer.special_tokens.trailing, np.int32))


def _require_ids(checkpoint: Checkpoint, token_ids: NDArray[np.int32]) -> None:
    size = checkpoint.architecture.vocabulary_size
    # Unsigned, an id that is too large for 32 bits with a sign is what the tokenizer gave.
    largest = int(token_ids.view(np.uint32).max(initial=0))
    if largest >= size:
        raise CheckpointError(
            f"{checkpoint.tokenizer.file} gives token id {largest}, but the model embeds {size}: "
            "it is the tokenizer of another model"
        )


def _cut(tokens: TokenizedTexts, limit: int, trailing: NDArray[np.int32]) -> TokenizedTexts:
    """Cut what is longer than the limit, and keep the tokens that end a text."""
    parts = []
    for begin, end in zip(tokens.offsets, tokens.offsets[1:], strict=False):
        if end - begin <= limit:
            parts.append(tokens.token_ids[begin:end])
        else:
            parts += [tokens.token_ids[begin : begin + limit - len(trailing)], trailing]
    lengths = np.minimum(tokens.lengths, limit)
    offsets = np.zeros(len(tokens) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return TokenizedTexts(np.concatenate(parts), offsets, tokens.lengths - lengths)
