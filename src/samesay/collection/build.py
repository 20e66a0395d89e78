"""A build: the folder, or the memory, in which the documents of a collection lie at one time."""

from __future__ import annotations

import shutil
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from samesay.collection.base import VectorStore
from samesay.collection.catalogue import Catalogue
from samesay.collection.fulltext.frequencies import KnownTerms
from samesay.collection.manifest import Manifest, manifest_text
from samesay.collection.memory import MemoryStore
from samesay.collection.snapshot import Snapshot, snapshot
from samesay.errors import DamagedCollectionError

CATALOGUE = "catalogue.sqlite"
_VECTORS = "vectors"
_DISCARDED = "discarded-"


def discard(folder: Path) -> None:
    """Remove the folder of a build; it loses its name first, so that half of it is never taken for one."""
    nameless = folder.with_name(f"{_DISCARDED}{folder.name}")
    with suppress(OSError):
        folder.replace(nameless)
        shutil.rmtree(nameless, ignore_errors=True)


def discard_all_but(folder: Path, build: str) -> None:
    """Remove the other builds of a collection, and what is left of discarded ones."""
    for path in folder.iterdir():
        if path.is_dir() and path.name.startswith(_DISCARDED):
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_dir() and path.name.startswith("build-") and path.name != build:
            discard(path)


class Build:
    """An open build.

    Args:
        folder: The folder of the collection; None keeps the build in memory.
        manifest: What the collection is; names the build.
        create: Make what is not there.
        complete: Of a new one, whether it is whole as it is, or an upgrade will fill it.

    Raises:
        DamagedCollectionError: Its catalogue is missing or damaged.
    """

    def __init__(
        self, folder: Path | None, manifest: Manifest, *, create: bool = False, complete: bool = True
    ) -> None:
        self.manifest = manifest
        self.folder = None if folder is None else folder / manifest.build
        if self.folder is not None and create:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.catalogue = Catalogue(None if self.folder is None else self.folder / CATALOGUE, create=create)
        if create:
            with self.catalogue.writing():
                if not self.catalogue.about():
                    self.catalogue.set_counter("complete", int(complete))
                self.catalogue.set_about(manifest_text(manifest))
        self._snapshot: Snapshot | None = None
        # Of use to one writer at a time.
        self.known_terms = KnownTerms()

    # Opened at first use: much of what is asked of a collection needs no vectors.
    @cached_property
    def segments(self) -> VectorStore:
        """The vectors of segments, by row."""
        return self._store("segments")

    @cached_property
    def documents(self) -> VectorStore:
        """The vectors of whole documents, by the document's number."""
        return self._store("documents")

    def snapshot(self) -> Snapshot:
        """Give the committed state, inside ``catalogue.reading``; stores see what it names."""
        newest = snapshot(self.catalogue, self._snapshot)
        if newest is not self._snapshot:
            for name in ("segments", "documents"):
                if name in self.__dict__:
                    getattr(self, name).refresh()
            self._snapshot = newest  # last: where a store could not look, the next search asks it again
        return newest

    def check_replaceable(self) -> None:
        """Refuse to be replaced by another build, where that cannot be."""

    def close(self) -> None:
        """Let go of its files."""
        for name in ("segments", "documents"):
            if name in self.__dict__:
                getattr(self, name).close()
        self.catalogue.close()

    def remove(self) -> None:
        """Remove everything of it, elsewhere too."""
        if self.manifest.location is not None:
            for name in ("segments", "documents"):
                with suppress(DamagedCollectionError):  # gone already
                    getattr(self, name).clear()
        self.close()
        if self.folder is not None:
            discard(self.folder)

    def _store(self, name: str) -> VectorStore:
        manifest = self.manifest
        if manifest.store == "memory":
            return MemoryStore(manifest.dimensions, manifest.storage)
        if manifest.store == "qdrant":
            from samesay.collection.qdrant import QdrantStore

            return QdrantStore(
                manifest.location, f"{manifest.build}-{name}", manifest.dimensions, manifest.storage
            )
        from samesay.collection.lance import LanceStore

        place = f"{manifest.location}/{manifest.build}" if manifest.location else f"{self.folder}/{_VECTORS}"
        # Tables are made by the first commit; where there has been one, a missing table is no empty one.
        create = not self.catalogue.has_vectors()
        return LanceStore(place, name, manifest.dimensions, manifest.storage, create=create)
