from __future__ import annotations

from pathlib import Path

import pytest

from samesay.errors import OutputFileError
from samesay.filesystems import Storage


def test_a_file_is_written_whole_replaced_whole_and_leaves_nothing_beside(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "new" / "folder"))
    storage.write_whole("a/b.bin", b"one")
    storage.write_whole("a/b.bin", b"second")
    assert [(file.name, file.size) for file in storage.files()] == [("a/b.bin", 6)]
    with storage.opened("a/b.bin") as stream:
        assert stream.read() == b"second"


def test_a_refused_write_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(OutputFileError, match="taken cannot be written: "):
        storage.write_whole("taken", b"one")
    assert [file.name for file in storage.files()] == ["taken/file"]


def test_only_what_writers_left_is_swept(tmp_path: Path) -> None:
    for name in (".a.parquet.0123.new", "sub/.b.parquet.0123.new", "c.new", ".d", "e.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    storage = Storage(str(tmp_path))
    storage.remove_unfinished()
    assert [file.name for file in storage.files()] == [".d", "c.new", "e.parquet"]


def test_names_below_a_uri_come_before_its_options() -> None:
    place = "s3://bucket/texts?endpoint_override=127.0.0.1:5000&scheme=http"
    expected = "s3://bucket/texts/a.txt?endpoint_override=127.0.0.1:5000&scheme=http"
    assert Storage(place).below("a.txt") == expected
