"""Files of texts: which rows they have, in which column, read one at a time."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from samesay.errors import InputFileError, TextError
from samesay.textfiles.lines import text_lines
from samesay.textfiles.records import (
    Record,
    csv_rows,
    json_records,
    kind_of,
    named_rows,
    parquet_columns,
    parquet_records,
    tsv_rows,
)

Kind = Literal["lines", "csv", "tsv", "jsonl", "parquet"]

KINDS: dict[str, Kind] = {
    ".txt": "lines",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}

_PLACE_IN_LIST = re.compile(r"^text \d+ ")


@dataclass(frozen=True)
class TextRow:
    """One text of a file.

    Args:
        number: Its line, or in Parquet its row, from 1. A row of CSV may take several lines: its first.
        text: The text.
        id: The value of the column ``id``, where there is one; what is neither text nor a whole number is
            written as JSON.
    """

    number: int
    text: str
    id: str | int | None = None


@dataclass(frozen=True)
class TextSource:
    """A file of texts, sound as far as its first row.

    Args:
        path: The file.
        name: What messages call it.
        kind: How it is read.
        column: The column of the texts; ``text`` for plain lines.
    """

    path: Path
    name: str
    kind: Kind
    column: str

    def place(self, row: TextRow) -> str:
        """Where a row stands, for messages."""
        return f"{self.name}, {'row' if self.kind == 'parquet' else 'line'} {row.number}"


def text_source(path: Path, column: str | None = None) -> TextSource:
    """Look at a file of texts and find the column they are in.

    A line of a ``.txt`` file is a text, an empty line too, so that row i of a result is line i of the
    file. In ``.csv``, ``.tsv`` and ``.parquet`` it is the column asked for, else ``text``, else the only
    one; in ``.jsonl`` the field asked for, else ``text``. The first row of CSV and TSV names the columns.

    Raises:
        InputFileError: there is no such file, it is of another kind, it has no rows, or not that column.
    """
    kind = kind_of_file(path)
    name = path.name
    if kind == "parquet":
        return TextSource(path, name, kind, choose_column(column, parquet_columns(path, name), kind, name))
    with opened(path) as stream:
        return TextSource(path, name, kind, column_of(stream, kind, name, column))


def column_of(stream: BinaryIO, kind: Kind, name: str, asked: str | None) -> str:
    """Find the column of the texts from the first row of anything but Parquet; see ``text_source``.

    Raises:
        InputFileError: there is no row, or not that column.
    """
    if kind != "lines":
        return choose_column(asked, _first_columns(stream, kind, name), kind, name)
    if asked is not None:
        raise InputFileError(f"{name} has no columns: each line is a text; leave out the column {asked!r}")
    next(text_lines(stream, name))
    return "text"


def choose_column(asked: str | None, present: list[str], kind: Kind, name: str) -> str:
    """Choose the column of the texts among those present; see ``text_source``.

    Raises:
        InputFileError: there is no such column, or none to be told from the others.
    """
    wanted = "text" if asked is None else asked
    if wanted in present:
        return wanted
    known = ", ".join(map(repr, present)) or "none"
    if asked is None and kind != "jsonl" and len(present) == 1:
        if any(separator in present[0] for separator in ";\t|"):
            raise InputFileError(
                f"{name}: its only column would be {present[0]!r}; a .csv is read by commas, a .tsv by tabs; "
                f"if it is one column, say so: --column {present[0]!r}"
            )
        return present[0]
    raise InputFileError(f"{name} has no column {wanted!r}; it has {known}; choose one with --column")


def line_source(path: Path, name: str) -> TextSource:
    """A file whose lines are texts, whatever it is called."""
    return TextSource(path, name, "lines", "text")


def read_texts(source: TextSource) -> Iterator[TextRow]:
    """Give the rows of a file of texts in order.

    Raises:
        InputFileError: a row is not what it should be; the message says which and why.
    """
    with opened(source.path) as stream:
        if source.kind == "parquet":
            records = parquet_records(source.path, source.name, (source.column, "id"))
            yield from read_records(records, source)
        else:
            yield from read_stream(stream, source)


def read_stream(stream: BinaryIO, source: TextSource) -> Iterator[TextRow]:
    """Give the rows of a stream that is anything but Parquet; see ``read_texts``."""
    if source.kind == "lines":
        return read_lines(stream, source.name)
    return read_records(_stream_records(stream, source.kind, source.name), source)


def read_records(records: Iterable[tuple[int, Record]], source: TextSource) -> Iterator[TextRow]:
    """Give the texts of numbered records; see ``read_texts``."""
    for number, record in records:
        yield _row(number, record, source)


def read_lines(stream: BinaryIO, name: str) -> Iterator[TextRow]:
    """Give the lines of a stream, each a text, empty ones too."""
    for number, line in text_lines(stream, name):
        yield TextRow(number, line)


def opened(path: Path) -> BinaryIO:
    """Open a file for reading bytes.

    Raises:
        InputFileError: there is no such file, or it is a folder, a pipe, or not readable.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputFileError(f"{path} is a folder, not a file")
        if not stat.S_ISREG(mode):
            raise InputFileError(f"{path} is not a regular file; give - and send it to standard input")
        return path.open("rb")
    except FileNotFoundError:
        raise InputFileError(f"there is no file {path}") from None
    except OSError as error:
        raise InputFileError(f"{path} cannot be read: {error.strerror}") from None


def kind_of_file(path: Path) -> Kind:
    """How a file is read, by its name; a missing file or a folder is told first.

    Raises:
        InputFileError: there is no such file, or its name says none of the kinds that samesay reads.
    """
    opened(path).close()
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise InputFileError(
            f"{path.name}: cannot tell what is in it; samesay reads {', '.join(KINDS)}, "
            "or lines from standard input (-)"
        )
    return kind


def checked_text(value: object, what: str, place: str) -> str:
    """Give back a text, or say what there is instead.

    Raises:
        InputFileError: the value is not a string, or holds half of a surrogate pair (as JSON can).
    """
    if not isinstance(value, str):
        raise InputFileError(f"{place}: {what!r} is {kind_of(value)}, not a string")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputFileError(
            f"{place}: {what!r} holds half of a surrogate pair "
            f"(U+{ord(value[error.start]):04X} at character {error.start + 1}), which is not valid Unicode"
        ) from None
    return value


def at_place(error: TextError, place: str) -> TextError:
    """Give a model's error with the text's place in its file, where it had its place in a list."""
    return type(error)(f"{place}: {_PLACE_IN_LIST.sub('', str(error))}")


def _stream_records(stream: BinaryIO, kind: Kind, name: str) -> Iterator[tuple[int, Record]]:
    if kind == "jsonl":
        return json_records(stream, name)
    rows = csv_rows(stream, name) if kind == "csv" else tsv_rows(stream, name)
    return named_rows(rows, name)


def _first_columns(stream: BinaryIO, kind: Kind, name: str) -> list[str]:
    _, record = next(_stream_records(stream, kind, name), (0, None))
    if record is None:
        raise InputFileError(f"{name} has no rows" + (" below its header" if kind != "jsonl" else ""))
    return list(record)


def _row(number: int, record: Record, source: TextSource) -> TextRow:
    column = source.column
    row = TextRow(number, "")
    if column not in record:
        known = ", ".join(map(repr, record)) or "none"
        raise InputFileError(f"{source.place(row)}: no {column!r}; it has {known}")
    text = checked_text(record[column], column, source.place(row))
    return TextRow(number, text, None if column == "id" else _id(record.get("id"), source.place(row)))


def _id(value: object, place: str) -> str | int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return checked_text(value, "id", place) if isinstance(value, str) else json.dumps(value, default=str)
