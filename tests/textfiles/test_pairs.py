from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from samesay.errors import InputFileError
from samesay.textfiles import TextPair, read_pairs, read_tsv_pairs


def pairs_of(folder: Path, name: str, content: str) -> list[TextPair]:
    path = folder / name
    path.write_bytes(content.encode())
    return list(read_pairs(path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.csv", "label,text_b,text_a\n1,b,a\n0,d,c\n"),
        ("p.tsv", "label\ttext_b\ttext_a\n1\tb\ta\n0\td\tc\n"),
        (
            "p.jsonl",
            '{"label": "1", "text_b": "b", "text_a": "a"}\n{"text_a": "c", "text_b": "d", "label": "0"}\n',
        ),
    ],
)
def test_named_columns_may_stand_in_any_order(tmp_path: Path, name: str, content: str) -> None:
    pairs = pairs_of(tmp_path, name, content)
    assert [(pair.text_a, pair.text_b, pair.further) for pair in pairs] == [
        ("a", "b", {"label": "1"}),
        ("c", "d", {"label": "0"}),
    ]
    assert [pair.place for pair in pairs][-1].startswith(f"{name}, line ")


def test_parquet_holds_pairs_too(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"text_a": ["a"], "text_b": ["b"], "n": [3]}), path)
    assert list(read_pairs(path)) == [TextPair("p.parquet, row 1", "a", "b", {"n": 3})]


def test_tsv_without_names_is_two_texts_and_more() -> None:
    pairs = list(read_tsv_pairs(io.BytesIO("猫\tcat\t1\tx\r\n犬\tdog\t0\ty\r\n".encode()), "standard input"))
    assert pairs == [
        TextPair("standard input, line 1", "猫", "cat", {"column_3": "1", "column_4": "x"}),
        TextPair("standard input, line 2", "犬", "dog", {"column_3": "0", "column_4": "y"}),
    ]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("p.tsv", "a\tb\nc\n", "p.tsv, line 2: 1 column where the first row has 2"),
        ("p.tsv", "only one\n", "p.tsv, line 1: one column; a pair is two columns with a tab between them"),
        ("p.tsv", "text_a\ttext_b\n", "p.tsv has a header and no rows"),
        ("p.tsv", "", "p.tsv is empty"),
        ("p.csv", "text_a,other\n1,2\n", "p.csv, line 2: no 'text_b'; a pair is text_a and text_b; it has"),
        ("p.csv", "text_a,text_b\n", "p.csv has no rows"),
        ("p.jsonl", '{"text_a": "x", "text_b": 1}\n', "p.jsonl, line 1: 'text_b' is a number, not a string"),
        ("p.txt", "a\tb\n", "if its two columns are separated by tabs, name it .tsv"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, name: str, content: str, told: str) -> None:
    with pytest.raises(InputFileError) as caught:
        pairs_of(tmp_path, name, content)
    assert told in str(caught.value)
