"""Where samesay keeps models, and how a folder appears there all at once or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from samesay.flushing import flush


def cache_folder() -> Path:
    """The folder of everything that samesay stores: ``SAMESAY_CACHE`` or the platform's cache folder."""
    chosen = os.environ.get("SAMESAY_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("samesay"))


def models_folder() -> Path:
    """The folder of models: one sub-folder per repository, one below that per revision."""
    return cache_folder() / "models"


@contextmanager
def locked(target: Path, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of ``target`` against other processes; the lock file lies beside it.

    ``waiting`` is called once when another process holds it.
    """
    # Much to import, and most starts lock nothing.
    from filelock import FileLock, Timeout

    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(target.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if waiting is not None:
            waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locked_if_writable(target: Path) -> Iterator[None]:
    """Like ``locked``; where the folder cannot be written there is nothing to protect, and no lock.

    Nor is there one where the lock file is another user's: both then write the same, whole and renamed.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
            if os.access(target.parent, os.W_OK):
                stack.enter_context(locked(target))
        yield


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder that becomes ``target`` when the block ends well and vanishes when it does not.

    The caller holds ``locked(target)``. The rename is atomic: a reader sees a whole folder or none.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=target.name + ".building-", dir=target.parent))
    try:
        yield building
        flush_tree(building)
        building.chmod(0o755)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def flush_tree(folder: Path) -> None:
    """Force the files below ``folder`` to disk, so that a rename after it never shows empty files."""
    for path in folder.rglob("*"):
        if path.is_file():
            flush(path)
