"""What a folder or a stranger can put before a collection: handled, and told where it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_collections import new_collection, small_model, texts

import samesay
from samesay.collection.document import LONGEST_TEXT
from samesay.collection.folders import find_files, read_documents
from samesay.errors import DocumentError, InputFileError

LARGE = 200 * 2**20


def test_a_text_file_of_200_mb_is_skipped_unread_and_told(tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.write(b"word " * 1000)
        file.truncate(LARGE)
    (tmp_path / "small.txt").write_text("small", "utf-8")
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from samesay.collection.folders import find_files, read_documents\n"
        "found = find_files([Path(sys.argv[1])])\n"
        "print([one.text for one in read_documents(found)], found.skipped[0].reason)\n"
        "print([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    told, peak_kb = ended.stdout.splitlines()
    assert "['small'] has 209,715,200 bytes; the limit is 67,108,864 (--max-bytes)" in told
    assert int(peak_kb) < 150 * 1024


def test_a_text_too_long_to_be_one_document_is_refused_in_words(tmp_path: Path) -> None:
    text = "a" * (LONGEST_TEXT + 1)
    with samesay.open(None, small_model()) as kb:
        with pytest.raises(DocumentError, match="'long': text has 67,108,865 characters; at most 67"):
            kb.add([{"id": "short", "text": "short"}, {"id": "long", "text": text}])
        assert len(kb) == 0
    (tmp_path / "long.txt").write_text(text, "utf-8")
    (tmp_path / "small.txt").write_text("small", "utf-8")
    found = find_files([tmp_path])
    assert [one.text for one in read_documents(found, largest=LARGE)] == ["small"]
    (skipped,) = found.skipped
    assert skipped.failed
    assert "make several documents of it" in skipped.reason


def test_binary_files_and_other_encodings_are_skipped_and_told(tmp_path: Path) -> None:
    (tmp_path / "image.md").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + os.urandom(500))
    (tmp_path / "late.txt").write_bytes(b"a" * 9000 + b"\xff\xfe")
    (tmp_path / "latin.txt").write_bytes("Größe".encode("latin-1"))
    (tmp_path / "wide.txt").write_bytes("text".encode("utf-16"))
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "good.txt").write_bytes("\ufeffgood".encode())
    found = find_files([tmp_path])
    assert [one.text for one in read_documents(found)] == ["good"]
    reasons = {Path(one.name).name: one.reason for one in found.skipped}
    assert reasons["image.md"] == reasons["wide.txt"] == "is not text"
    assert reasons["late.txt"] == "is not UTF-8: byte 9001 is 0xFF"
    assert reasons["latin.txt"] == "is not UTF-8: byte 3 is 0xF6"
    assert reasons["empty.txt"] == "is empty"


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX systems")
def test_cyclic_links_pipes_and_deep_folders_end(tmp_path: Path) -> None:
    deep = tmp_path
    for level in range(120):
        deep = deep / f"l{level}"
    deep.mkdir(parents=True)
    (deep / "bottom.txt").write_text("bottom", "utf-8")
    (deep / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "nowhere.txt").symlink_to(tmp_path / "missing")
    (tmp_path / "again.txt").symlink_to(deep / "bottom.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    found = find_files([tmp_path])
    assert [one.text for one in read_documents(found)] == ["bottom"]
    assert {one.reason for one in found.skipped} == {
        "is there already under another name",
        "is a link that leads nowhere",
        "is no regular file",
    }


def test_a_path_with_dots_is_one_id_and_pruning_stays_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "x.txt").write_text("x", "utf-8")
    (tmp_path / "outside.txt").write_text("outside", "utf-8")
    monkeypatch.chdir(tmp_path / "a" / "b")
    plain, around = find_files([Path("../x.txt")]), find_files([Path("../../a/b/../x.txt")])
    assert plain.files[0][1] == "../x.txt"
    assert around.files[0][1] == "../../a/x.txt"
    assert not plain.read_well("../../outside.txt")
    found = find_files([Path()])
    assert not found.read_well("../x.txt")
    assert not found.read_well("/etc/passwd")
    with pytest.raises(InputFileError, match="there is no file"):
        find_files([Path("../none")])


@pytest.mark.parametrize(
    "nested",
    [
        "> " * 3000 + "deep",
        "\n".join("  " * level + "- item" for level in range(500)),
        "[" * 20000,
        "*" * 20000 + "a",
        "```\n" * 3001,
        "#" * 20000,
        "|" * 20000 + "\n" + "|-" * 10000,
    ],
    ids=["quotes", "lists", "brackets", "stars", "fences", "hashes", "table"],
)
def test_deep_nesting_is_a_document_like_any_other(nested: str) -> None:
    with samesay.open(None, small_model()) as kb:
        kb.add([{"id": "deep", "text": nested, "format": "markdown"}])
        document = kb.get("deep")
        assert document is not None
        assert document.text == nested
        assert kb.check(samples=0).problems == ()


def test_deeply_nested_python_is_a_document_like_any_other() -> None:
    nested = "(" * 5000 + ")" * 5000
    with samesay.open(None, small_model()) as kb:
        kb.add([{"id": "deep", "text": f"x = {nested}\n", "format": "python"}])
        assert kb.check(samples=0).problems == ()


UNUSUAL_IDS = [
    " ",
    ".",
    "..",
    "../../etc/passwd",
    "-",
    "\0",
    "a\nb\tc\r",
    "'; DROP TABLE documents; --",
    '" OR ""="',
    "%",
    "_",
    "NULL",
    "\ufeff",
    "\u202eabc",
    "e\u0301",
    "\u00e9",
    "ﬁ",
    "猫🐈\u200d⬛",
    "\U0010ffff",
    "\uffff",
    "x" * 4096,
]


def test_any_unicode_is_an_id_and_equal_looking_ones_stay_apart(tmp_path: Path) -> None:
    with new_collection(tmp_path, "lance") as kb:
        documents = [
            {"id": one, "text": text} for one, text in zip(UNUSUAL_IDS, texts(len(UNUSUAL_IDS)), strict=True)
        ]
        assert kb.add(documents).added == len(UNUSUAL_IDS)
        assert kb.add(documents).unchanged == len(UNUSUAL_IDS)
        assert [one.id for one in kb.documents()] == UNUSUAL_IDS
        for one, document in zip(UNUSUAL_IDS, documents, strict=True):
            there = kb.get(one)
            assert there is not None
            assert there.text == document["text"]
            assert [hit.document_id for hit in kb.search("text", 50, mode="text", where={"id": one})] == [one]
        assert kb.delete(UNUSUAL_IDS[:-1]) == len(UNUSUAL_IDS) - 1
        assert [one.id for one in kb.documents()] == UNUSUAL_IDS[-1:]
        assert kb.check().problems == ()


@pytest.mark.parametrize(
    "attack",
    [
        "' OR 1=1 --",
        "'; DROP TABLE documents; --",
        '") OR ("1"="1',
        "x' UNION SELECT * FROM passages --",
        "%",
        "_",
    ],
)
def test_a_filter_is_never_more_than_a_value(tmp_path: Path, attack: str) -> None:
    with new_collection(tmp_path, "lance") as kb:
        kb.add([{"id": "a", "text": "amber", "metadata": {"topic": "x"}}, {"id": attack, "text": "birch"}])
        for where in (
            {"topic": attack},
            {attack: "x"},
            {"topic": {"in": [attack]}},
            {"topic": {"gt": attack, "lt": attack}},
        ):
            assert kb.search("amber", 9, where=where) == []
        assert [hit.document_id for hit in kb.search("amber", 9, where={"id": attack})] == [attack]
        assert len(kb) == 2


def test_a_field_may_have_any_name(tmp_path: Path) -> None:
    name = "to'pic\"; --"
    with new_collection(tmp_path, "lance") as kb:
        kb.add([{"id": "a", "text": "amber", "metadata": {name: "x"}}, {"id": "b", "text": "amber"}])
        assert [hit.document_id for hit in kb.search("amber", 9, where={name: "x"})] == ["a"]
