"""A document to segments: what is embedded, stored and found of a text that may be long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from samesay.errors import TextError
from samesay.longtext.blocks import APART, BLOCK, Block, Span
from samesay.longtext.file_formats import FORMAT_BY_SUFFIX
from samesay.longtext.fitting import Fitting, Unit
from samesay.longtext.heading_paths import common_path, path_line
from samesay.longtext.html_text import shown
from samesay.longtext.packing import Packing
from samesay.longtext.pieces import Piece, whole
from samesay.longtext.sizes import TokenCounter

Format = Literal["markdown", "text", "python", "code"]

# Preferred tokens of an embedded text, where the model reads as many.
DEFAULT_TARGET = 256
# Blocks with as many characters together are worked on at once, so that memory does not grow with the source.
_STRETCH = 1 << 20
# Rounds in which segments that came out too large are made smaller; the factor grows in each.
_ROUNDS = 24


@dataclass(frozen=True)
class Segment:
    """A stretch of a document.

    Attributes:
        begin: Offset of its first character in the source.
        end: Offset after its last character.
        kind: What most of it is: ``"prose"``, ``"code"``, ``"table"``, ``"list"``, ``"figure"``, ``"quote"``,
            ``"html"``, ``"front_matter"``, or ``"blank"`` where there is only white space.
        headings: The headings above it, outermost first, without those that stand in it; for code, the
            definitions around it. Shortened where they are too long.
        repeated: Lines of the source before it that its embedded text repeats: the head of a table, the
            opening of a fence, of which it holds a later part.
    """

    begin: int
    end: int
    kind: str
    headings: tuple[str, ...] = ()
    repeated: Span | None = None

    def embedded(self, source: str, title: str | None = None) -> str:
        """Give the text that is embedded: heading path, repeated lines, and its own text; of HTML the words.

        Tags say nothing about what a text is about, and vectors of many tags are near to any question.

        Args:
            source: The document that it is of.
            title: Put before the path where the path does not begin with it. ``limit`` of ``segment`` knows
                nothing of it: take its tokens off there.
        """
        path = self.headings
        if title and path[:1] != (title,):
            path = (title, *path)
        lines = [path_line(path)] if path else []
        if self.repeated:
            lines.append(source[self.repeated[0] : self.repeated[1]].strip())
        text = shown(source[self.begin : self.end], self.kind)
        return "\n".join([*lines, text] if text else lines) or source[self.begin : self.end].strip()


def segment(
    source: str,
    *,
    format: Format = "text",  # noqa: A002
    language: str | None = None,
    count_tokens: Callable[[Sequence[str]], Sequence[int]],
    limit: int,
    target: int | None = None,
) -> list[Segment]:
    """Cut a document into segments along its own structure.

    Every character belongs to exactly one segment, in order. No segment is empty or, unless all of the source
    is, white space only. An empty source has no segments.

    Args:
        source: The document.
        format: What it is written in.
        language: The language of code, as ``format_of`` gives it. Code in a language without a grammar here,
            and Python with a syntax error, is cut at blank lines before lines that are not indented.
        count_tokens: Tokens of each text as the model reads it, special tokens and prompt included.
        limit: Most tokens of one embedded text.
        target: Tokens that an embedded text should have; by default 256 or the limit.

    Raises:
        TextError: When the limit is too small for a single character of the source.
    """
    if not source:
        return []
    if source.isspace():
        return [Segment(0, len(source), "blank")]
    counter = TokenCounter(count_tokens)
    target = min(limit, target or DEFAULT_TARGET)
    fitting = Fitting(source, counter, limit)
    segments: list[Segment] = []
    for blocks in _stretches(_blocks(source, format, language)):
        segments.extend(_segment_stretch(fitting, blocks, target))
    return list(_without_blank(source, segments))


def format_of(path: Path) -> tuple[Format, str | None]:
    """Give the format of a file, and the language where it is code, by its name."""
    name = path.name.lower()
    language = FORMAT_BY_SUFFIX.get(path.suffix.lower()) or FORMAT_BY_SUFFIX.get(name)
    if language == "markdown":
        return "markdown", None
    if language == "python":
        return "python", None
    return ("code", language) if language else ("text", None)


def _blocks(source: str, format: Format, language: str | None) -> Iterable[Block]:  # noqa: A002
    # Parsers are imported where they are needed: they bring their libraries.
    if format == "markdown":
        from samesay.longtext.markdown import markdown_blocks

        return markdown_blocks(source)
    if format == "python":
        from samesay.longtext.python_code import python_blocks

        return python_blocks(source)
    if format == "code":
        from samesay.longtext.code import code_blocks

        return code_blocks(source, language)
    if format == "text":
        from samesay.longtext.prose import prose_blocks

        return prose_blocks(source)
    raise TextError(f"a document is of format 'markdown', 'text', 'python' or 'code', not {format!r}")


def _stretches(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    stretch: list[Block] = []
    characters = 0
    for block in blocks:
        announced = stretch[-1].heading if stretch else False
        if characters >= _STRETCH and (not announced or characters >= 2 * _STRETCH) and block.gap >= BLOCK:
            yield stretch
            stretch, characters = [], 0
        stretch.append(block)
        characters += block.end - block.begin
    if stretch:
        yield stretch


def _segment_stretch(fitting: Fitting, blocks: Sequence[Block], target: int) -> list[Segment]:
    """Pack the blocks, count what came out, and pack anew what is too large after all."""
    done: list[Segment] = []
    pieces = [whole(block) for block in blocks]
    factor = 1.0
    for _ in range(_ROUNDS):
        units = fitting.units(pieces, factor)
        groups = [units[begin:end] for begin, end in Packing(units, target, fitting.limit).groups()]
        segments = [_make(fitting, group) for group in groups]
        counts = fitting.counter.whole([one.embedded(fitting.source) for one in segments])
        pieces = []
        excess = 1.0
        for group, one, count in zip(groups, segments, counts, strict=True):
            if count <= fitting.limit:
                done.append(one)
            elif len(fitting.source[one.begin : one.end].strip()) == 1:
                done.append(_character(fitting, one))
            else:
                pieces.extend(_apart(group))
                excess = max(excess, count / fitting.limit)
        if not pieces:
            return sorted(done, key=lambda one: one.begin)
        factor *= min(max(1.05 * excess, 1.25), 4)
    raise TextError(f"the document could not be cut into segments of {fitting.limit} tokens")


def _apart(group: Sequence[Unit]) -> Iterator[Piece]:
    pieces = [piece for unit in group for piece in unit.pieces]
    # Pieces of HTML are measured without tags, and a tag may begin in one and end in another: only alone is
    # each as large as it was measured.
    loose = any(piece.block.kind == "html" for piece in pieces)
    yield replace(pieces[0], gap=APART, tokens=-1)
    yield from (replace(piece, gap=APART if loose else piece.gap, tokens=-1) for piece in pieces[1:])


def _make(fitting: Fitting, group: Sequence[Unit]) -> Segment:
    pieces = [piece for unit in group for piece in unit.pieces]
    first = pieces[0]
    kinds: Counter[str] = Counter()
    for piece in pieces:
        kinds[piece.block.kind] += 0 if piece.heading else piece.end - piece.begin
    return Segment(
        first.begin,
        pieces[-1].end,
        kinds.most_common(1)[0][0],
        fitting.paths.shortened(common_path(piece.block.path for piece in pieces)),
        fitting.lead(first),
    )


def _character(fitting: Fitting, one: Segment) -> Segment:
    alone = Segment(one.begin, one.end, one.kind)
    text = alone.embedded(fitting.source)
    count = fitting.counter.whole([text])[0]
    if count > fitting.limit:
        raise TextError(
            f"a segment may have {fitting.limit} tokens, but the character {text!r} at {one.begin} alone has "
            f"{count} with what the model puts around it; allow more"
        )
    return alone


def _without_blank(source: str, segments: Iterable[Segment]) -> Iterator[Segment]:
    """Give white space that stands alone to the segment before it, or the one after it at the beginning."""
    begin = 0
    waiting: Segment | None = None
    for one in segments:
        if source[one.begin : one.end].isspace():
            if waiting:
                waiting = replace(waiting, end=one.end)
            continue
        if waiting:
            yield waiting
            begin = waiting.end
        waiting = replace(one, begin=begin) if begin != one.begin else one
    if waiting:
        yield waiting
