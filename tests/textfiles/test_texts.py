from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from samesay.errors import InputFileError, MissingExtraError, OverlengthError
from samesay.textfiles import TextRow, at_place, read_texts, text_source


def texts_of(path: Path, column: str | None = None) -> list[str]:
    return [row.text for row in read_texts(text_source(path, column))]


def refusal(path: Path, column: str | None = None) -> str:
    with pytest.raises(InputFileError) as caught:
        texts_of(path, column)
    return str(caught.value)


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


def test_every_line_of_a_txt_file_is_a_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", "eins\n\n  zwei \r\n中文\u2028句子")
    assert texts_of(path) == ["eins", "", "  zwei ", "中文\u2028句子"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'id,text\n7,"a, b"\n8,c\n'),
        ("a.tsv", "id\ttext\n7\ta, b\n8\tc\n"),
        ("a.jsonl", '{"text": "a, b", "id": "7"}\n\n{"id": "8", "text": "c"}\n'),
        ("a.NDJSON", '{"text": "a, b", "id": "7"}\n{"id": "8", "text": "c"}'),
    ],
)
def test_every_kind_gives_texts_and_ids(tmp_path: Path, name: str, content: str) -> None:
    rows = list(read_texts(text_source(write(tmp_path, name, content))))
    assert [(row.text, row.id) for row in rows] == [("a, b", "7"), ("c", "8")]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_gives_texts_and_ids(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "a.parquet"
    texts = pa.array(["a", "中文"] * 1500).cast(kind)
    pq.write_table(pa.table({"text": texts, "id": list(range(3000)), "other": [None] * 3000}), path)
    rows = list(read_texts(text_source(path)))
    assert [row.text for row in rows] == ["a", "中文"] * 1500
    assert [row.id for row in rows] == list(range(3000))
    assert rows[2999] == TextRow(3000, "中文", 2999)


def test_an_id_of_another_kind_becomes_text(tmp_path: Path) -> None:
    path = write(
        tmp_path, "a.jsonl", "".join(f'{{"text": "", "id": {id_}}}\n' for id_ in ("1.5", "[1]", "true"))
    )
    assert [row.id for row in read_texts(text_source(path))] == ["1.5", "[1]", "true"]


def test_the_column_asked_for_comes_before_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,body\n1,2\n")
    assert texts_of(path, "body") == ["2"]
    assert texts_of(path) == ["1"]


def test_the_only_column_is_taken(tmp_path: Path) -> None:
    assert texts_of(write(tmp_path, "a.csv", "sentence\nx\ny\n")) == ["x", "y"]
    assert texts_of(write(tmp_path, "a.tsv", "sentence\nx\n\n")) == ["x", ""]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "a.csv",
            "id,body\n1,x\n",
            "a.csv has no column 'text'; it has 'id', 'body'; choose one with --column",
        ),
        ("a.jsonl", '{"body": "x"}\n', "a.jsonl has no column 'text'; it has 'body'"),
        ("a.jsonl", '{"text": "x"}\n{"body": "x"}\n', "a.jsonl, line 2: no 'text'; it has 'body'"),
        ("a.csv", "id;text\n1;x\n", "its only column would be 'id;text'"),
        ("a.csv", "text\n", "a.csv has no rows below its header"),
        ("a.tsv", "text\tid\n", "a.tsv has no rows below its header"),
        ("a.jsonl", "\n\n", "a.jsonl has no rows"),
        ("a.jsonl", '{"text": 7}\n', "a.jsonl, line 1: 'text' is a number, not a string"),
        ("a.jsonl", '{"text": null}\n', "a.jsonl, line 1: 'text' is null, not a string"),
        ("a.jsonl", '{"text": "a\\ud83d"}\n', "half of a surrogate pair (U+D83D at character 2)"),
        (
            "a.jsonl",
            '{"text": "a", "id": "\\ud83d"}\n',
            "a.jsonl, line 1: 'id' holds half of a surrogate pair",
        ),
        ("a.md", "text\n", "a.md: cannot tell what is in it; samesay reads .txt, .csv"),
        ("a.parquet", "no parquet at all", "a.parquet cannot be read as Parquet"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, name: str, content: str, told: str) -> None:
    assert told in refusal(write(tmp_path, name, content))


def test_a_truncated_parquet_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["word " * 100] * 1000}), path)
    path.write_bytes(path.read_bytes()[:-100])
    assert "a.parquet cannot be read as Parquet" in refusal(path)


def test_parquet_of_another_type_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a", None]}), path)
    assert refusal(path) == "a.parquet, row 2: 'text' is null, not a string"
    pq.write_table(pa.table({"body": ["a"], "other": ["b"]}), path)
    assert "a.parquet has no column 'text'; it has 'body', 'other'" in refusal(path)


def test_plain_lines_have_no_column(tmp_path: Path) -> None:
    assert "has no columns" in refusal(write(tmp_path, "a.txt", "x\n"), "text")


def test_missing_files_folders_and_pipes_are_told(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.txt") == f"there is no file {tmp_path / 'a.txt'}"
    folder = tmp_path / "folder.txt"
    folder.mkdir()
    assert refusal(folder) == f"{folder} is a folder, not a file"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.txt")
        assert "is not a regular file; give - " in refusal(tmp_path / "pipe.txt")


def test_a_long_file_is_not_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(json.dumps({"text": "word " * 200}) + "\n" for _ in range(10)) + "broken", "utf-8"
    )
    rows = read_texts(text_source(path))
    assert len([next(rows) for _ in range(10)]) == 10
    with pytest.raises(InputFileError, match="line 11"):
        next(rows)


def test_an_error_of_a_list_gets_the_place_in_the_file() -> None:
    error = at_place(OverlengthError("text 12 has 600 tokens; it reads 512"), "a.txt, line 7")
    assert isinstance(error, OverlengthError)
    assert str(error) == "a.txt, line 7: has 600 tokens; it reads 512"


def test_parquet_without_its_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"]}), path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"reading Parquet needs the extra 'parquet': pip install"):
        text_source(path)
