from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from samesay.errors import MissingExtraError
from samesay.vectorfiles import RawVectors, check_target, write_npy


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
