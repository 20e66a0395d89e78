"""A collection on shared storage, as people call it."""

from __future__ import annotations

from dataclasses import replace

from samesay.collection.collection import Collection
from samesay.collection.held_model import ModelLoader
from samesay.collection.info import CollectionInfo
from samesay.collection.shared.held import SharedHeld
from samesay.collection.shared.place import SharedPlace
from samesay.collection.shared.version import Version


class SharedCollection(Collection):
    """Documents in an object store. Made by ``samesay.open("s3://BUCKET/PATH")``.

    Args:
        place: Where it lies.
        version: Its newest version.
        load: Loads its model at first use.
    """

    def __init__(self, place: SharedPlace, version: Version, load: ModelLoader) -> None:
        build = place.opened(version)
        super().__init__(None, build, load)
        self.address = place.address
        self._shared_place = place
        self._shared = SharedHeld(place, build)
        self._held = self._shared

    def __repr__(self) -> str:
        return f"SharedCollection({str(self.address)!r}, {self.manifest.identity})"

    @property
    def place(self) -> str:
        """Its address."""
        return str(self.address)

    @property
    def version(self) -> int:
        """The number of the version that the last search saw, or this object's last commit made."""
        return self._shared.number

    def info(self) -> CollectionInfo:
        """Say what is here; needs neither model nor vectors."""
        return replace(super().info(), size_bytes=self._shared_place.size())
