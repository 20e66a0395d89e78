from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesay.errors import InputFileError
from samesay.textfiles.records import csv_rows, json_records, named_rows, tsv_rows

FIELD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).map(
    lambda field: field.removeprefix("\ufeff")
)
TSV_FIELD = FIELD.map(lambda field: field.translate({9: "", 10: "", 13: ""}))


def rows_of(rows: Iterator[tuple[int, list[str]]]) -> list[list[str]]:
    return [row for _, row in rows]


def table(fields: st.SearchStrategy[str], least_columns: int) -> st.SearchStrategy[list[list[str]]]:
    return st.integers(least_columns, 4).flatmap(
        lambda width: st.lists(st.lists(fields, min_size=width, max_size=width), min_size=1)
    )


@settings(deadline=None)
@given(table(FIELD, 1), st.sampled_from(["\n", "\r\n"]))
def test_csv_comes_back_as_it_was_written(written: list[list[str]], end: str) -> None:
    file = io.StringIO()
    csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(written)
    assert rows_of(csv_rows(io.BytesIO(file.getvalue().encode()), "a.csv")) == written


@settings(deadline=None)
@given(table(TSV_FIELD, 2), st.sampled_from(["\n", "\r\n"]))
def test_tsv_comes_back_as_it_was_written(written: list[list[str]], end: str) -> None:
    content = "".join("\t".join(row) + end for row in written)
    assert rows_of(tsv_rows(io.BytesIO(content.encode()), "a.tsv")) == written


@settings(deadline=None)
@given(st.lists(st.dictionaries(FIELD, FIELD | st.integers(), min_size=1), min_size=1))
def test_json_lines_come_back_as_they_were_written(written: list[dict[str, object]]) -> None:
    content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in written)
    assert [record for _, record in json_records(io.BytesIO(content.encode()), "a.jsonl")] == written


def test_a_quote_in_tsv_is_a_character() -> None:
    assert rows_of(tsv_rows(io.BytesIO(b'"a\tb"\n6"\t\n'), "a.tsv")) == [['"a', 'b"'], ['6"', ""]]


def test_a_field_may_be_longer_than_the_csv_modules_limit() -> None:
    long = "word " * 100_000
    assert rows_of(csv_rows(io.BytesIO(f'text\n"{long}"\n'.encode()), "a.csv")) == [["text"], [long]]


def test_rows_are_numbered_by_the_line_they_start_on() -> None:
    content = b'text\n"two\nlines"\n\nnext\n'
    assert [number for number, _ in csv_rows(io.BytesIO(content), "a.csv")] == [1, 2, 5]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\n1,2\n\n3\n", "a.csv, line 4: 1 column where the first row has 2"),
        (b'a,b\n1,"open\n2,3\n', "a.csv, row from line 2: not valid CSV"),
        (b'a,b\n1,"x"y\n', "a.csv, row from line 2: not valid CSV"),
        (b"a,b\n1,2\r3,4\n", "a carriage return alone"),
    ],
)
def test_broken_csv_is_told_with_its_line(content: bytes, told: str) -> None:
    with pytest.raises(InputFileError) as caught:
        list(csv_rows(io.BytesIO(content), "a.csv"))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a\tb\n1\t2\t3\n", "a.tsv, line 2: 3 columns where the first row has 2"),
        (b"a\tb\n1\n", "a.tsv, line 2: 1 column where the first row has 2"),
        (b"a\tb\n\n1\t2\n", "a.tsv, line 2: 1 column where the first row has 2"),
    ],
)
def test_ragged_tsv_is_told_with_its_line(content: bytes, told: str) -> None:
    with pytest.raises(InputFileError) as caught:
        list(tsv_rows(io.BytesIO(content), "a.tsv"))
    assert str(caught.value) == told


def test_blank_lines_end_a_tsv_but_are_texts_in_one_column() -> None:
    assert rows_of(tsv_rows(io.BytesIO(b"a\tb\n\n\n"), "a.tsv")) == [["a", "b"]]
    assert rows_of(tsv_rows(io.BytesIO(b"a\n\nb\n\n"), "a.tsv")) == [["a"], [""], ["b"], [""]]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"text": "a"', "a.jsonl, line 2, column 13: not valid JSON"),
        ("{'text': 'a'}", "a.jsonl, line 2, column 2: not valid JSON"),
        ('"text"', "a.jsonl, line 2: a string where an object"),
        ("[" * 100_000, "a.jsonl, line 2: "),
        ('{"n": ' + "1" * 5000 + "}", "a.jsonl, line 2: "),
    ],
)
def test_broken_json_is_told_with_line_and_column(line: str, told: str) -> None:
    with pytest.raises(InputFileError) as caught:
        list(json_records(io.BytesIO(f'{{"text": "fine"}}\n{line}\n'.encode()), "a.jsonl"))
    assert str(caught.value).startswith(told)


def test_two_columns_of_one_name_are_told() -> None:
    with pytest.raises(InputFileError, match="more than one column is named 'b'"):
        list(named_rows(iter([(1, ["a", "b", "b"]), (2, ["1", "2", "3"])]), "a.csv"))


def test_columns_without_a_name_are_numbered() -> None:
    records = list(named_rows(iter([(1, ["a", "", ""]), (2, ["1", "2", "3"])]), "a.csv"))
    assert records == [(2, {"a": "1", "column_2": "2", "column_3": "3"})]
