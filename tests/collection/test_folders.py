"""Files and folders to documents: which rows and folders are read, and which file a document comes from."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from small_collections import small_model

import samesay
from samesay.collection.document import Document
from samesay.collection.folders import Found, find_files, read_documents


def read(path: Path) -> tuple[Found, list[Document]]:
    found = find_files([path])
    return found, list(read_documents(found))


@pytest.mark.parametrize(
    ("name", "content", "ids", "told"),
    [
        (
            "a.jsonl",
            '{"id": "a", "text": "1"}\nbroken\n{"id": "b"}\n[]\n{"id": "c", "text": "3"}\n',
            ["a", "c"],
            ["line 2, column 1: not valid JSON", "line 3: no column 'text'", "line 4: a list where"],
        ),
        (
            "a.csv",
            "id,text\na,1\nb,2,3\nc\nd,4\n",
            ["a", "d"],
            ["line 3: 3 columns", "line 4: 1 column where"],
        ),
        (
            "a.tsv",
            "id\ttext\na\t1\n\nb\t2\t3\nd\t4\n\n",
            ["a", "d"],
            ["line 3: 1 column", "line 4: 3 columns"],
        ),
        (
            "b.jsonl",
            '{"id": "a", "text": "1", "big": 1e999}\n{"id": "b", "text": "2", "n": NaN, "title": NaN}\n',
            ["b"],
            ["line 1: document 'a': metadata 'big': inf"],
        ),
    ],
)
def test_a_row_that_is_no_document_leaves_the_others_alone(
    tmp_path: Path, name: str, content: str, ids: list[str], told: list[str]
) -> None:
    (tmp_path / name).write_text(content, "utf-8", newline="")
    found, documents = read(tmp_path / name)
    assert [one.id for one in documents] == ids
    assert len(found.skipped) == len(told)
    assert all(reason in one.reason and one.failed for reason, one in zip(told, found.skipped, strict=True))
    assert not found.read_well(found.files[0][1])


def test_a_number_that_is_missing_is_null(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = {"id": ["a", "b", "c"], "text": ["1", "2", "3"], "price": [1.0, float("nan"), None]}
    parquet.write_table(pa.table(rows), tmp_path / "p.parquet")
    found, documents = read(tmp_path / "p.parquet")
    assert [one.metadata["price"] for one in documents] == [1.0, None, None]
    assert found.skipped == []


def test_a_document_keeps_the_name_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("same", "utf-8")
    Path("one.jsonl").write_text(json.dumps({"id": "row", "text": "row"}), "utf-8")
    with samesay.open(tmp_path / "kb", small_model()) as kb:
        kb.add(read_documents(find_files([Path("a.txt"), Path("one.jsonl")])))
        assert {one.id: one.file for one in kb.documents()} == {"a.txt": "a.txt", "row": "one.jsonl"}
        Path("one.jsonl").rename("two.jsonl")
        assert kb.add(read_documents(find_files([Path("two.jsonl")]))).unchanged == 1
        moved = kb.get("row")
        assert moved is not None
        assert moved.file == "two.jsonl"
        kb.upgrade(small_model("bert-cls"))
        assert {one.id: one.file for one in kb.documents()} == {"a.txt": "a.txt", "row": "two.jsonl"}
        assert kb.add([{"id": "row", "text": "row"}, {"id": "a.txt", "text": "changed"}]).unchanged == 1
        assert [one.file for one in kb.documents()] == [None, None]
        report = kb.add([], prune_files=lambda _: True)
        assert (report.pruned, len(kb)) == (0, 2)
        assert kb.check().problems == ()


@pytest.mark.parametrize(
    ("scope", "inside", "outside"),
    [
        (".", ["a.txt", "b/c.txt"], ["/a.txt", "../a.txt", ".."]),
        ("..", ["../a.txt"], ["../../a.txt", "a.txt", "../.."]),
        ("b", ["b", "b/c.txt"], ["bc.txt", "b:3", "a/b"]),
        ("/", ["/a.txt"], ["a.txt"]),
        ("f.jsonl", ["f.jsonl"], ["f.jsonl:3", "f.jsonl.txt"]),
    ],
)
def test_what_lies_below_a_path(scope: str, inside: list[str], outside: list[str]) -> None:
    found = Found(scopes=[scope])
    assert [one for one in inside if not found.read_well(one)] == []
    assert [one for one in outside if found.read_well(one)] == []


@pytest.mark.skipif(sys.platform == "win32", reason="paths of POSIX systems")
def test_folders_may_be_nested_deeper_than_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    depth = 0
    try:
        while depth < 1100:
            os.mkdir("d")  # noqa: PTH102
            os.chdir("d")
            depth += 1
        Path("bottom.txt").write_text("bottom", "utf-8")
        os.chdir(tmp_path)
        found, documents = read(Path("d"))
        assert [one.text for one in documents] == ["bottom"]
        assert found.skipped == []
    finally:  # what removes folders of tests would not get to the bottom
        os.chdir(tmp_path / Path(*["d"] * depth))
        Path("bottom.txt").unlink(missing_ok=True)
        for _ in range(depth):
            os.chdir("..")
            os.rmdir("d")  # noqa: PTH106
