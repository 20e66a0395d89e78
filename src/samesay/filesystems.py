"""Folders wherever they lie: on this machine, or on a file system that pyarrow or fsspec knows."""

from __future__ import annotations

import io
import posixpath
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from samesay.errors import InputFileError, MissingExtraError, OutputFileError
from samesay.flushing import flush

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.fs

_BUFFER_BYTES = 2**20
_UNFINISHED = ".new"


@dataclass(frozen=True)
class StoredFile:
    """A file below a folder.

    Args:
        name: Its path below the folder, with ``/``.
        size: In bytes.
        modified: When it was last written, in nanoseconds; None where the file system does not tell.
    """

    name: str
    size: int
    modified: int | None


class Storage:
    """A folder by its path or URI, such as ``vectors/`` or ``s3://bucket/vectors``.

    Args:
        place: The path or URI.

    Raises:
        InputFileError: No file system is known for it.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self.is_local = "://" not in place or place.startswith("file://")
        self._system, self._root = _file_system(place)

    def below(self, name: str) -> str:
        """What to call a file in messages."""
        head, mark, query = self.place.partition("?")
        return f"{head.rstrip('/')}/{name}{mark}{query}"

    @property
    def local_folder(self) -> Path:
        """The folder, where it is on this machine."""
        return Path(self._root)

    def kind(self) -> str:
        """``file``, ``folder`` or ``missing``.

        Raises:
            InputFileError: The file system does not answer.
        """
        import pyarrow.fs

        with _refused(f"{self.place} cannot be read"):
            found = self._system.get_file_info(self._root).type
        names = {pyarrow.fs.FileType.File: "file", pyarrow.fs.FileType.Directory: "folder"}
        return names.get(found, "missing")

    def files(self) -> list[StoredFile]:
        """All files below the folder, sorted by name; none where there is no folder."""
        import pyarrow.fs

        selector = pyarrow.fs.FileSelector(self._root, allow_not_found=True, recursive=True)
        with _refused(f"{self.place} cannot be listed"):
            found = self._system.get_file_info(selector)
        return sorted(
            (
                StoredFile(self._name(one.path), one.size, one.mtime_ns)
                for one in found
                if one.type == pyarrow.fs.FileType.File
            ),
            key=lambda file: file.name,
        )

    def file(self, name: str) -> StoredFile | None:
        """One file below the folder, or None."""
        import pyarrow.fs

        with _refused(f"{self.below(name)} cannot be read"):
            found = self._system.get_file_info(self._path(name))
        if found.type != pyarrow.fs.FileType.File:
            return None
        return StoredFile(name, found.size, found.mtime_ns)

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for reading by lines and seeking.

        Raises:
            InputFileError: It cannot be read.
        """
        with self.opened_for_arrow(name) as raw:
            yield io.BufferedReader(cast(io.RawIOBase, raw), _BUFFER_BYTES)

    @contextmanager
    def opened_for_arrow(self, name: str) -> Iterator[pyarrow.NativeFile]:
        """Open a file as readers of pyarrow want it.

        Raises:
            InputFileError: It cannot be read.
        """
        with (
            _refused(f"{self.below(name)} cannot be read"),
            self._system.open_input_file(self._path(name)) as raw,
        ):
            yield raw

    def write_whole(self, name: str, content: bytes | memoryview) -> None:
        """Write a file beside and rename it, so that it is there whole or not at all.

        Raises:
            OutputFileError: The file system refuses.
        """
        path = self._path(name)
        folder, _, last = path.rpartition("/")
        beside = f"{folder}/.{last}.{uuid.uuid4().hex}{_UNFINISHED}"
        with _refused(f"{self.below(name)} cannot be written", OutputFileError):
            self._system.create_dir(folder, recursive=True)
            try:
                with self._system.open_output_stream(beside) as stream:
                    stream.write(content)
                if self.is_local:
                    flush(Path(beside))
                self._system.move(beside, path)
            except BaseException:
                self._remove_if_there(beside)
                raise

    def remove(self, name: str) -> None:
        """Delete a file.

        Raises:
            OutputFileError: The file system refuses.
        """
        with _refused(f"{self.below(name)} cannot be removed", OutputFileError):
            self._system.delete_file(self._path(name))

    def remove_unfinished(self) -> None:
        """Delete what writers that were killed have left beside their files."""
        for file in self.files():
            if is_hidden(file.name) and file.name.endswith(_UNFINISHED):
                self._remove_if_there(self._path(file.name))

    def _remove_if_there(self, path: str) -> None:
        with _refused(path, FileNotFoundError, quiet=True):
            self._system.delete_file(path)

    def _path(self, name: str) -> str:
        return posixpath.join(self._root, name)

    def _name(self, path: str) -> str:
        return path.lstrip("/").removeprefix(self._root.strip("/")).lstrip("/")


def stored_files(place: str) -> tuple[Storage, list[StoredFile]]:
    """Find the files at a place, which is a folder or a single file.

    Files and folders whose names begin with ``_`` or ``.`` do not count.

    Raises:
        InputFileError: There is no such folder or file.
        MissingExtraError: pyarrow is not installed.
    """
    storage = Storage(place)
    kind = storage.kind()
    if kind == "missing":
        raise InputFileError(f"there is no file or folder {place}")
    if kind == "folder":
        return storage, [file for file in storage.files() if not is_hidden(file.name)]
    head, mark, query = place.partition("?")
    folder, _, name = head.rpartition("/")
    if not folder:
        folder = "/" if head.startswith("/") else "."
    storage = Storage(folder + mark + query)
    found = storage.file(name)
    return storage, [] if found is None else [found]


def is_hidden(name: str) -> bool:
    """Whether readers of data sets pass over a file: it, or a folder it is in, begins with ``_`` or ``.``."""
    return any(part.startswith(("_", ".")) for part in name.split("/"))


@contextmanager
def _refused(what: str, kind: type[Exception] = InputFileError, *, quiet: bool = False) -> Iterator[None]:
    import pyarrow

    try:
        yield
    # What file systems raise is as many as they are: of pyarrow, of the system, and of their own.
    except (OSError, pyarrow.ArrowException) as error:
        if not quiet:
            raise kind(f"{what}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (told.splitlines() or [type(error).__name__])[0]


def _file_system(place: str) -> tuple[Any, str]:
    try:
        import pyarrow
        from pyarrow import fs
    except ImportError:
        raise MissingExtraError("embedding folders", "parquet") from None
    if "://" not in place:
        return fs.LocalFileSystem(), Path(place).resolve().as_posix()
    try:
        system, root = fs.FileSystem.from_uri(place)
    except pyarrow.ArrowInvalid as error:
        if "Unrecognized" not in str(error):
            raise InputFileError(f"{place} cannot be read: {_reason(error)}") from None
        return _from_fsspec(place)
    except (OSError, pyarrow.ArrowException, ImportError) as error:
        raise InputFileError(f"{place} cannot be read: {_reason(error)}") from None
    return system, str(root)


def _from_fsspec(place: str) -> tuple[pyarrow.fs.FileSystem, str]:
    from pyarrow import fs

    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise InputFileError(
            f"{place}: pyarrow does not know {place.partition('://')[0]}://, and fsspec is not installed: "
            "pip install fsspec"
        ) from None
    try:
        system, root = url_to_fs(place)
    except (ValueError, ImportError, OSError) as error:
        raise InputFileError(f"{place} cannot be read: {_reason(error)}") from None
    return fs.PyFileSystem(fs.FSSpecHandler(system)), str(root)
