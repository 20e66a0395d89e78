"""Token ids of many texts, laid end to end without padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import index

import numpy as np
from numpy.typing import NDArray

from samesay.errors import TokenError


@dataclass(frozen=True)
class TokenizedTexts:
    """Token ids laid end to end.

    Attributes:
        token_ids: All ids, shape (total,).
        offsets: Where each text begins, and the end of the last, shape (n + 1,).
        cut: How many tokens of each text were cut away, shape (n,).
    """

    token_ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    cut: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text after cutting, shape (n,)."""
        lengths: NDArray[np.int64] = self.offsets[1:] - self.offsets[:-1]
        return lengths

    def batches(self, most_tokens: int) -> Iterator[tuple[int, int]]:
        """Give ranges of texts with at most that many tokens together, or a single longer text."""
        begin = 0
        # More than there are is as many as there are, and fits the offsets' 64 bits.
        most_tokens = min(most_tokens, int(self.offsets[-1]))
        while begin < len(self):
            limit = self.offsets[begin] + most_tokens
            end = int(np.searchsorted(self.offsets, limit, side="right")) - 1
            end = min(max(end, begin + 1), len(self))
            yield begin, end
            begin = end

    def part(self, begin: int, end: int) -> TokenizedTexts:
        """Give the texts from ``begin`` to before ``end``."""
        first, last = self.offsets[begin], self.offsets[end]
        offsets = self.offsets[begin : end + 1] - first
        return TokenizedTexts(self.token_ids[first:last], offsets, self.cut[begin:end])

    def require_ids_of(self, vocabulary_size: int, model: str, called: str) -> None:
        """Refuse ids that a model does not have.

        Args:
            vocabulary_size: How many it has.
            model: What people call it.
            called: What they call one of these texts.

        Raises:
            TokenError: Naming the first such id and its text.
        """
        outside = np.flatnonzero((self.token_ids < 0) | (self.token_ids >= vocabulary_size))
        if len(outside):
            number = int(np.searchsorted(self.offsets, outside[0], side="right")) - 1
            raise TokenError(
                f"{called} {number} has token id {self.token_ids[outside[0]]}; "
                f"the vocabulary of {model} is 0 to {vocabulary_size - 1}"
            )


def lay_out(sequences: Sequence[Sequence[int]], cut: NDArray[np.int64] | None = None) -> TokenizedTexts:
    """Lay sequences of token ids end to end.

    Raises:
        TokenError: For what is not a sequence of whole numbers.
    """
    try:
        offsets = np.zeros(len(sequences) + 1, np.int64)
        np.cumsum([len(ids) for ids in sequences], out=offsets[1:])
        # Without `index`, NumPy would cut floats and read strings of digits.
        token_ids = np.fromiter(map(index, chain.from_iterable(sequences)), np.int64, int(offsets[-1]))
    except (TypeError, ValueError, OverflowError) as error:
        raise TokenError(f"token ids must be sequences of whole numbers below 2^31 ({error})") from None
    if len(token_ids) and not -(2**31) <= token_ids.min() <= token_ids.max() < 2**31:
        raise TokenError("token ids must be sequences of whole numbers below 2^31")
    if cut is None:
        cut = np.zeros(len(sequences), np.int64)
    return TokenizedTexts(token_ids.astype(np.int32), offsets, cut)
