"""Flushing takes files and folders, and says when there is neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from samesay.flushing import flush


def test_files_and_folders_are_flushed_and_what_is_missing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    flush(tmp_path / "file")
    flush(tmp_path)
    with pytest.raises(FileNotFoundError):
        flush(tmp_path / "none")
