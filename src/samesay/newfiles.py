"""Files that are about to be written: refused early, and there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from samesay.errors import OutputFileError


def check_new_file(target: Path, *, overwrite: bool) -> None:
    """Refuse a name under which no file can appear, before any work is done for it.

    Raises:
        OutputFileError: It is a folder's, its folder is missing, or it exists already.
    """
    if target.is_dir():
        raise OutputFileError(f"{target} is a folder")
    if not target.parent.is_dir():
        raise OutputFileError(f"{target}: there is no folder {target.parent}; create it first")
    if target.exists() and not overwrite:
        raise OutputFileError(f"{target} exists; give another name, or --overwrite to replace it")


@contextmanager
def new_file(target: Path, beside: Path | None = None) -> Iterator[BinaryIO]:
    """Give a file that becomes ``target`` when the block ends well and vanishes when it does not.

    Args:
        target: The name to appear, all at once.
        beside: Where it is written first, in the same folder; a name of its own where None.

    Raises:
        OutputFileError: the disk is full, or the folder cannot be written to.
    """
    building = beside or target.with_name(f"{target.name}.{os.getpid()}.new")
    try:
        try:
            with building.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            building.replace(target)
        finally:
            building.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from None


def cannot_write(target: Path, error: OSError) -> OutputFileError:
    """What to tell when the system refuses to write."""
    return OutputFileError(f"{target} cannot be written: {error.strerror or error}")
