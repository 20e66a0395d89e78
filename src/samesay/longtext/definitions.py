"""Code as definitions inside definitions, and its blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from samesay.longtext.blocks import BLOCK, Block, label, section_gap

# A larger source is cut at blank lines: its tree would take a hundred times its size of memory.
LARGEST_PARSED = 1 << 19
# Definitions nested deeper are statements like others.
DEEPEST = 8

_END = r"(?:\r\n|\n|\r(?!\n))"
_BEFORE_TOP_LEVEL = re.compile(rf"{_END}(?:[^\S\r\n]*{_END})+(?=[^\s}})\]])")
_LARGEST_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement or a definition, by its lines.

    Attributes:
        first: Its first line, from 0; comments and decorators before it are its own.
        label: The words of a definition's head, such as ``class Name``; empty for a statement.
        body: What a definition holds, in order; empty where its head is on one line with its body.
    """

    first: int
    label: str = ""
    body: tuple[Statement, ...] = ()


def statement_blocks(lines: Sequence[int], statements: Sequence[Statement]) -> Iterator[Block]:
    """Give the blocks of a source from its statements.

    The head of a definition is like a heading: it stays with the first statement of its body, and the rest of
    the body has it in its path.

    Args:
        lines: Offsets at which the lines begin, and last the length of the source.
        statements: Those of the outermost level.
    """
    if not lines or lines[-1] == 0:
        return
    yield from _level(lines, statements, (0, len(lines) - 1), (), section_gap(0))


def _level(
    lines: Sequence[int],
    statements: Sequence[Statement],
    span: tuple[int, int],
    path: tuple[str, ...],
    gap: int,
) -> Iterator[Block]:
    # Recursion is as deep as definitions are looked into.
    kept = [
        one for index, one in enumerate(statements) if not index or one.first > statements[index - 1].first
    ]
    if not kept:
        yield Block(lines[span[0]], lines[span[1]], "code", path, gap)
        return
    after_definition = False
    for index, one in enumerate(kept):
        first = one.first if index else span[0]
        last = kept[index + 1].first if index + 1 < len(kept) else span[1]
        before = gap if index == 0 else section_gap(len(path)) if one.label or after_definition else BLOCK
        after_definition = bool(one.label)
        inside = one.body[0].first if one.body else last
        if one.body and first < inside < last and len(path) < DEEPEST:
            yield Block(lines[first], lines[inside], "code", path, before, heading=True)
            yield from _level(lines, one.body, (inside, last), (*path, label(one.label)), BLOCK)
        else:
            yield Block(lines[first], lines[last], "code", path, before)


def blank_line_blocks(source: str) -> Iterator[Block]:
    """Give the blocks of any code: parted at blank lines before lines that are not indented."""
    begin = 0
    for match in _BEFORE_TOP_LEVEL.finditer(source):
        if source[begin : match.end()].isspace():
            continue
        yield from _bounded(source, begin, match.end())
        begin = match.end()
    if begin < len(source):
        yield from _bounded(source, begin, len(source))


def _bounded(source: str, begin: int, end: int) -> Iterable[Block]:
    while end - begin > _LARGEST_BLOCK:
        newline = source.rfind("\n", begin, begin + _LARGEST_BLOCK)
        cut = newline + 1 if newline > begin else begin + _LARGEST_BLOCK
        yield Block(begin, cut, "code")
        begin = cut
    yield Block(begin, end, "code")
