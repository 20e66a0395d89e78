"""Texts to batches of tokens, in order, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from samesay.embedding_job.request import EmbeddingRequest, TextEncoder
from samesay.errors import TextError
from samesay.textfiles import TextRow, at_place

if TYPE_CHECKING:
    from samesay.tokens import TokenizedTexts

# Fewer at a time would cost more in calls than in tokenizing.
_LEAST_CHARACTERS = 2**14


def token_batches(
    rows: Iterator[TextRow], model: TextEncoder, request: EmbeddingRequest
) -> Iterator[tuple[list[str], TokenizedTexts]]:
    """Give the texts with their tokens, at most ``request.batch_tokens`` at once or a single longer text.

    Raises:
        TextError: a text is too long or cannot be embedded; the message says which.
    """
    for block in _blocks(rows, request.batch_tokens):
        tokens = _tokenized(block, model, request)
        for first, last in tokens.batches(request.batch_tokens):
            yield [row.text for row in block[first:last]], _part(tokens, first, last)


def _blocks(rows: Iterator[TextRow], batch_tokens: int) -> Iterator[list[TextRow]]:
    # Tokens are known only after tokenizing; characters tell roughly how many texts make a batch or two.
    block: list[TextRow] = []
    size = 0
    for row in rows:
        block.append(row)
        size += len(row.text) + 4
        if size >= max(4 * batch_tokens, _LEAST_CHARACTERS):
            yield block
            block, size = [], 0
    if block:
        yield block


def _part(tokens: TokenizedTexts, first: int, last: int) -> TokenizedTexts:
    offsets = tokens.offsets
    return replace(
        tokens,
        token_ids=tokens.token_ids[offsets[first] : offsets[last]],
        offsets=offsets[first : last + 1] - offsets[first],
        cut=tokens.cut[first:last],
    )


def _tokenized(block: Sequence[TextRow], model: TextEncoder, request: EmbeddingRequest) -> TokenizedTexts:
    def tokens_of(rows: Sequence[TextRow]) -> TokenizedTexts:
        texts = [row.text for row in rows]
        return model.tokenize(texts, prompt=request.prompt, task=request.task, overlength=request.overlength)

    try:
        return tokens_of(block)
    except TextError:
        for row in block:
            try:
                tokens_of([row])
            except TextError as error:
                raise at_place(error, request.source.place(row)) from None
        raise
