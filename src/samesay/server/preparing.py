"""From a request's texts or token ids to what the network reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.errors import OverlengthError, SamesayError, TextError
from samesay.model import EmbeddingModel
from samesay.server.prefixes import Prefixes, instruction_in
from samesay.server.problems import CONTEXT_LENGTH_EXCEEDED, Problem, answered, invalid
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

    @property
    def input_tokens(self) -> int:
        """Tokens of all inputs, equal ones counted each time."""
        if len(self.places) == 1:
            return self.computed_tokens
        return int(self.tokens.lengths[self.places].sum())

    @property
    def computed_tokens(self) -> int:
        """Tokens of the different sequences."""
        return len(self.tokens.token_ids)


@dataclass(frozen=True)
class Composed:
    """The texts of a request as the tokenizer will see them, each different one once.

    Attributes:
        distinct: The different texts, with what stands before them.
        composed: All of them.
        places: For each text the number of the different one, shape (texts,).
        beginnings: What each different text begins with: a prompt, or an instruction of its own.
        overlength: Whether a text that is too long is refused or cut.
        width: Width of the vectors.
        place: Gives the place of a text, by its number, for errors.
    """

    distinct: list[str]
    composed: list[str]
    places: NDArray[np.int64]
    beginnings: list[str]
    overlength: Overlength
    width: int
    place: Callable[[int], Place]


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
        return self.finish(self.compose(texts, prefixes, overlength, dimensions, place))

    def finish(self, request: Composed) -> Prepared:
        """Tokenize the texts of one request; see ``texts``."""
        return self._prepared(request, self._tokenized(request))

    def compose(
        self,
        texts: Sequence[str],
        prefixes: Sequence[str],
        overlength: Overlength,
        dimensions: int | None,
        place: Callable[[int], Place],
    ) -> Composed:
        """Put before each text what stands there; see ``texts``.

        Raises:
            DimensionsError: For a width that this model does not give.
        """
        width = self._model.checkpoint.check_dimensions(dimensions)
        own = [instruction_in(text) for text in texts]
        composed = [
            text if instruction else prefix + text
            for text, prefix, instruction in zip(texts, prefixes, own, strict=True)
        ]
        numbers: dict[str, int] = {}
        places = np.array([numbers.setdefault(text, len(numbers)) for text in composed], np.int64)
        beginnings = dict(zip(composed, (o or p for o, p in zip(own, prefixes, strict=True)), strict=True))
        return Composed(list(numbers), composed, places, list(beginnings.values()), overlength, width, place)

    def several(self, requests: Sequence[Composed]) -> list[Prepared | Exception]:
        """Tokenize several requests in one call, which costs less than a call for each.

        Returns:
            For each what it became, or why it is refused: the ``Problem`` or ``SamesayError`` of ``texts``.
        """
        texts = [text for request in requests for text in request.distinct]
        tokens: TokenizedTexts | None = None
        if len(requests) > 1:
            with suppress(SamesayError):
                tokens = self._model.tokenize(texts, overlength="truncate")
        found: list[Prepared | Exception] = []
        begin = 0
        for request in requests:
            end = begin + len(request.distinct)
            try:
                if tokens is None:
                    found.append(self.finish(request))
                else:
                    found.append(self._prepared(request, tokens.part(begin, end)))
            except (Problem, SamesayError) as error:
                answered(error)
                found.append(error)
            begin = end
        return found

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

    def _tokenized(self, request: Composed) -> TokenizedTexts:
        try:
            return self._model.tokenize(request.distinct, overlength="truncate")
        except TextError:
            # Its message has the number among the different texts; people know the number of the input.
            return self._model.tokenize(request.composed, overlength="truncate")

    def _prepared(self, request: Composed, tokens: TokenizedTexts) -> Prepared:
        cut_inputs = 0
        # So few tokens in all that no text has too many, nor has lost any.
        if len(tokens.token_ids) >= self.max_tokens:
            cut_inputs = self._check_lengths(tokens, request)
            if cut_inputs:
                tokens = self._cut(tokens)
        shared = self._shared(tokens, request.beginnings)
        return Prepared(tokens, shared, request.places, request.width, cut_inputs)

    def _check_lengths(self, tokens: TokenizedTexts, request: Composed) -> int:
        uncut = (tokens.lengths + tokens.cut)[request.places]
        too_long = np.flatnonzero(uncut > self.max_tokens)
        if len(too_long) and request.overlength == "error":
            first = int(too_long[0])
            limit = "reads" if self.max_tokens == self._model.max_tokens else "takes on this server"
            where = request.place(first)
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
    if len(tokens.offsets) == 2:  # one text: a request of most clients
        return tokens.token_ids
    return tokens.token_ids[tokens.offsets[index] : tokens.offsets[index + 1]]
