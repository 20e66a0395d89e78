"""Files of pairs of texts, read one pair at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from samesay.errors import InputFileError
from samesay.textfiles.records import Record, csv_rows, json_records, named_rows, parquet_records, tsv_rows
from samesay.textfiles.texts import Kind, checked_text, kind_of_file, opened

SIDES = ("text_a", "text_b")


@dataclass(frozen=True)
class TextPair:
    """Two texts to compare.

    Args:
        place: Where the pair stands, for messages.
        text_a: The left text, the query where one side is a query.
        text_b: The right text.
        further: The row's other columns, by name, in order.
    """

    place: str
    text_a: str
    text_b: str
    further: Record


def read_pairs(path: Path) -> Iterator[TextPair]:
    """Give the pairs of a ``.tsv``, ``.csv``, ``.jsonl`` or ``.parquet`` file in order.

    A TSV file without the names ``text_a`` and ``text_b`` in its first row has no header: its first two
    columns are the pair. The other kinds need these two columns.

    Raises:
        InputFileError: the file is not what it should be; the message says where and why.
    """
    kind = kind_of_file(path)
    name = path.name
    if kind == "lines":
        raise InputFileError(
            f"{name}: pairs are read from .tsv, .csv, .jsonl or .parquet; "
            "if its two columns are separated by tabs, name it .tsv"
        )
    with opened(path) as stream:
        if kind == "tsv":
            yield from read_tsv_pairs(stream, name)
            return
        unit = "row" if kind == "parquet" else "line"
        empty = True
        for number, record in _records(stream, path, kind, name):
            empty = False
            yield _pair(record, f"{name}, {unit} {number}")
        if empty:
            raise InputFileError(f"{name} has no rows")


def read_tsv_pairs(stream: BinaryIO, name: str) -> Iterator[TextPair]:
    """Give the pairs of a TSV stream: two columns or more, with a header or without."""
    rows = tsv_rows(stream, name)
    number, first = next(rows)
    if len(first) < 2:
        raise InputFileError(
            f"{name}, line {number}: one column; a pair is two columns with a tab between them"
        )
    headed = all(side in first for side in SIDES)
    header = first if headed else [*SIDES, *(f"column_{place}" for place in range(3, len(first) + 1))]

    def all_rows() -> Iterator[tuple[int, list[str]]]:
        yield 0, header
        if not headed:
            yield number, first
        yield from rows

    empty = True
    for number, record in named_rows(all_rows(), name):
        empty = False
        yield _pair(record, f"{name}, line {number}")
    if empty:
        raise InputFileError(f"{name} has a header and no rows")


def _records(stream: BinaryIO, path: Path, kind: Kind, name: str) -> Iterator[tuple[int, Record]]:
    if kind == "csv":
        return named_rows(csv_rows(stream, name), name)
    if kind == "parquet":
        return parquet_records(path, name)
    return json_records(stream, name)


def _pair(record: Record, place: str) -> TextPair:
    missing = [side for side in SIDES if side not in record]
    if missing:
        known = ", ".join(map(repr, record)) or "none"
        raise InputFileError(
            f"{place}: no {' and no '.join(map(repr, missing))}; a pair is text_a and text_b; it has {known}"
        )
    text_a, text_b = (checked_text(record[side], side, place) for side in SIDES)
    return TextPair(
        place, text_a, text_b, {name: value for name, value in record.items() if name not in SIDES}
    )
