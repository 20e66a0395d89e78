"""The blocks that a document is made of, whatever it is written in."""

from __future__ import annotations

import re
from dataclasses import dataclass

# How strongly neighbours are kept apart; a text that is too large is cut at its strongest gaps first.
APART = 1000  # nothing is ever joined across
SECTION = 100  # before a heading of level 0; deeper headings one less for each level
BLOCK = 50  # between blocks under one heading; between blocks inside a block one less for each depth
_SHALLOWEST_SECTION = 60

# Longer headings are cut in paths; the segment that holds the heading has it whole.
_LONGEST_HEADING = 200
_LINE_END = re.compile(r"\r\n|\n|\r")
_SPACE = re.compile(r"\s+")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of the source that is kept whole where it fits.

    Attributes:
        begin: Offset of the first character.
        end: Offset after the last one; the blank lines that follow a block are its own.
        kind: What it is, as in ``Segment``.
        path: The headings above it, outermost first.
        gap: How strongly it is kept apart from the block before it.
        heading: Whether it only announces what follows, and so must not end a segment.
        children: The blocks inside it, which cover it without gaps; empty where it has no structure.
        lead: The lines that every later part of it needs to be understood: a table's head, a fence's opening.
        tail: Where a last line begins that means nothing alone, such as a closing fence.
    """

    begin: int
    end: int
    kind: str
    path: tuple[str, ...] = ()
    gap: int = BLOCK
    heading: bool = False
    children: tuple[Block, ...] = ()
    lead: Span | None = None
    tail: int | None = None


def section_gap(level: int) -> int:
    """Give the gap before a section of that level; 0 is the outermost."""
    return max(SECTION - level, _SHALLOWEST_SECTION)


def line_starts(source: str) -> list[int]:
    r"""Give the offsets at which lines begin, and last the source's length; \r, \n and \r\n end lines."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(source))]
    if starts[-1] != len(source):
        starts.append(len(source))
    return starts


def label(text: str) -> str:
    """Give a heading on one line and of bounded length."""
    line = _SPACE.sub(" ", text[: 4 * _LONGEST_HEADING]).strip()
    return line if len(line) <= _LONGEST_HEADING else line[: _LONGEST_HEADING - 1].rstrip() + "…"


class HeadingPath:
    """The headings that are open at a place of the document."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []
        self.path: tuple[str, ...] = ()

    def enter(self, level: int, text: str) -> tuple[str, ...]:
        """Close the sections that a heading of this level ends, open its own, and give the path above it."""
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        above = tuple(heading for _, heading in self._open)
        self._open.append((level, text))
        self.path = (*above, text) if text else above
        return above
