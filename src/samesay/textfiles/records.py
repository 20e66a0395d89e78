"""Files of rows with named columns: CSV, TSV, JSON Lines and Parquet, one row at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from samesay.errors import InputFileError, MissingExtraError
from samesay.textfiles.lines import LONGEST_LINE, lines_with_ends, text_lines

Record = dict[str, object]
# Told of a row that is none, in place of an error that ends the file.
BadRow = Callable[[InputFileError], None]


def csv_rows(stream: BinaryIO, name: str, bad: BadRow | None = None) -> Iterator[tuple[int, list[str]]]:
    """Give the rows of a CSV file, comma separated and with quotes, each with the line where it starts.

    Blank lines are skipped, as other CSV readers do.

    Args:
        stream: The file.
        name: What messages call it.
        bad: Told of a row of another number of columns, which is left out; without it that is an error.

    Raises:
        InputFileError: a quote is not closed, or a row has another number of columns than the first.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))  # 128 KiB cuts off long documents
    reader = csv.reader((line for _, line in lines_with_ends(stream, name)), strict=True)
    width = 0
    while True:
        start = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            reason = "a carriage return alone" if "new-line" in str(error) else str(error)
            raise InputFileError(f"{name}, row from line {start}: not valid CSV ({reason})") from None
        if row is None:
            return
        if row:
            width = width or len(row)
            if _has_width(row, width, start, name, bad):
                yield start, row


def tsv_rows(stream: BinaryIO, name: str, bad: BadRow | None = None) -> Iterator[tuple[int, list[str]]]:
    """Give the rows of a TSV file, each with its line. A quote is a character like any other.

    Blank lines at the end are no rows, except in a file of one column, where each line is a text.

    Args:
        stream: The file.
        name: What messages call it.
        bad: As for ``csv_rows``.

    Raises:
        InputFileError: a row has another number of columns than the first.
    """
    width = 0
    blank: list[int] = []
    for number, line in text_lines(stream, name):
        row = line.split("\t")
        width = width or len(row)
        if width > 1 and not line:
            blank.append(number)
            continue
        if blank:
            _has_width([""], width, blank[0], name, bad)
            blank = []
        if _has_width(row, width, number, name, bad):
            yield number, row


def named_rows(rows: Iterator[tuple[int, list[str]]], name: str) -> Iterator[tuple[int, Record]]:
    """Give the rows as records named by the first row.

    Raises:
        InputFileError: there is a header and no row, or two columns have one name.
    """
    _, header = next(rows, (0, None))
    if header is None:
        raise InputFileError(f"{name} has no rows")
    header = [column or f"column_{place}" for place, column in enumerate(header, 1)]
    doubled = sorted({column for column in header if header.count(column) > 1})
    if doubled:
        raise InputFileError(f"{name}: more than one column is named {doubled[0]!r}; rename one of them")
    for number, row in rows:
        yield number, dict(zip(header, row, strict=True))


def json_records(stream: BinaryIO, name: str, bad: BadRow | None = None) -> Iterator[tuple[int, Record]]:
    """Give the objects of a JSON Lines file, each with its line. Blank lines are skipped.

    Args:
        stream: The file.
        name: What messages call it.
        bad: Told of a line that is none, which is left out; without it that is an error.

    Raises:
        InputFileError: a line is not JSON, or not an object.
    """
    for number, line in text_lines(stream, name):
        if not line.strip():
            continue
        try:
            value = _object(line, number, name)
        except InputFileError as error:
            if bad is None:
                raise
            bad(error)
            continue
        yield number, value


def parquet_records(
    path: Path, name: str, columns: Sequence[str] | None = None
) -> Iterator[tuple[int, Record]]:
    """Give the rows of a Parquet file, each with its number from 1.

    Args:
        path: The file.
        name: What messages call it.
        columns: Read only those of these columns that the file has; None reads all.

    Raises:
        MissingExtraError: pyarrow is not installed.
        InputFileError: the file is not Parquet.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("reading Parquet", "parquet") from None
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            present = file.schema_arrow.names
            wanted = None if columns is None else [column for column in columns if column in present]
            for batch in file.iter_batches(batch_size=1024, columns=wanted):
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
    except (pyarrow.ArrowException, OSError) as error:
        raise InputFileError(f"{name} cannot be read as Parquet: {_first_line(error)}") from None


def parquet_columns(path: Path, name: str) -> list[str]:
    """The names of a Parquet file's columns."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("reading Parquet", "parquet") from None
    try:
        return [str(column) for column in pyarrow.parquet.read_schema(path).names]
    except (pyarrow.ArrowException, OSError) as error:
        raise InputFileError(f"{name} cannot be read as Parquet: {_first_line(error)}") from None


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    words: dict[type, str] = {str: "a string", list: "a list", dict: "an object"}
    return words.get(type(value), f"a value of type {type(value).__name__}")


def _object(line: str, number: int, name: str) -> Record:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputFileError(
            f"{name}, line {number}, column {error.colno}: not valid JSON ({error.msg})"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"{name}, line {number}: JSON that cannot be read ({error})") from None
    if not isinstance(value, dict):
        raise InputFileError(
            f'{name}, line {number}: {kind_of(value)} where an object such as {{"text": "…"}} should be'
        )
    return value


def _has_width(row: Sequence[str], width: int, number: int, name: str, bad: BadRow | None) -> bool:
    if len(row) == width:
        return True
    columns = "1 column" if len(row) == 1 else f"{len(row)} columns"
    error = InputFileError(f"{name}, line {number}: {columns} where the first row has {width}")
    if bad is None:
        raise error
    bad(error)
    return False


def _first_line(error: Exception) -> str:
    return (str(error).split("\n") or [""])[0]
