"""One writer at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samesay.errors import CollectionBusyError, CollectionError

_NAME = "write.lock"


@contextmanager
def one_writer(folder: Path | None) -> Iterator[None]:
    """Keep other writers of a collection out; readers need nothing of this.

    Raises:
        CollectionBusyError: Another process, or another object in this one, is writing.
        CollectionError: The folder cannot be written to.
    """
    if folder is None:
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(folder / _NAME, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise CollectionBusyError(f"another process is writing {folder}; wait for it to end") from None
    except OSError as error:
        raise CollectionError(f"{folder} cannot be written to: {error.strerror or error}") from None
    try:
        yield
    finally:
        lock.release()
