from __future__ import annotations

from pathlib import Path

import pytest

from samesay.errors import OutputFileError
from samesay.newfiles import check_new_file, new_file


def test_a_name_under_which_no_file_can_appear_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(OutputFileError, match=r"is a folder$"):
        check_new_file(tmp_path, overwrite=True)
    with pytest.raises(OutputFileError, match=r"there is no folder .*none; create it first"):
        check_new_file(tmp_path / "none" / "out", overwrite=True)
    taken = tmp_path / "taken"
    taken.touch()
    with pytest.raises(OutputFileError, match="taken exists; give another name, or --overwrite"):
        check_new_file(taken, overwrite=False)
    check_new_file(taken, overwrite=True)
    check_new_file(tmp_path / "free", overwrite=False)


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
