"""Texts and pairs of texts from files: UTF-8, one row at a time, every mistake named with its line."""

from samesay.textfiles.pairs import TextPair, read_pairs, read_tsv_pairs
from samesay.textfiles.texts import (
    KINDS,
    Kind,
    TextRow,
    TextSource,
    at_place,
    choose_column,
    column_of,
    line_source,
    read_lines,
    read_records,
    read_stream,
    read_texts,
    text_source,
)

__all__ = [
    "KINDS",
    "Kind",
    "TextPair",
    "TextRow",
    "TextSource",
    "at_place",
    "choose_column",
    "column_of",
    "line_source",
    "read_lines",
    "read_pairs",
    "read_records",
    "read_stream",
    "read_texts",
    "read_tsv_pairs",
    "text_source",
]
