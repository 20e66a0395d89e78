"""Texts to batches of vectors, in order, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from samesay.embedding_job.request import EmbeddingRequest, TextEncoder
from samesay.errors import TextError
from samesay.textfiles import TextRow, at_place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def vector_batches(
    rows: Iterator[TextRow], model: TextEncoder, request: EmbeddingRequest
) -> Iterator[tuple[list[str], NDArray[np.float32], int]]:
    """Give texts, their vectors and how many of them were cut, some at a time.

    A batch has about ``request.batch_tokens`` tokens, or is a single longer text.

    Raises:
        TextError: a text is too long or cannot be embedded; the message says which.
    """
    for block in _blocks(rows, max(4 * request.batch_tokens, model.read_ahead)):
        texts = [row.text for row in block]
        done = 0
        try:
            for vectors, cut in model.encode_steps(
                texts,
                prompt=request.prompt,
                task=request.task,
                dimensions=request.dimensions,
                overlength=request.overlength,
                step_tokens=request.batch_tokens,
            ):
                yield texts[done : done + len(vectors)], vectors, int((cut > 0).sum())
                done += len(vectors)
        except TextError as error:
            raise _located(error, block, model, request) from None


def _blocks(rows: Iterator[TextRow], characters: int) -> Iterator[list[TextRow]]:
    # Tokens are known only after tokenizing; characters tell roughly how many texts make a batch or two.
    block: list[TextRow] = []
    size = 0
    for row in rows:
        block.append(row)
        size += len(row.text) + 4
        if size >= characters:
            yield block
            block, size = [], 0
    if block:
        yield block


def _located(
    error: TextError, block: Sequence[TextRow], model: TextEncoder, request: EmbeddingRequest
) -> TextError:
    for row in block:
        try:
            model.check([row.text], prompt=request.prompt, task=request.task, overlength=request.overlength)
        except TextError as single:
            return at_place(single, request.source.place(row))
    return error
