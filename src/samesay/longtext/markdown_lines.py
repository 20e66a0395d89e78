"""Very large Markdown to blocks, line by line: headings, fences, tables and what blank lines part."""

from __future__ import annotations

import re
from collections.abc import Iterator

from samesay.longtext.blocks import Block, HeadingPath, section_gap
from samesay.longtext.markdown import heading_label
from samesay.longtext.prose import prose_blocks

# What may begin or end a block: fences, ATX headings, the underline of a setext heading, rows of a table.
_MARKED = re.compile(
    r"^ {0,3}(?:(?P<fence>`{3,}|~{3,})|(?P<hashes>\#{1,6})(?=[ \t\n]|\Z)"
    r"|(?P<underline>=+|-+)[ \t]*(?=\n|\Z)|(?P<row>\|))",
    re.MULTILINE,
)
_BLANK_LINES = re.compile(r"(?:[^\S\n]*\n)+")
_NO_ROW = re.compile(r"^(?! {0,3}\|)", re.MULTILINE)


def line_blocks(source: str, start: int) -> Iterator[Block]:
    """Give the blocks of a Markdown text from an offset on, in one pass over its lines."""
    return _Scan(source, start).blocks()


class _Scan:
    """One pass; ``_done`` is where the next block begins.

    Every line end is made a newline, at the same offsets.
    """

    def __init__(self, source: str, start: int) -> None:
        self._text = source.replace("\r\n", " \n").replace("\r", "\n")
        self._headings = HeadingPath()
        self._done = start

    def blocks(self) -> Iterator[Block]:
        """Give the blocks."""
        place = self._done
        while match := _MARKED.search(self._text, place):
            begin, end = match.start(), self._line_end(match.start())
            if match["fence"]:
                yield from self._prose_before(begin)
                yield self._fence(begin, end, match["fence"])
            elif match["hashes"]:
                yield from self._prose_before(begin)
                title = self._text[match.end("hashes") : end]
                yield self._heading(begin, end, len(match["hashes"]), title)
            elif match["row"]:
                yield from self._prose_before(begin)
                yield self._table(begin, end)
            else:
                above = self._text.rfind("\n", self._done, max(begin - 1, self._done)) + 1 or self._done
                title = self._text[above:begin]
                if title.strip():
                    yield from self._prose_before(above)
                    yield self._heading(above, end, 1 if "=" in match["underline"] else 2, title)
            place = max(end, self._done)
        yield from self._prose_before(len(self._text))

    def _prose_before(self, end: int) -> Iterator[Block]:
        if self._done < end:
            for block in prose_blocks(self._text, self._done, end):
                yield Block(block.begin, block.end, block.kind, self._headings.path)
            self._done = end

    def _heading(self, begin: int, end: int, level: int, title: str) -> Block:
        self._done = self._after_blank_lines(end)
        above = self._headings.enter(level, heading_label(title.strip()))
        return Block(begin, self._done, "prose", above, section_gap(level - 1), heading=True)

    def _fence(self, begin: int, end: int, marks: str) -> Block:
        closing = re.compile(rf"^ {{0,3}}{re.escape(marks)}{marks[0]}*[ \t]*$", re.MULTILINE)
        found = closing.search(self._text, end)
        last = self._line_end(found.start()) if found else len(self._text)
        self._done = self._after_blank_lines(last)
        tail = found.start() if found else None
        return Block(begin, self._done, "code", self._headings.path, lead=(begin, end), tail=tail)

    def _table(self, begin: int, end: int) -> Block:
        found = _NO_ROW.search(self._text, end)
        last = found.start() if found else len(self._text)
        self._done = self._after_blank_lines(last)
        head = self._line_end(end) if end < last else end
        return Block(begin, self._done, "table", self._headings.path, lead=(begin, head))

    def _line_end(self, place: int) -> int:
        return self._text.find("\n", place) + 1 or len(self._text)

    def _after_blank_lines(self, place: int) -> int:
        blank = _BLANK_LINES.match(self._text, place)
        return blank.end() if blank else place
