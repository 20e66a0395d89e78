"""The manifest: the small file that says what a collection is. Renaming it switches to a new build."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import get_args

from samesay.collection.base import StoreKind
from samesay.collection.storage import STORAGES, Storage
from samesay.errors import CollectionError, DamagedCollectionError
from samesay.flushing import flush
from samesay.identity import Identity

FORMAT = 1
NAME = "manifest.json"


@dataclass(frozen=True)
class Segmenting:
    """How documents are cut.

    Args:
        target: Tokens that a segment should have; None leaves it to the segmenter.
        limit: Tokens that a segment may have at most; None stands for the model's limit.
    """

    target: int | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Manifest:
    """What a collection is.

    Args:
        build: The folder that holds it now.
        identity: What makes its vectors.
        reference: How its model was asked for, so that it can be loaded again.
        store: Where vectors lie.
        location: Their address where it is not the build's folder.
        storage: What is kept of them.
        segmenting: How documents are cut.
        weighting: How segments are weighed in the vector of a document.
        tokens: The revision of the words of its full text.
    """

    build: str
    identity: Identity
    reference: str
    store: StoreKind
    location: str | None
    storage: Storage
    segmenting: Segmenting
    weighting: str
    tokens: str

    @property
    def dimensions(self) -> int:
        """Width of its vectors."""
        return self.identity.dimensions


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest of a collection, or give None where there is none.

    Raises:
        DamagedCollectionError: It does not hold what it should.
        CollectionError: It was written by a newer samesay, or cannot be read.
    """
    path = folder / NAME
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise CollectionError(f"{folder} is a file; a collection is a folder") from None
    except UnicodeDecodeError:
        raise _damaged(path, "it is not text") from None
    except OSError as error:
        raise CollectionError(f"{path} cannot be read: {error.strerror or error}") from None
    return manifest_of(text, path)


def manifest_text(manifest: Manifest) -> str:
    """Give a manifest as JSON."""
    return json.dumps({"format": FORMAT, **asdict(manifest)}, ensure_ascii=False, indent=2)


def manifest_of(text: str, path: Path) -> Manifest:
    """Give the manifest that a text says; messages name its file.

    Raises:
        DamagedCollectionError: It does not hold what it should.
        CollectionError: It was written by a newer samesay.
    """
    try:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError("it holds no object")
        if isinstance(value.get("format"), int) and value["format"] > FORMAT:
            raise CollectionError(
                f"{path} has format {value['format']}; this samesay reads {FORMAT}: install a newer one"
            )
        if value.get("format") != FORMAT:
            raise ValueError(f"its format is {value.get('format')!r}, not {FORMAT}")
        return _manifest(value)
    except KeyError as error:
        raise _damaged(path, f"{error} is missing") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, str(error)) from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest, all at once.

    Raises:
        CollectionError: The folder cannot be written to.
    """
    path = folder / NAME
    beside = folder / f"{NAME}.new"
    text = manifest_text(manifest)
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        flush(folder)
    except OSError as error:
        raise CollectionError(f"{path} cannot be written: {error.strerror or error}") from None


def _manifest(value: dict[str, object]) -> Manifest:
    named = {one.name: value[one.name] for one in fields(Manifest)}
    identity = named["identity"]
    segmenting = named["segmenting"]
    if not isinstance(identity, dict) or not isinstance(segmenting, dict):
        raise ValueError("identity or segmenting is not an object")
    for name in ("build", "reference", "weighting", "tokens"):
        if not isinstance(named[name], str):
            raise ValueError(f"{name} is not a string")
    build = str(named["build"])
    if not build or build != Path(build).name or build.startswith("."):
        raise ValueError(f"{build!r} is not the name of a build")
    if named["store"] not in get_args(StoreKind) or named["storage"] not in STORAGES:
        raise ValueError("its store or storage is not known")
    known = {one.name: identity[one.name] for one in fields(Identity)}
    if not isinstance(known["dimensions"], int) or not 0 < known["dimensions"] < 2**20:
        raise ValueError("its dimensions are no number of dimensions")
    cuts = {one.name: segmenting[one.name] for one in fields(Segmenting)}
    return Manifest(**(named | {"identity": Identity(**known), "segmenting": Segmenting(**cuts)}))  # type: ignore[arg-type]


def _damaged(path: Path, reason: str) -> DamagedCollectionError:
    return DamagedCollectionError(
        f"{path} is damaged ({reason}); samesay collection check --repair writes it anew from the collection"
    )
