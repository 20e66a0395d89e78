"""From a request's texts or token ids to what the network reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from samesay.errors import OverlengthError, TextError
from samesay.model import EmbeddingModel
from samesay.server.prefixes import Prefixes, instruction_in
from samesay.server.problems import CONTEXT_LENGTH_EXCEEDED, invalid
from samesay.server.settings import Limits
from samesay.text_model import Overlength
from samesay.tokens import TokenizedTexts, lay_out


@dataclass(frozen=True)
class Place:
    """Where a text is in a request.

    Attributes:
        name: What people call it.
        param: The part of the request that has it.
    """

    name: str
    param: str


@dataclass(frozen=True)
class Prepared:
    """A request's sequences, each different one once.

    Attributes:
        tokens: The sequences.
        shared: For each the prefix that the engine may keep, or None.
        places: For each input the number of its sequence, shape (inputs,).
        width: Width of the vectors.
        cut_inputs: How many inputs were cut.
    """

    tokens: TokenizedTexts
    shared: Sequence[NDArray[np.int32] | None]
    places: NDArray[np.int64]
    width: int
    cut_inputs: int

    def sequence(self, index: int) -> NDArray[np.int32]:
        """Give the token ids of one sequence."""
        return _sequence(self.tokens, index)

    @cached_property
    def input_tokens(self) -> int:
        """Tokens of all inputs, equal ones counted each time."""
        return int(self.tokens.lengths[self.places].sum())

    @property
    def computed_tokens(self) -> int:
        """Tokens of the different sequences."""
        return len(self.tokens.token_ids)


class Preparing:
    """How requests to one model are prepared.

    Args:
        model: The model.
        limits: What a request may have.
    """

    def __init__(self, model: EmbeddingModel, limits: Limits) -> None:
        self._model = model
        self._prefixes = Prefixes(model)
        self.max_tokens = min(model.max_tokens, limits.text_tokens)

    def texts(
        self,
        texts: Sequence[str],
        prefixes: Sequence[str],
        overlength: Overlength,
        dimensions: int | None,
        place: Callable[[int], Place],
    ) -> Prepared:
        """Tokenize texts.

        Args:
            texts: n texts, as the request gives them.
            prefixes: What stands before each; a text with an instruction of its own goes without.
            overlength: Whether a text that is too long is refused or cut.
            dimensions: Width of the vectors.
            place: Gives the place of a text, by its number, for errors.

        Raises:
            Problem: For a text that is too long, with ``overlength`` ``error``.
            SamesayError: For what the model refuses.
        """
        width = self._model.checkpoint.check_dimensions(dimensions)
        own = [instruction_in(text) for text in texts]
        composed = [
            text if instruction else prefix + text
            for text, prefix, instruction in zip(texts, prefixes, own, strict=True)
        ]
        numbers: dict[str, int] = {}
        places = np.array([numbers.setdefault(text, len(numbers)) for text in composed], np.int64)
        tokens = self._tokenized(list(numbers), composed)
        cut_inputs = self._check_lengths(tokens, places, overlength, place)
        if cut_inputs:
            tokens = self._cut(tokens)
        beginnings = dict(zip(composed, (o or p for o, p in zip(own, prefixes, strict=True)), strict=True))
        return Prepared(tokens, self._shared(tokens, list(beginnings.values())), places, width, cut_inputs)

    def token_ids(self, sequences: Sequence[Sequence[int]], dimensions: int | None) -> Prepared:
        """Take token ids as they stand.

        Raises:
            TokenError: For ids outside the vocabulary, and for a sequence that is too long.
            DimensionsError: For a width that this model does not give.
        """
        width = self._model.checkpoint.check_dimensions(dimensions)
        tokens = lay_out(sequences)
        longest = int(tokens.lengths.argmax())
        if tokens.lengths[longest] > self.max_tokens:
            raise OverlengthError(
                f"input {longest} has {tokens.lengths[longest]} tokens; {self._model.name} reads "
                f"{self.max_tokens} here"
            )
        tokens.require_ids_of(self._model.checkpoint.architecture.vocabulary_size, self._model.name, "input")
        nothing: list[NDArray[np.int32] | None] = [None] * len(tokens)
        return Prepared(tokens, nothing, np.arange(len(tokens)), width, 0)

    def _tokenized(self, distinct: list[str], composed: list[str]) -> TokenizedTexts:
        try:
            return self._model.tokenize(distinct, overlength="truncate")
        except TextError:
            # Its message has the number among the different texts; people know the number of the input.
            return self._model.tokenize(composed, overlength="truncate")

    def _check_lengths(
        self,
        tokens: TokenizedTexts,
        places: NDArray[np.int64],
        overlength: Overlength,
        place: Callable[[int], Place],
    ) -> int:
        uncut = (tokens.lengths + tokens.cut)[places]
        too_long = np.flatnonzero(uncut > self.max_tokens)
        if len(too_long) and overlength == "error":
            first = int(too_long[0])
            limit = "reads" if self.max_tokens == self._model.max_tokens else "takes on this server"
            where = place(first)
            raise invalid(
                f"{where.name} has {uncut[first]} tokens; {self._model.name} {limit} {self.max_tokens}. "
                "Shorten it, split it, or cut it with overlength 'truncate'",
                where.param,
                CONTEXT_LENGTH_EXCEEDED,
            )
        return len(too_long)

    def _cut(self, tokens: TokenizedTexts) -> TokenizedTexts:
        trailing = self._model.checkpoint.tokenizer.special_tokens.trailing
        sequences = [_sequence(tokens, i).tolist() for i in range(len(tokens))]
        kept = self.max_tokens - len(trailing)
        return lay_out(
            [ids if len(ids) <= self.max_tokens else [*ids[:kept], *trailing] for ids in sequences]
        )

    def _shared(self, tokens: TokenizedTexts, beginnings: Sequence[str]) -> list[NDArray[np.int32] | None]:
        known = {prefix: self._prefixes.token_ids(prefix) for prefix in dict.fromkeys(beginnings)}
        shared: list[NDArray[np.int32] | None] = []
        for i, beginning in enumerate(beginnings):
            prefix = known[beginning]
            # Where the text's first letters melt into the prefix's last token, nothing can be shared.
            if prefix is not None and not np.array_equal(_sequence(tokens, i)[: len(prefix)], prefix):
                prefix = None
            shared.append(prefix)
        return shared


def _sequence(tokens: TokenizedTexts, index: int) -> NDArray[np.int32]:
    return tokens.token_ids[tokens.offsets[index] : tokens.offsets[index + 1]]
