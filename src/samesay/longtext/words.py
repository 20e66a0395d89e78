"""Where a text may be cut when no sentence fits: at clauses, between words, between characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_CLAUSE = re.compile(r"[,;:]\s+|[，、：；,؛،]\s*")
_SPACE = re.compile(r"\s+")
_JOINER = "\u200d"


def clause_ends(source: str, begin: int, end: int) -> Iterator[int]:
    """Give the offsets after commas, semicolons and colons."""
    return (match.end() for match in _CLAUSE.finditer(source, begin, end))


def word_ends(source: str, begin: int, end: int) -> Iterator[int]:
    """Give the offsets after white space."""
    return (match.end() for match in _SPACE.finditer(source, begin, end))


def character_ends(source: str, begin: int, end: int, step: int) -> Iterator[int]:
    """Give offsets about ``step`` characters apart, not inside what a reader sees as one character.

    A character with more marks than any script puts on it is cut all the same, so that nothing is unbounded.
    """
    cut = begin + step
    while cut < end:
        moved = cut
        while moved > cut - min(step, 32) + 1 and not _is_boundary(source, moved, begin):
            moved -= 1
        if not _is_boundary(source, moved, begin):
            moved = cut
        yield moved
        cut = moved + step


def _is_boundary(source: str, place: int, begin: int) -> bool:
    before, after = source[place - 1], source[place]
    if before == _JOINER or after == _JOINER or (before == "\r" and after == "\n"):
        return False
    if "\U0001f3fb" <= after <= "\U0001f3ff" or unicodedata.category(after).startswith("M"):
        return False
    if "\U0001f1e6" <= after <= "\U0001f1ff":
        # Flags are pairs of these letters.
        run = place
        while run > max(begin, place - 64) and "\U0001f1e6" <= source[run - 1] <= "\U0001f1ff":
            run -= 1
        return (place - run) % 2 == 0
    return True
