"""Files of intents and examples."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from samesay.decision.intents.examples import NONE, IntentExample
from samesay.errors import InputFileError
from samesay.textfiles.records import (
    Record,
    csv_rows,
    json_records,
    named_rows,
    parquet_records,
    tsv_rows,
)
from samesay.textfiles.texts import Kind, checked_text, kind_of_file, opened

INTENT = "intent"
_TEXTS = ("example", "text", "utterance", "query")


def read_examples(path: Path, none_label: str = NONE) -> list[IntentExample]:
    """Give the examples of a ``.tsv``, ``.csv``, ``.jsonl`` or ``.parquet`` file in order.

    The columns are ``intent`` and ``example`` (or ``text``, ``utterance``, ``query``). A TSV file whose first
    row does not name them has no header, and its two columns are the intent and the example. An empty intent
    and ``none_label`` say that a text has none of the intents.

    Raises:
        InputFileError: the file is not what it should be; the message says where and why.
    """
    kind = kind_of_file(path)
    name = path.name
    if kind == "lines":
        raise InputFileError(
            f"{name}: intents are read from .tsv, .csv, .jsonl or .parquet; "
            "if its columns are an intent, a tab and an example, name it .tsv"
        )
    unit = "row" if kind == "parquet" else "line"
    with opened(path) as stream:
        records = _records(stream, path, kind, name)
        found = [_example(record, f"{name}, {unit} {number}", none_label) for number, record in records]
    if not found:
        raise InputFileError(f"{name} has no rows")
    return found


def _records(stream: BinaryIO, path: Path, kind: Kind, name: str) -> Iterator[tuple[int, Record]]:
    if kind == "jsonl":
        return json_records(stream, name)
    if kind == "parquet":
        return parquet_records(path, name)
    if kind == "csv":
        return named_rows(csv_rows(stream, name), name)
    return named_rows(_with_header(tsv_rows(stream, name), name), name)


def _with_header(rows: Iterator[tuple[int, list[str]]], name: str) -> Iterator[tuple[int, list[str]]]:
    number, first = next(rows)
    if INTENT in first and any(column in first for column in _TEXTS):
        return chain([(number, first)], rows)
    if len(first) != 2:
        raise InputFileError(
            f"{name}, line {number}: {len(first)} columns; without a header that names {INTENT!r} and "
            f"{_TEXTS[0]!r} a row is an intent, a tab and an example"
        )
    return chain([(0, [INTENT, _TEXTS[0]]), (number, first)], rows)


def _example(record: Record, place: str, none_label: str) -> IntentExample:
    column = next((name for name in _TEXTS if name in record), None)
    if column is None or INTENT not in record:
        known = ", ".join(map(repr, record)) or "none"
        missing = INTENT if INTENT not in record else _TEXTS[0]
        raise InputFileError(
            f"{place}: no {missing!r}; a row has {INTENT!r} and {_TEXTS[0]!r}; it has {known}"
        )
    text = checked_text(record[column], column, place)
    if not text.strip():
        raise InputFileError(f"{place}: the example is empty; leave the row out")
    value = record[INTENT]
    intent = "" if value is None else checked_text(value, INTENT, place).strip()
    return IntentExample(text, None if intent in ("", NONE, none_label) else intent, place)
