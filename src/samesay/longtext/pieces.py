"""Pieces of blocks, and how a piece that is too large becomes smaller ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from samesay.longtext.blocks import BLOCK, Block
from samesay.longtext.sentences import sentence_ends
from samesay.longtext.words import character_ends, clause_ends, word_ends

_LINE_END = re.compile(r"\r\n|\n|\r")
_END = r"(?:\r\n|\n|\r(?!\n))"
# Blank lines before a line that is not indented more than what a definition's body would be.
_BLANK_LINES = re.compile(rf"{_END}(?:[^\S\r\n]*{_END})+")
# How deep blocks inside blocks are looked into.
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one block.

    Attributes:
        begin: Offset of the first character.
        end: Offset after the last one.
        block: The block whose kind and path it has.
        gap: How strongly it is kept apart from the piece before it.
        stage: How many ways of cutting were used up.
        children: Blocks inside it, into which it is cut first.
        first: Whether it begins its block.
        heading: Whether it must not end a segment.
        tokens: Their number, or -1 while it is not known.
    """

    begin: int
    end: int
    block: Block
    gap: int
    stage: int = 0
    children: tuple[Block, ...] = ()
    first: bool = True
    heading: bool = False
    tokens: int = -1


def measured(piece: Piece, tokens: int) -> Piece:
    """Give the piece with its tokens."""
    return Piece(
        piece.begin,
        piece.end,
        piece.block,
        piece.gap,
        piece.stage,
        piece.children,
        piece.first,
        piece.heading,
        tokens,
    )


def whole(block: Block, gap: int | None = None) -> Piece:
    """Give the piece that is all of a block."""
    gap = block.gap if gap is None else gap
    return Piece(block.begin, block.end, block, gap, 0, block.children, True, block.heading)


def blank_line_ends(source: str, begin: int, end: int) -> Iterator[int]:
    """Give the offsets after blank lines."""
    return (match.end() for match in _BLANK_LINES.finditer(source, begin, end))


def line_ends(source: str, begin: int, end: int) -> Iterator[int]:
    """Give the offsets after each line."""
    return (match.end() for match in _LINE_END.finditer(source, begin, end))


Ends = Callable[[str, int, int], Iterable[int]]
# Ways of cutting, each with the gap that it leaves between the pieces.
_BY_BLANK_LINES: tuple[Ends, int] = (blank_line_ends, 25)
_BY_LINES: tuple[Ends, int] = (line_ends, 20)
_BY_SENTENCES: tuple[Ends, int] = (sentence_ends, 22)
_BY_CLAUSES: tuple[Ends, int] = (clause_ends, 12)
_BY_WORDS: tuple[Ends, int] = (word_ends, 10)
_BY_CHARACTERS = 5

_PROSE = (_BY_SENTENCES, _BY_LINES, _BY_CLAUSES, _BY_WORDS)
_WAYS: dict[str, tuple[tuple[Ends, int], ...]] = {
    "code": (_BY_BLANK_LINES, _BY_LINES, _BY_WORDS),
    "table": (_BY_LINES, _BY_SENTENCES, _BY_WORDS),
    "list": (_BY_LINES, _BY_SENTENCES, _BY_CLAUSES, _BY_WORDS),
    "html": (_BY_BLANK_LINES, _BY_LINES, _BY_SENTENCES, _BY_WORDS),
    "front_matter": (_BY_LINES, _BY_SENTENCES, _BY_WORDS),
}


def finer(source: str, piece: Piece, grain: int) -> list[Piece]:
    """Cut a piece in the largest way that is left.

    Args:
        source: The document.
        piece: The piece.
        grain: How many characters a smaller piece has at least, so that there are not too many.

    Returns:
        At least two pieces that cover it, or one with a later stage; none where it is a single character.
    """
    if piece.children:
        return _into_children(piece)
    ways = _WAYS.get(piece.block.kind, _PROSE)
    begin, end = _without_space(source, piece)
    if piece.stage < len(ways):
        ends, gap = ways[piece.stage]
        cuts = _apart(source, piece, _not_inside_marks(piece.block, ends(source, begin, end), gap), grain)
        return _cut(piece, cuts, gap, piece.stage + 1)
    if end - begin < 2:
        return []
    step = max(min(grain, (end - begin) // 2), 1)
    cuts = _apart(source, piece, character_ends(source, begin, end, step), 1)
    return _cut(piece, cuts, _BY_CHARACTERS, piece.stage) if cuts else []


def _into_children(piece: Piece) -> list[Piece]:
    # Gaps inside are weaker than the one before the piece, and weaker the deeper they lie.
    inside = min(piece.gap, BLOCK) - 1
    inside = max(inside, BLOCK - _DEEPEST)
    return [whole(child, piece.gap if index == 0 else inside) for index, child in enumerate(piece.children)]


def _without_space(source: str, piece: Piece) -> tuple[int, int]:
    text = source[piece.begin : piece.end]
    return piece.end - len(text.lstrip()), piece.begin + len(text.rstrip())


def _not_inside_marks(block: Block, ends: Iterable[int], gap: int) -> Iterator[int]:
    """Leave out cuts that would part a table's head or a fence from what it belongs to."""
    if block.lead is None or gap <= _BY_WORDS[1]:
        yield from ends
        return
    for end in ends:
        if end > block.lead[1] and end != block.tail:
            yield end


def _apart(source: str, piece: Piece, ends: Iterable[int], grain: int) -> list[int]:
    """Keep the cuts that leave pieces of a size, none of them only white space."""
    begin, stop = _without_space(source, piece)
    cuts: list[int] = []
    last = piece.begin
    for end in ends:
        if end - last < grain or end <= begin:
            continue
        if end >= stop:
            break
        if source[last:end].isspace():
            continue
        cuts.append(end)
        last = end
    return cuts


def _cut(piece: Piece, cuts: list[int], gap: int, stage: int) -> list[Piece]:
    places = [piece.begin, *cuts, piece.end]
    pieces = [Piece(begin, end, piece.block, gap, stage, first=False) for begin, end in pairwise(places)]
    pieces[0] = replace(pieces[0], gap=piece.gap, first=piece.first)
    return pieces if cuts else [replace(pieces[0], tokens=piece.tokens)]
