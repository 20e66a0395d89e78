"""Figures and their captions, joined to one block."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from samesay.longtext.blocks import Block

_IMAGE = r"!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])?"
_IMAGES = re.compile(rf"\s*(?:(?:{_IMAGE}|\[\s*{_IMAGE}\s*\](?:\([^)]*\)|\[[^\]]*\])?)\s*)+")
_CAPTION = re.compile(
    r"\s*(?:[*_]{1,2}[^*_]+[*_]{1,2}\s*\Z|[*_]{0,2}(?:fig(?:ure|\.)|diagram|abb(?:ildung|\.)|[图圖図]|그림)[\s\d:：.])",
    re.IGNORECASE,
)
_LONGEST = 4000
# Blocks that an HTML figure may be parted into by blank lines.
_MOST_PARTS = 20


def join_figures(source: str, blocks: Iterable[Block]) -> Iterator[Block]:
    """Join images with the caption after them, and the parts of ``<figure>`` elements."""
    waiting: list[Block] = []  # a figure that may go on
    for block in blocks:
        if waiting:
            if _goes_on(source, waiting, block):
                waiting.append(block)
                continue
            yield from _joined(source, waiting)
            waiting = []
        if _begins(source, block):
            waiting = [block]
        else:
            yield block
    yield from _joined(source, waiting)


def _begins(source: str, block: Block) -> bool:
    if block.heading or block.end - block.begin > _LONGEST:
        return False
    text = source[block.begin : block.end]
    if block.kind == "html":
        return "<figure" in text.lower()
    return block.kind == "prose" and "![" in text and _IMAGES.fullmatch(text) is not None


def _goes_on(source: str, figure: list[Block], block: Block) -> bool:
    if block.heading:
        return False
    if figure[0].kind == "html":
        return not _is_closed(source, figure) and len(figure) < _MOST_PARTS
    text = source[block.begin : block.end]
    return len(figure) == 1 and block.kind == "prose" and len(text) <= _LONGEST and bool(_CAPTION.match(text))


def _is_closed(source: str, figure: list[Block]) -> bool:
    return "</figure" in source[figure[-1].begin : figure[-1].end].lower()


def _joined(source: str, figure: list[Block]) -> Iterator[Block]:
    if figure and figure[0].kind == "html" and not _is_closed(source, figure):
        yield from figure
    elif figure:
        yield replace(figure[0], kind="figure", end=figure[-1].end)
