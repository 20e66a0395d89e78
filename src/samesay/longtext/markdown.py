"""Markdown to blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from samesay.longtext.blocks import APART, BLOCK, Block, HeadingPath, label, line_starts, section_gap
from samesay.longtext.figures import join_figures
from samesay.longtext.front_matter import front_matter_end

# Above this many characters the parser would take minutes for a hostile source; then lines are looked at one
# by one, for headings, fences, tables and blank lines only.
LARGEST_PARSED = 1 << 19
# Only beginnings and ends of lines decide about blocks, so that the parser need not see the middle of a
# very long one.
_LONGEST_LINE = 4096

_KINDS = {
    "blockquote_open": "quote",
    "bullet_list_open": "list",
    "code_block": "code",
    "fence": "code",
    "heading_open": "heading",
    "html_block": "html",
    "list_item_open": "list",
    "ordered_list_open": "list",
    "paragraph_open": "prose",
    "table_open": "table",
    "hr": "rule",
}
_CONTAINERS = ("blockquote_open", "bullet_list_open", "ordered_list_open", "list_item_open")
_PLAIN = re.compile(r"[\w \-,.:?!'’，。：？！（）()/]{0,200}")
_ANCHOR = re.compile(r"\s*\{[^{}]*\}\s*\Z")
_CLOSING_HASHES = re.compile(r"(?:\A|[ \t]+)#+[ \t]*\Z")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_MARKS = re.compile(r"\\([!-/:-@\[-`{-~])|</?[A-Za-z][^<>]*>|\*\*|__|`+|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")


@dataclass(slots=True)
class _Node:
    """A block token with what is inside it."""

    kind: str
    first: int
    last: int
    token: Token
    text: str = ""
    inside: list[_Node] = field(default_factory=list)


def markdown_blocks(source: str) -> Iterator[Block]:
    """Give the blocks of a Markdown text, under their headings.

    CommonMark with tables, as markdown-it parses it, except that definitions of links are paragraphs. A
    source of more than ``LARGEST_PARSED`` characters is read line by line: without lists, quotes and HTML.
    """
    start = front_matter_end(source)
    if start:
        yield Block(0, start, "front_matter", gap=APART)
    if len(source) - start > LARGEST_PARSED:
        from samesay.longtext.markdown_lines import line_blocks

        blocks: Iterable[Block] = line_blocks(source, start)
    else:
        blocks = join_figures(source, _parsed(source, start))
    gap = APART if start else BLOCK
    for block in blocks:
        if gap == APART:
            block = replace(block, gap=APART)
            gap = BLOCK
        yield block


def heading_label(text: str) -> str:
    """Give a heading's words without marks, links and anchors."""
    if _PLAIN.fullmatch(text):
        return label(text)
    text = _CLOSING_HASHES.sub("", text[:1000])
    text = _ANCHOR.sub("", text)
    text = _LINK.sub(r"\1", text)
    return label(_MARKS.sub(r"\1", text))


def _parsed(source: str, start: int) -> Iterator[Block]:
    text = source[start:]
    lines = [start + place for place in line_starts(text)]
    parser = MarkdownIt("commonmark").enable("table").disable(["inline", "text_join", "reference"])
    tokens = parser.parse("\n".join(_shown(source, lines)))
    nodes = _tree(tokens)
    # What the parser skips, as what is nested too deep, belongs to the block before it.
    yield from _blocks(source, lines, nodes, (0, len(lines) - 1), HeadingPath())


def _shown(source: str, lines: Sequence[int]) -> Iterator[str]:
    for begin, end in pairwise(lines):
        line = source[begin:end].rstrip("\r\n")
        if len(line) > _LONGEST_LINE:
            line = line[: _LONGEST_LINE // 2] + line[-_LONGEST_LINE // 2 :]
        yield line


def _tree(tokens: Sequence[Token]) -> list[_Node]:
    top: list[_Node] = []
    open_nodes: list[_Node] = []
    leaf_level: int | None = None  # the level of a leaf that is open, such as a paragraph
    for token in tokens:
        if leaf_level is not None:
            if token.type == "inline" and open_nodes[-1].kind == "heading":
                open_nodes[-1].text = token.content
            if token.nesting == -1 and token.level == leaf_level:
                leaf_level = None
                open_nodes.pop()
            continue
        if token.nesting == -1:
            open_nodes.pop()
            continue
        if token.map is None:
            continue
        node = _Node(_KINDS.get(token.type, "prose"), token.map[0], token.map[1], token)
        (open_nodes[-1].inside if open_nodes else top).append(node)
        if token.nesting == 1:
            open_nodes.append(node)
            if token.type not in _CONTAINERS:
                leaf_level = token.level
    return top


def _blocks(
    source: str, lines: Sequence[int], nodes: Sequence[_Node], span: tuple[int, int], headings: HeadingPath
) -> Iterator[Block]:
    """Give blocks that cover the lines of the span; each has the lines up to the next one."""
    # A rule belongs to what stands before it, and of several that begin on one line the first has it.
    kept: list[_Node] = []
    for node in nodes:
        if not kept or (node.kind != "rule" and node.first > kept[-1].first):
            kept.append(node)
    if not kept and span[0] < span[1]:
        yield Block(lines[span[0]], lines[span[1]], "prose", headings.path)
    for index, node in enumerate(kept):
        first = node.first if index else span[0]
        last = kept[index + 1].first if index + 1 < len(kept) else span[1]
        yield _block(source, lines, node, (first, last), headings)


def _block(
    source: str, lines: Sequence[int], node: _Node, span: tuple[int, int], headings: HeadingPath
) -> Block:
    begin, end = lines[span[0]], lines[span[1]]
    if node.kind == "heading" and node.token.level == 0:
        level = int(node.token.tag[1:])
        above = headings.enter(level, heading_label(node.text))
        return Block(begin, end, "prose", above, section_gap(level - 1), heading=True)
    kind = "prose" if node.kind in ("heading", "rule") else node.kind
    children: tuple[Block, ...] = ()
    if node.inside:
        children = tuple(_blocks(source, lines, node.inside, span, headings))
        if kind == "quote" and len(children) == 1 and not children[0].children:
            children = ()
    lead = tail = None
    if node.kind == "table":
        lead = (begin, lines[min(node.first + 2, span[1])])
    elif node.token.type == "fence":
        lead = (begin, lines[min(node.first + 1, span[1])])
        last = source[lines[node.last - 1] : lines[node.last]].strip(" \t>\r\n")
        if node.last - 1 > node.first and last and not last.strip(node.token.markup[0]):
            tail = lines[node.last - 1]
    return Block(begin, end, kind, headings.path, BLOCK, False, children, lead, tail)
