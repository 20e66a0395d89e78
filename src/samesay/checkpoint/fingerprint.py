"""Hashes of what a model is made of, taken once and recalled while the files have not changed."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from samesay.checkpoint.cache import cache_folder
from samesay.checkpoint.jsonfile import read_json_if_present
from samesay.errors import CheckpointError

if TYPE_CHECKING:
    from samesay.checkpoint.folder import Checkpoint

_SHORT = 12
# Longer than any clock that file systems take their times from needs for a tick.
_SETTLED_NANOSECONDS = 100_000_000


def weights_hash(checkpoint: Checkpoint) -> str:
    """Give one SHA-256 over the weight files in their order."""
    return digest([_file_hash(file) for file in checkpoint.weights.files])


def digest(value: object) -> str:
    """Hash a value that JSON can hold: 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _file_hash(file: Path) -> str:
    """Hash a weight file, or recall its hash where the file has not changed since it was taken."""
    stamp = file_stamp(file)
    note = cache_folder() / "hashes" / f"{digest(stamp)}.json"
    try:
        known = read_json_if_present(note).get("sha256")
    except CheckpointError:
        known = None
    if isinstance(known, str):
        return known
    settled = is_settled(stamp)
    found = content_hash(file)
    if not settled or file_stamp(file) != stamp:
        return found
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        beside = note.with_suffix(f".{found[:_SHORT]}.part")
        beside.write_text(json.dumps({"file": str(file), "sha256": found}), "utf-8")
        beside.replace(note)
    except OSError:
        pass  # a cache that cannot be written costs time, not correctness
    return found


def file_stamp(file: Path) -> tuple[str, int, int, int, int]:
    """Give what changes with a file: its path, size, number and times."""
    # The time of modification alone is not enough: copying and unpacking set it back.
    status = file.stat()
    path = str(file.resolve())
    return path, status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def is_settled(stamp: tuple[str, int, int, int, int]) -> bool:
    """Say whether a later change of the file would give it another stamp."""
    return time.time_ns() - max(stamp[-2:]) > _SETTLED_NANOSECONDS


def content_hash(file: Path) -> str:
    """Give the SHA-256 of a file, 64 hexadecimal digits."""
    state = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            state.update(chunk)
    return state.hexdigest()
