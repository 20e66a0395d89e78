"""What a corpus is divided into: parts that are embedded, written and found again one by one."""

from __future__ import annotations

from dataclasses import dataclass

from samesay.textfiles import Kind
from samesay.vectorfiles import IdKind

# A part ends at so many bytes of text, or at the rows asked for, whichever comes first.
PART_BYTES = 2**21
PART_ROWS = 8192


@dataclass(frozen=True)
class Span:
    """Where the rows of a part lie in a file of lines.

    Args:
        begin: Its first byte.
        end: The byte after its last.
        header: What to put before it, so that it reads as a file of its own.
        line_shift: What to add to a line's number there to get its number in the file.
    """

    begin: int
    end: int
    header: bytes
    line_shift: int


@dataclass(frozen=True)
class Part:
    """Some rows of one file, one after the other.

    Args:
        source: The file, below the corpus.
        kind: How it is read.
        number: Which part of its file, from 0.
        first_row: Its first row in the file, from 0.
        rows: How many.
        span: Where they lie; None for Parquet, where the rows say it.
        digest: Changes whenever its rows may have changed.
    """

    source: str
    kind: Kind
    number: int
    first_row: int
    rows: int
    span: Span | None
    digest: str

    @property
    def name(self) -> str:
        """The file of its vectors, below the target."""
        return f"{self.source}-{self.number:06d}.parquet"


@dataclass(frozen=True)
class Plan:
    """A corpus in parts.

    Args:
        column: The column of the texts.
        ids: What is in the column ``id``.
        parts: In the order of the files' names, and of the rows in each.
        ignored: Files of kinds that are not read.
    """

    column: str
    ids: IdKind
    parts: tuple[Part, ...]
    ignored: int

    @property
    def rows(self) -> int:
        """How many texts there are."""
        return sum(part.rows for part in self.parts)
