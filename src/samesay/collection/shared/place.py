"""A place on shared storage: its versions, and their files on this machine."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from samesay.checkpoint.cache import cache_folder, locked
from samesay.collection.build import CATALOGUE, Build
from samesay.collection.locking import one_writer
from samesay.collection.manifest import Manifest
from samesay.collection.shared.address import SharedAddress, endpoint
from samesay.collection.shared.blocks import assemble, state_of, upload
from samesay.collection.shared.build import SharedBuild
from samesay.collection.shared.lease import claimed
from samesay.collection.shared.objects import Objects
from samesay.collection.shared.vectors import SharedVectors
from samesay.collection.shared.version import (
    TableState,
    Version,
    create_version,
    newest_number,
    read_version,
)
from samesay.errors import CollectionBusyError, CollectionError

_WORKING = "working"
# What an interrupted making of a collection may have left.
_OURS = ("blocks/", "build-", "writers/", "versions/")
_TRIES = 5


class SharedPlace:
    """Where a collection lies in a bucket. Safe to use from several threads and processes.

    Catalogues are files, which SQLite reads on a disk of this machine: below the folder of all that samesay
    stores there is one for each version that is read here, and one that a writer works on.

    Args:
        address: The collection.
    """

    def __init__(self, address: SharedAddress) -> None:
        self.address = address
        self.objects = Objects(address)
        name = hashlib.sha256(f"{endpoint() or ''} {address}".encode()).hexdigest()[:24]
        self._folder = cache_folder() / "shared" / name

    def newest(self) -> int | None:
        """Give the number of the newest version, or None where there is no collection; one request."""
        return newest_number(self.objects)

    def newest_version(self) -> Version | None:
        """Give the newest version, or None where there is no collection."""
        for _ in range(_TRIES):
            number = self.newest()
            if number is None:
                return None
            version = read_version(self.objects, number, self.address)
            if version is not None:
                return version
        raise CollectionError(f"{self.address} is written to faster than it can be read; try again")

    def make(self, manifest: Manifest) -> Version:
        """Make a collection, or give the one that another process has made meanwhile.

        Raises:
            CollectionError: There are other things at the address.
        """
        self._check_empty()
        with self._told():
            self._folder.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="new-", dir=self._folder))
            try:
                Build(folder, manifest, create=True).close()
                path = folder / manifest.build / CATALOGUE
                state = state_of(path)
                upload(self.objects, path, state, ())
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        segments, documents = (self._new_table(manifest, name) for name in ("segments", "documents"))
        version = Version(0, secrets.token_hex(8), time.time(), manifest, state, segments, documents)
        if create_version(self.objects, version):
            return version
        other = self.newest_version()
        if other is None:
            raise CollectionError(f"{self.address} was removed while it was made")
        return other

    def vectors_folder(self, manifest: Manifest) -> str:
        """Give the address of a build's tables."""
        return f"{self.address}/{manifest.build}"

    def opened(self, version: Version) -> SharedBuild:
        """Open a version to read it.

        Raises:
            DamagedCollectionError: Something of it is missing or damaged.
        """
        folder = self._folder / f"version-{version.number}-{version.token}"
        path = folder / version.manifest.build / CATALOGUE
        with self._told(), locked(self._folder / "versions"):
            if not path.is_file():
                building = folder.with_name(f"{folder.name}.new")
                target = building / version.manifest.build / CATALOGUE
                target.parent.mkdir(parents=True, exist_ok=True)
                assemble(self.objects, version.catalogue, target, self._near())
                building.replace(folder)
            build = SharedBuild(folder, version, self.vectors_folder(version.manifest))
            for other in self._folder.glob("version-*"):
                if other.is_dir() and other != folder:
                    # Those who read it hold it open.
                    shutil.rmtree(other, ignore_errors=True)
        return build

    @contextmanager
    def one_writer(self) -> Iterator[None]:
        """Keep other writers out.

        Raises:
            CollectionBusyError: Another process, or another object in this one, is writing.
        """
        with self._told():
            (self._folder / _WORKING).mkdir(parents=True, exist_ok=True)
        with _one_here(self._folder / _WORKING, self.address), claimed(self.objects, self.address):
            yield

    def working(self, version: Version) -> SharedBuild:
        """Open a version to go on from it; inside ``one_writer``."""
        folder = self._folder / _WORKING
        with self._told():
            for other in folder.glob("build-*"):
                if other.name != version.manifest.build:
                    shutil.rmtree(other, ignore_errors=True)
            path = folder / version.manifest.build / CATALOGUE
            path.parent.mkdir(exist_ok=True)
            # What an interrupted writer has left would be rolled back into the file.
            path.with_name(f"{CATALOGUE}-journal").unlink(missing_ok=True)
            assemble(self.objects, version.catalogue, path, self._near())
        build = SharedBuild(folder, version, self.vectors_folder(version.manifest), writing=True)
        # The bucket outlives a power cut; this file is made anew from it.
        build.catalogue.database.execute("PRAGMA synchronous = OFF")
        return build

    def publish(self, build: SharedBuild) -> Version:
        """Make what a writer has done the newest version.

        Raises:
            CollectionBusyError: Another process has written meanwhile.
        """
        before, path = build.version, build.catalogue.path
        if path is None:
            raise CollectionError("a catalogue in memory cannot be stored")
        state = state_of(path)
        upload(self.objects, path, state, before.catalogue.names)
        version = Version(
            before.number + 1,
            secrets.token_hex(8),
            time.time(),
            build.manifest,
            state,
            build.table_state("segments"),
            build.table_state("documents"),
        )
        if not create_version(self.objects, version):
            raise CollectionBusyError(
                f"another process has written {self.address} meanwhile; nothing of this commit is kept, "
                "and the same command goes on from the last one"
            )
        return version

    def size(self) -> int:
        """Give the bytes of all objects together."""
        return sum(one.size for one in self.objects.listed(""))

    def _new_table(self, manifest: Manifest, name: str) -> TableState:
        folder = self.vectors_folder(manifest)
        return SharedVectors(folder, name, manifest.dimensions, manifest.storage, None, writing=True).state

    def _check_empty(self) -> None:
        for one in self.objects.listed(""):
            if not one.name.startswith(_OURS):
                raise CollectionError(
                    f"{self.address} is no collection and has other objects, such as {one.name!r}; "
                    "give an address of its own"
                )

    def _near(self) -> list[Path]:
        """Give the files here that may have blocks of other versions."""
        return sorted(self._folder.glob(f"*/build-*/{CATALOGUE}"))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CollectionError(
                f"{self._folder}, where {self.address} is kept on this machine: {error.strerror or error}"
            ) from None


@contextmanager
def _one_here(folder: Path, address: SharedAddress) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(one_writer(folder))
        except CollectionBusyError:
            raise CollectionBusyError(
                f"another process on this machine is writing {address}; wait for it to end"
            ) from None
        yield
