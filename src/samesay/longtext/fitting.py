"""Blocks to pieces that fit a segment."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from samesay.longtext.blocks import Span
from samesay.longtext.heading_paths import HeadingPaths
from samesay.longtext.html_text import shown
from samesay.longtext.pieces import Piece, finer, measured
from samesay.longtext.sizes import TokenCounter

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Unit:
    """Pieces that are never parted: headings and what they announce, or one piece.

    Attributes:
        pieces: The pieces in order.
        tokens: Their tokens.
        before: The tokens that stand before it where it begins a segment: special tokens, prompt, path, lead.
    """

    pieces: tuple[Piece, ...]
    tokens: int
    before: int

    @property
    def gap(self) -> int:
        """How strongly it is kept apart from the unit before it."""
        return self.pieces[0].gap


class Fitting:
    """Cuts pieces until each fits, with its path and the headings right before it.

    Args:
        source: The document.
        counter: The tokenizer.
        limit: Most tokens of an embedded text.
    """

    def __init__(self, source: str, counter: TokenCounter, limit: int) -> None:
        self.source = source
        self.counter = counter
        self.limit = limit
        self.paths = HeadingPaths(counter, limit)
        self._leads: dict[Span, int] = {}

    def units(self, pieces: Sequence[Piece], factor: float = 1.0) -> list[Unit]:
        """Give units that fit, in order.

        Args:
            pieces: The pieces, measured or not.
            factor: How many times larger than measured they are taken to be, after that went wrong.
        """
        self.paths.prepare(piece.block.path for piece in pieces)
        grain = max(self.limit // 8, 1)
        while True:
            pieces = self._measure(pieces, factor)
            finer_pieces: list[Piece] = []
            done = True
            for piece, room, _ in self._rooms(pieces):
                smaller = finer(self.source, piece, grain) if piece.tokens > room else []
                done = done and not smaller
                finer_pieces.extend(smaller or [piece])
            pieces = finer_pieces
            if done:
                return list(self._join(pieces))

    def lead(self, piece: Piece) -> Span | None:
        """Give the lines that a segment which begins with this piece repeats, where that is cheap."""
        lead = piece.block.lead
        if piece.first or lead is None or piece.begin < lead[1]:
            return None
        # Of a table's head, the names of the columns.
        first_line = _LINE_END.search(self.source, *lead)
        lead = (lead[0], first_line.end() if first_line else lead[1])
        return lead if self._lead_tokens(lead) <= self.limit // 4 else None

    def _lead_tokens(self, lead: Span) -> int:
        if lead not in self._leads:
            self._leads[lead] = self.counter.parts([self.source[lead[0] : lead[1]]])[0]
        return self._leads[lead]

    def _before(self, piece: Piece) -> int:
        tokens = self.counter.overhead + self.paths.tokens(piece.block.path)
        if piece.first:
            return tokens
        lead = self.lead(piece)
        return tokens + (self._lead_tokens(lead) if lead else 0)

    def _measure(self, pieces: Sequence[Piece], factor: float) -> list[Piece]:
        unknown = [index for index, piece in enumerate(pieces) if piece.tokens < 0]
        kinds = [pieces[index].block.kind for index in unknown]
        sources = [self.source[pieces[index].begin : pieces[index].end] for index in unknown]
        # What shows nothing, such as a comment, is embedded as it stands where nothing is beside it.
        texts = [shown(source, kind) or source.strip() for source, kind in zip(sources, kinds, strict=True)]
        bounds = [max(self.limit - self._before(pieces[index]), 1) for index in unknown]
        known = list(pieces)
        for index, tokens in zip(unknown, self.counter.near(texts, kinds, bounds), strict=True):
            known[index] = measured(pieces[index], math.ceil(tokens * factor))
        return known

    def _rooms(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, int, bool]]:
        """Give for each piece the tokens it may have, and whether it belongs to the piece before it."""
        announced = 0
        for piece in pieces:
            room = self.limit - self._before(piece)
            if piece.heading:
                # Headings may take half; where there are more of them, the first ones stay behind.
                joined = announced > 0 and announced + piece.tokens <= room // 2
                announced = announced + piece.tokens if joined else piece.tokens
                yield piece, room // 2, joined
            else:
                yield piece, room - announced, announced > 0
                announced = 0

    def _join(self, pieces: Sequence[Piece]) -> Iterator[Unit]:
        run: list[Piece] = []
        for piece, _, joined in self._rooms(pieces):
            if run and not joined:
                yield self._unit(run)
                run = []
            run.append(piece)
        if run:
            yield self._unit(run)

    def _unit(self, pieces: Sequence[Piece]) -> Unit:
        return Unit(tuple(pieces), sum(piece.tokens for piece in pieces), self._before(pieces[0]))
