"""A version: the one small object whose creation is the commit of a collection on shared storage."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from samesay.collection.manifest import Manifest, manifest_of, manifest_text
from samesay.collection.shared.address import SharedAddress
from samesay.collection.shared.objects import Objects, number_of, numbered
from samesay.decision.strict import decode
from samesay.errors import CollectionError, DamagedCollectionError

FOLDER = "versions"
_FORMAT = 1


@dataclass(frozen=True)
class TableState:
    """Which state of a table of vectors belongs to a version.

    Args:
        version: LanceDB's own number of it.
        rows: How many rows it has.
    """

    version: int
    rows: int


@dataclass(frozen=True)
class FileState:
    """A file that is kept in blocks.

    Args:
        size: Its bytes.
        block: Bytes of a block; the last may be shorter.
        names: The hash of each block, in order, by which it is stored.
    """

    size: int
    block: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Version:
    """One committed state of a collection.

    Args:
        number: Counts commits.
        token: Random, so that no two writers' versions are equal.
        written: When, in seconds since 1970, by the writer's clock.
        manifest: What the collection is.
        catalogue: Its catalogue.
        segments: The vectors of its segments.
        documents: The vectors of its documents.
    """

    number: int
    token: str
    written: float
    manifest: Manifest
    catalogue: FileState
    segments: TableState
    documents: TableState


@dataclass(frozen=True)
class _Stored:
    """All of a version but its manifest, as it is stored."""

    number: int
    token: str
    written: float
    catalogue: FileState
    segments: TableState
    documents: TableState


def newest_number(objects: Objects) -> int | None:
    """Give the number of the newest version, or None where there is no collection; one request."""
    for one in objects.listed(FOLDER):
        return number_of(one.name)
    return None


def read_version(objects: Objects, number: int, address: SharedAddress) -> Version | None:
    """Read a version; None where it has been removed meanwhile.

    Raises:
        DamagedCollectionError: It does not hold what it should.
        CollectionError: It was written by a newer samesay.
    """
    content = objects.read(numbered(FOLDER, number))
    if content is None:
        return None
    try:
        value = json.loads(content)
        if not isinstance(value, dict):
            raise ValueError("it holds no object")
        stored_format = value.pop("format", None)
        if isinstance(stored_format, int) and stored_format > _FORMAT:
            raise CollectionError(
                f"{address} has format {stored_format}; this samesay reads {_FORMAT}: install a newer one"
            )
        manifest = manifest_of(json.dumps(value.pop("manifest", None)), Path(f"version {number}"))
        stored: _Stored = decode(_Stored, value, "the version")
    except (ValueError, KeyError, RecursionError, DamagedCollectionError) as error:
        raise DamagedCollectionError(f"{address}, version {number} is damaged ({error})") from None
    return Version(manifest=manifest, **{name: getattr(stored, name) for name in _NAMES})


_NAMES = ("number", "token", "written", "catalogue", "segments", "documents")


def create_version(objects: Objects, version: Version) -> bool:
    """Make a version the newest; give False where another writer has made one of that number."""
    parts = {name: value for name, value in asdict(version).items() if name != "manifest"}
    value = {"format": _FORMAT, **parts, "manifest": json.loads(manifest_text(version.manifest))}
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return objects.create(numbered(FOLDER, version.number), content)
