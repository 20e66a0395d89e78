"""A build on shared storage: its catalogue is a file on this machine, its vectors lie in the bucket."""

from __future__ import annotations

from pathlib import Path

from samesay.collection.base import VectorStore
from samesay.collection.build import Build
from samesay.collection.shared.vectors import SharedVectors
from samesay.collection.shared.version import TableState, Version
from samesay.errors import CollectionError

_TABLES = ("segments", "documents")


class SharedBuild(Build):
    """One version, open.

    Args:
        folder: Where its catalogue lies on this machine.
        version: The version.
        vectors: The address of its tables of vectors.
        writing: Whether to go on from it, or only to read it.
    """

    def __init__(self, folder: Path, version: Version, vectors: str, *, writing: bool = False) -> None:
        self.version = version
        self._vectors = vectors
        self._writing = writing
        super().__init__(folder, version.manifest)

    def table_state(self, name: str) -> TableState:
        """Give the state of a table of vectors, as it is now."""
        store = self.__dict__.get(name)
        if isinstance(store, SharedVectors):
            return store.state
        return self.version.segments if name == "segments" else self.version.documents

    def tables(self) -> list[SharedVectors]:
        """Give the tables of vectors that are open."""
        stores = [self.__dict__.get(name) for name in _TABLES]
        return [store for store in stores if isinstance(store, SharedVectors)]

    def take_over(self, before: SharedBuild) -> None:
        """Go on with what an earlier version has in memory; that one is not used after it."""
        for name in _TABLES:
            store = before.__dict__.pop(name, None)
            if isinstance(store, SharedVectors):
                store.pin(self.table_state(name))
                self.__dict__[name] = store
        self._snapshot = before._snapshot

    def check_replaceable(self) -> None:
        """Refuse to be replaced by another build.

        Raises:
            CollectionError: Always; it says what to do.
        """
        raise CollectionError(
            f"{self._vectors.rpartition('/')[0]} lies on shared storage and keeps its model and settings; "
            "index the documents, or their vectors of the other model, into a collection at another address"
        )

    def remove(self) -> None:
        """Let go of it; what it names is removed when no reader is left."""
        self.close()

    def _store(self, name: str) -> VectorStore:
        return SharedVectors(
            self._vectors,
            name,
            self.manifest.dimensions,
            self.manifest.storage,
            self.version.segments if name == "segments" else self.version.documents,
            writing=self._writing,
        )
