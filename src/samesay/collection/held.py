"""The build that a collection has now: opened, followed when it is switched, and used in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from samesay.collection.build import Build
from samesay.collection.locking import one_writer
from samesay.collection.manifest import Manifest, read_manifest
from samesay.errors import CollectionError, DamagedCollectionError, IdentityMismatchError


class HeldBuild:
    """The build of one collection. Safe to use from several threads; they take turns.

    Args:
        folder: The collection's folder; None where it is in memory.
        build: What lies there.
    """

    def __init__(self, folder: Path | None, build: Build) -> None:
        self.folder = folder
        self._build = build
        self._lock = RLock()
        self._closed = False

    @property
    def manifest(self) -> Manifest:
        """What the collection is, as far as is known."""
        return self._build.manifest

    @contextmanager
    def reading(self) -> Iterator[Build]:
        """Give the build, to read from it.

        Raises:
            CollectionError: It is closed.
            IdentityMismatchError: Another process has gone over to another model.
            DamagedCollectionError: The manifest is gone, or does not hold what it should.
        """
        with self._lock:
            if self._closed:
                raise CollectionError("the collection is closed; open it again")
            self._follow()
            yield self._build

    @contextmanager
    def writing(self) -> Iterator[Build]:
        """Give the build, to change it; no other process can meanwhile.

        Raises:
            CollectionBusyError: Another process is writing.
            CollectionError: The folder cannot be written to; and as for ``reading``.
        """
        with self._lock, one_writer(self.folder), self.reading() as build:
            yield build

    def switch(self, build: Build) -> None:
        """Go over to another build, and remove the one before; inside ``writing``."""
        before, self._build = self._build, build
        before.remove()

    def close(self) -> None:
        """Let go of files."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._build.close()

    def _follow(self) -> None:
        """Go over to the build that the collection has now, if another process has switched it."""
        if self.folder is None:
            return
        manifest = read_manifest(self.folder)
        if manifest is None:
            raise DamagedCollectionError(f"{self.folder} is no collection any more: its manifest is gone")
        if manifest == self._build.manifest:
            return
        before = self._build.manifest.identity
        if manifest.identity.fingerprint != before.fingerprint:
            raise IdentityMismatchError(
                f"{self.folder} was upgraded meanwhile, from {before} to {manifest.identity}; open it again"
            )
        self._build.close()
        self._build = Build(self.folder, manifest)
