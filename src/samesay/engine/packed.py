"""Packed weights on disk: made once, mapped by every process after, never trusted unchecked.

The file is a safetensors file whose data begins at a multiple of 64 bytes and whose tensors are bytes. Its
metadata names what it was packed from and for, and a checksum of the data.
"""

from __future__ import annotations

import json
import mmap
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from samesay import _native
from samesay.checkpoint.cache import cache_folder

Sections = dict[str, NDArray[np.uint8]]

# Raise it whenever the layout of packed memory changes or the packing gives other values.
LAYOUT = 6

_ALIGNMENT = 64
_LARGEST_HEADER = 64 << 20


@dataclass(frozen=True)
class PackedKey:
    """What a packed file holds.

    Attributes:
        weights: SHA-256 over the weight files it was packed from.
        architecture: Digest of the shapes and of everything else that packing depends on.
        precision: How the weights are held.
        instruction_set: The one whose kernels read it.
    """

    weights: str
    architecture: str
    precision: str
    instruction_set: str

    @property
    def path(self) -> Path:
        """Where the file lies in the cache folder."""
        return cache_folder() / "packed" / f"{self._stem}-{LAYOUT}.safetensors"

    @property
    def outdated(self) -> list[Path]:
        """Files of the same model in other layouts."""
        found = self.path.parent.glob(f"{self._stem}-*.safetensors")
        return [path for path in found if path != self.path]

    @property
    def text(self) -> str:
        """The whole key, as the file's metadata holds it."""
        return " ".join((self.weights, self.architecture, self.precision, self.instruction_set, str(LAYOUT)))

    @property
    def _stem(self) -> str:
        return f"{self.weights[:16]}-{self.architecture[:8]}-{self.precision}-{self.instruction_set}"


def read_packed(key: PackedKey, threads: int) -> Sections | None:
    """Map a packed file; None where there is none, or it is damaged, cut off, or of another key."""
    try:
        with key.path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size < 8:
                return None
            memory = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None
    length = int.from_bytes(memory[:8], "little")
    if length > min(size - 8, _LARGEST_HEADER):
        return None
    try:
        header = json.loads(memory[8 : 8 + length])
        metadata = header.pop("__metadata__")
        spans = {name: tuple(entry["data_offsets"]) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    data: NDArray[np.uint8] = np.frombuffer(memory, np.uint8, offset=8 + length)
    if metadata.get("key") != key.text or metadata.get("bytes") != str(len(data)):
        return None
    if metadata.get("checksum") != _checksum(data, metadata, spans, threads):
        return None
    return {name: data[begin:end] for name, (begin, end) in spans.items()}


def write_packed(key: PackedKey, sections: Iterable[tuple[str, NDArray[np.uint8]]], threads: int) -> bool:
    """Write a packed file beside and rename it; False where the cache folder cannot be written."""
    sections = list(sections)
    spans: dict[str, tuple[int, int]] = {}
    begin = 0
    for name, content in sections:
        spans[name] = (begin, begin + len(content))
        begin += len(content) + -len(content) % _ALIGNMENT
    try:
        key.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(prefix=key.path.name, suffix=".part", dir=key.path.parent)
    except OSError:
        return False
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            _write(stream, key, sections, spans, begin, threads)
        Path(beside).replace(key.path)
    except OSError:
        return False
    finally:
        Path(beside).unlink(missing_ok=True)
    for path in key.outdated:
        path.unlink(missing_ok=True)
    return True


def _write(
    stream: BinaryIO,
    key: PackedKey,
    sections: list[tuple[str, NDArray[np.uint8]]],
    spans: dict[str, tuple[int, int]],
    size: int,
    threads: int,
) -> None:
    metadata = {"key": key.text, "bytes": str(size), "checksum": "0" * 16}
    start = 8 + len(_header(metadata, spans))
    # Written in order with plain writes: the system then keeps the pages in larger pieces than it would for
    # a mapping that is filled page by page, and a full disk is an error and not a signal.
    stream.write(bytes(start))
    for _, content in sections:
        stream.write(content.data)
        stream.write(bytes(-len(content) % _ALIGNMENT))
    stream.flush()
    with mmap.mmap(stream.fileno(), start + size, access=mmap.ACCESS_READ) as memory:
        data: NDArray[np.uint8] = np.frombuffer(memory, np.uint8, offset=start)
        metadata["checksum"] = _checksum(data, metadata, spans, threads)
        del data
    header = _header(metadata, spans)
    stream.seek(0)
    stream.write(len(header).to_bytes(8, "little") + header)
    stream.flush()
    os.fsync(stream.fileno())


def _header(metadata: dict[str, str], spans: dict[str, tuple[int, int]]) -> bytes:
    entries: dict[str, object] = {"__metadata__": metadata}
    for name, (begin, end) in spans.items():
        entries[name] = {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end]}
    text = json.dumps(entries).encode()
    return text + b" " * (-(8 + len(text)) % _ALIGNMENT)


def _checksum(
    data: NDArray[np.uint8], metadata: dict[str, str], spans: dict[str, tuple[int, int]], threads: int
) -> str:
    # The table of sections is part of what must be whole.
    table = json.dumps([metadata.get("key"), sorted(spans.items())]).encode()
    return f"{_native.checksum(data, threads) ^ _native.checksum(np.frombuffer(table, np.uint8), 1):016x}"
