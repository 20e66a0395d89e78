"""Plain text to blocks: paragraphs, which blank lines part."""

from __future__ import annotations

import re
from collections.abc import Iterator

from samesay.longtext.blocks import Block
from samesay.longtext.words import character_ends

# A larger paragraph is cut where it is, near the end of a sentence or at least between words: so that a file
# without any line break is worked on in parts.
_LARGEST = 1 << 19
_END = r"(?:\r\n|\n|\r(?!\n))"
_BLANK_LINES = re.compile(rf"{_END}(?:[^\S\r\n]*{_END})+")
_SENTENCE_OR_LINE = re.compile(r"[。！？.!?][\"'”’」』）)\]]{0,4}\s+|[。！？]|[\r\n]+")
_SPACE = re.compile(r"\s+")
_WINDOW = 4096


def prose_blocks(source: str, begin: int = 0, end: int | None = None) -> Iterator[Block]:
    """Give the paragraphs of a plain text."""
    end = len(source) if end is None else end
    start = begin
    for match in _BLANK_LINES.finditer(source, begin, end):
        if not source[start : match.start()].isspace() and match.start() > start:
            yield from _bounded(source, start, match.end())
            start = match.end()
    if start < end:
        yield from _bounded(source, start, end)


def _bounded(source: str, begin: int, end: int) -> Iterator[Block]:
    while end - begin > _LARGEST:
        cut = _place_to_cut(source, begin + _LARGEST // 2, begin + _LARGEST)
        yield Block(begin, cut, "prose")
        begin = cut
    yield Block(begin, end, "prose")


def _place_to_cut(source: str, begin: int, end: int) -> int:
    for pattern in (_SENTENCE_OR_LINE, _SPACE):
        for window in range(end - _WINDOW, begin, -_WINDOW):
            ends = [match.end() for match in pattern.finditer(source, window, window + _WINDOW)]
            if ends:
                return ends[-1]
    return next(character_ends(source, begin, end, end - begin - 1))
