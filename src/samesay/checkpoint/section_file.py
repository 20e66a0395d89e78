"""Files of samesay's cache that hold arrays of bytes: mapped, never trusted unchecked, whole or not there.

Such a file is a safetensors file whose data begins at a multiple of 64 bytes and whose tensors are bytes. Its
metadata names what it holds, and a checksum of the data.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from samesay import _native

Sections = dict[str, NDArray[np.uint8]]

_ALIGNMENT = 64
_LARGEST_HEADER = 64 << 20


def read_sections(path: Path, key: str, threads: int) -> Sections | None:
    """Map a file; None where there is none, or it is damaged, cut off, or of another key.

    Args:
        path: The file.
        key: What it must say that it holds.
        threads: How many read it to check it.
    """
    try:
        with path.open("rb") as stream:
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
    if metadata.get("key") != key or metadata.get("bytes") != str(len(data)):
        return None
    if metadata.get("checksum") != _checksum(data, metadata, spans, threads):
        return None
    return {name: data[begin:end] for name, (begin, end) in spans.items()}


def write_sections(
    path: Path, key: str, sections: Iterable[tuple[str, NDArray[np.uint8]]], threads: int
) -> bool:
    """Write a file beside and rename it; False where the folder cannot be written.

    Args:
        path: The file.
        key: What it holds.
        sections: Names and contents.
        threads: How many compute the checksum.
    """
    sections = list(sections)
    spans: dict[str, tuple[int, int]] = {}
    begin = 0
    for name, content in sections:
        spans[name] = (begin, begin + len(content))
        begin += len(content) + -len(content) % _ALIGNMENT
    # Made as any file is, so that other users may read it where the folder lets them.
    beside = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("x+b") as stream:
            _write(stream, key, sections, spans, begin, threads)
        beside.replace(path)
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
    return True


def _write(
    stream: BinaryIO,
    key: str,
    sections: list[tuple[str, NDArray[np.uint8]]],
    spans: dict[str, tuple[int, int]],
    size: int,
    threads: int,
) -> None:
    metadata = {"key": key, "bytes": str(size), "checksum": "0" * 16}
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
