"""What is known of a collection without its model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from samesay.collection.build import Build
from samesay.collection.manifest import Manifest


@dataclass(frozen=True)
class CollectionInfo:
    """What is known of a collection without its model.

    Args:
        manifest: What it is.
        documents: How many documents it has.
        segments: How many segments they have.
        dead_segments: Segments that are gone and wait for compaction.
        fields: The fields that filters may name.
        size_bytes: Its files together; 0 in memory.
    """

    manifest: Manifest
    documents: int
    segments: int
    dead_segments: int
    fields: tuple[str, ...]
    size_bytes: int


def info(build: Build, folder: Path | None) -> CollectionInfo:
    """Say what a collection is and has."""
    with build.catalogue.reading():
        state = build.snapshot()
        return CollectionInfo(
            build.manifest,
            int(state.alive.sum()),
            len(state.rows),
            len(build.catalogue.dead()[0]),
            tuple(build.catalogue.fields()),
            _size(folder),
        )


def _size(folder: Path | None) -> int:
    """Give the bytes of all files below a folder."""
    size = 0
    for path in folder.rglob("*") if folder else ():
        try:
            size += path.lstat().st_size
        except OSError:
            continue  # another process has just removed it
    return size
