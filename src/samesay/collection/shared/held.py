"""The version of a collection on shared storage that is searched, and the one that is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from samesay.collection.build import Build
from samesay.collection.held import HeldBuild
from samesay.collection.shared.build import SharedBuild
from samesay.collection.shared.cleaning import clean
from samesay.collection.shared.place import SharedPlace
from samesay.errors import CollectionError, DamagedCollectionError, IdentityMismatchError


class SharedHeld(HeldBuild):
    """The newest version of one collection. Safe to use from several threads; they take turns.

    Args:
        place: Where it lies.
        build: The version that was the newest.
    """

    def __init__(self, place: SharedPlace, build: SharedBuild) -> None:
        super().__init__(None, build)
        self._place = place
        self._read = build
        self._working: SharedBuild | None = None

    @property
    def number(self) -> int:
        """The number of the version that was read last, or made after that."""
        with self._lock:
            made = -1 if self._working is None else self._working.version.number
            return max(made, self._read.version.number)

    @contextmanager
    def writing(self) -> Iterator[Build]:
        """Give a build to change; each commit makes a version. See ``HeldBuild.writing``."""
        with self._lock:
            if self._closed:
                raise CollectionError("the collection is closed; open it again")
            with self._place.one_writer():
                self._follow()
                build = self._to_write()
                try:
                    yield build
                except BaseException:
                    # It may have what no version has.
                    self._drop()
                    raise
                if any(table.compacted for table in build.tables()):
                    clean(self._place.objects, self._place.address, build)

    def close(self) -> None:
        """Let go of files."""
        with self._lock:
            self._drop()
            super().close()

    def _follow(self) -> None:
        """Go over to the newest version."""
        place, current = self._place, self._read
        number = place.newest()
        if number == current.version.number:
            return
        version = place.newest_version()
        if version is None:
            raise DamagedCollectionError(f"{place.address} is no collection any more: its versions are gone")
        before = current.manifest.identity
        if version.manifest.identity.fingerprint != before.fingerprint:
            raise IdentityMismatchError(
                f"{place.address} was made anew meanwhile, from {before} to {version.manifest.identity}; "
                "open it again"
            )
        build = place.opened(version)
        if version.manifest.build == current.manifest.build:
            build.take_over(current)
        current.close()
        self._build = self._read = build

    def _to_write(self) -> SharedBuild:
        newest = self._read.version
        if self._working is not None and self._working.version.token != newest.token:
            self._drop()
        if self._working is None:
            working = self._place.working(newest)
            self._working = working

            def publish() -> None:
                working.version = self._place.publish(working)

            working.catalogue.after_commit = publish
        return self._working

    def _drop(self) -> None:
        if self._working is not None:
            self._working.close()
            self._working = None
