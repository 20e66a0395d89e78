from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from samesay.errors import MissingExtraError, OutputFileError
from samesay.vectorfiles import RawVectors, check_target, new_file, write_npy


def test_a_new_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.npy"
    with new_file(target) as file:
        file.write(b"all of it")
        file.flush()
        assert not target.exists()
    assert target.read_bytes() == b"all of it"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "out.npy"
    target.write_bytes(b"old")

    def fail() -> None:
        with new_file(target) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_system_that_refuses_to_write_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputFileError, match=r"out\.npy cannot be written: No such file or directory"),
        new_file(tmp_path / "none" / "out.npy"),
    ):
        pass


def test_npy_may_have_more_rows_than_one_read(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).standard_normal((1000, 700)).astype(np.float32)
    raw = tmp_path / "raw"
    raw.write_bytes(vectors.tobytes())
    write_npy(RawVectors(raw, 1000, 700), tmp_path / "out.npy", tmp_path / "beside")
    assert np.array_equal(np.load(tmp_path / "out.npy"), vectors)


def test_a_target_that_is_fine_passes(tmp_path: Path) -> None:
    check_target(tmp_path / "out.NPY", (".npy",), overwrite=False)
    (tmp_path / "out.npy").touch()
    check_target(tmp_path / "out.npy", (".npy",), overwrite=True)


def test_parquet_without_its_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"writing Parquet needs the extra 'parquet': pip install"):
        check_target(tmp_path / "out.parquet", (".npy", ".parquet"), overwrite=False)
