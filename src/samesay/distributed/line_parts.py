"""Files of lines in parts: read through once, so that every mistake is told before any work is done."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from samesay.distributed.parts import PART_BYTES, Part, Span
from samesay.errors import InputFileError
from samesay.filesystems import Storage, StoredFile
from samesay.textfiles import Kind, TextRow, TextSource, column_of, read_stream
from samesay.textfiles.records import csv_rows, tsv_rows
from samesay.vectorfiles import IdKind

_LARGEST_INTEGER_BITS = 63


def line_parts(
    storage: Storage, file: StoredFile, kind: Kind, column: str | None, part_rows: int
) -> tuple[str, IdKind, list[Part]]:
    """Divide a file of any kind but Parquet; without rows it has no parts.

    Returns:
        The column of the texts, what is in the column ``id``, and the parts.

    Raises:
        InputFileError: The file or one of its rows is not what it should be.
    """
    header = _header(storage, file.name, kind)
    if header is None:
        return column or "text", "none", []
    with storage.opened(file.name) as stream:
        found = column_of(stream, kind, file.name, column)
    ids: IdKind = "none"
    source = TextSource(Path(file.name), file.name, kind, found)
    divider = _Divider(source, header, part_rows)
    with storage.opened(file.name) as stream:
        watched = _Watched(stream)
        for row in read_stream(cast(BinaryIO, watched), source):
            divider.add(*watched.taken())
            if row.id is not None and ids != "string":
                is_text = isinstance(row.id, str) or row.id.bit_length() > _LARGEST_INTEGER_BITS
                ids = "string" if is_text else "integer"
        parts = divider.ended(*watched.taken())
    return found, ids, parts


def read_line_part(storage: Storage, part: Part, span: Span, column: str) -> Iterator[TextRow]:
    """Give the rows of a part, numbered as in the whole file.

    Raises:
        InputFileError: The file was changed since it was divided.
    """
    with storage.opened(part.source) as stream:
        stream.seek(span.begin)
        content = stream.read(span.end - span.begin)
    if hashlib.sha256(content).hexdigest() != part.digest:
        raise InputFileError(f"{part.source} was changed while it was read; run the command again")
    source = TextSource(Path(part.source), part.source, part.kind, column)
    rows = read_stream(io.BytesIO(span.header + content), source)
    if part.kind == "lines" and span.header:
        rows = islice(rows, 1, None)
    for row in rows:
        yield replace(row, number=row.number + span.line_shift)


class _Watched:
    """A stream read by lines that keeps what was read since it was last asked."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: list[bytes] = []

    def readline(self, limit: int = -1) -> bytes:
        line = self._stream.readline(limit)
        if line:
            self._lines.append(line)
        return line

    def taken(self) -> tuple[bytes, int]:
        """The bytes since the last call, and in how many lines."""
        taken, self._lines = self._lines, []
        return b"".join(taken), len(taken)


class _Divider:
    """Collects rows to parts, given the bytes that each takes.

    Args:
        source: The file.
        header: Its first bytes, which belong to no row.
        part_rows: Rows of a part, at most.
    """

    def __init__(self, source: TextSource, header: bytes, part_rows: int) -> None:
        self._source = source
        self._header = header
        self._part_rows = part_rows
        self._parts: list[Part] = []
        self._content: list[bytes] = []
        self._begin, self._size, self._line = len(header), 0, header.count(b"\n") + 1
        self._lines = 0
        self._first_row = 0
        self._at_start = True

    def add(self, content: bytes, lines: int) -> None:
        """Add a row."""
        if self._at_start:  # the header comes with the first row
            content, lines = content[len(self._header) :], lines - self._header.count(b"\n")
            self._at_start = False
        if len(self._content) >= self._part_rows or self._size + len(content) > PART_BYTES:
            self._end_part()
        self._content.append(content)
        self._size += len(content)
        self._lines += lines

    def ended(self, rest: bytes, lines: int) -> list[Part]:
        """Give the parts; what is left of the file belongs to the last."""
        if self._content:
            self._content[-1] += rest
            self._size += len(rest)
            self._lines += lines
            self._end_part()
        return self._parts

    def _end_part(self) -> None:
        if not self._content:
            return
        content = b"".join(self._content)
        # Rows that come first may have a byte order mark, which only the first line of a stream may have.
        header = self._header or (b"\n" if self._begin else b"")
        span = Span(self._begin, self._begin + self._size, header, self._line - 1 - header.count(b"\n"))
        part = Part(
            self._source.name,
            self._source.kind,
            len(self._parts),
            self._first_row,
            len(self._content),
            span,
            hashlib.sha256(content).hexdigest(),
        )
        self._parts.append(part)
        self._first_row += part.rows
        self._begin += self._size
        self._line += self._lines
        self._content, self._size, self._lines = [], 0, 0


def _header(storage: Storage, name: str, kind: Kind) -> bytes | None:
    """The lines that name the columns, none in files without; None where there are no rows."""
    with storage.opened(name) as stream:
        watched = _Watched(stream)
        if kind in ("csv", "tsv"):
            if not stream.peek(1):  # type: ignore[attr-defined]
                return None
            rows = (csv_rows if kind == "csv" else tsv_rows)(cast(BinaryIO, watched), name)
            next(rows, None)
            header, _ = watched.taken()
            return None if next(rows, None) is None else header
        while line := stream.readline(_BLANK_BYTES):
            if kind == "lines" or line.strip():
                return b""
    return None


_BLANK_BYTES = 2**16
