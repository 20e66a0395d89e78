"""Vectors in memory, searched exactly; nothing of them outlives the process."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Mask, Ranking, Rows, Vectors
from samesay.collection.scan import Scan
from samesay.collection.storage import Storage, codes, kept
from samesay.errors import DamagedCollectionError


class MemoryStore:
    """A store of vectors that is one array.

    Args:
        width: Numbers in a vector.
        storage: What is kept of them.
    """

    def __init__(self, width: int, storage: Storage) -> None:
        self._width = width
        self._storage: Storage = storage
        self._rows = np.empty(0, np.int64)
        self._kept = kept(np.empty((0, width), np.float32), storage)
        self._added: list[tuple[Rows, NDArray[np.float32] | NDArray[np.float16]]] = []
        self._scan: Scan | None = None

    @property
    def searching(self) -> str:
        """Always exact."""
        return "exact, in memory"

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """See ``VectorStore.add``."""
        self._added.append((rows, kept(vectors, self._storage)))

    def remove(self, rows: Rows) -> None:
        """See ``VectorStore.remove``."""
        self._keep(~np.isin(self.rows(), rows))

    def remove_from(self, first: int) -> None:
        """See ``VectorStore.remove_from``."""
        if self.rows().max(initial=-1) >= first:
            self._keep(self._rows < first)

    def refresh(self) -> None:
        """Nobody else writes."""

    def read(self, rows: Rows) -> Vectors:
        """See ``VectorStore.read``."""
        places = np.searchsorted(self.rows(), rows)
        found = self._rows[np.minimum(places, len(self._rows) - 1)] if len(self._rows) else rows[:0]
        if not np.array_equal(found, rows):
            raise DamagedCollectionError(f"{len(np.setdiff1d(rows, self._rows))} vectors are missing")
        return self._kept[places].astype(np.float32)

    def rows(self) -> Rows:
        """See ``VectorStore.rows``."""
        if self._added:
            self._rows = np.concatenate([self._rows, *(rows for rows, _ in self._added)])
            self._kept = np.concatenate([self._kept, *(matrix for _, matrix in self._added)])
            self._added, self._scan = [], None
        return self._rows

    def search(
        self,
        queries: Vectors,
        count: int,
        allowed: Mask,
        *,
        exact: bool = False,  # noqa: ARG002
    ) -> list[Ranking]:
        """See ``VectorStore.search``."""
        return self._scanned().search(queries, count, allowed, self.read)

    def scores(
        self,
        query: NDArray[np.float32],
        allowed: Mask,
        *,
        exact: bool = False,  # noqa: ARG002
    ) -> tuple[Rows, NDArray[np.float32]] | None:
        """See ``VectorStore.scores``."""
        return self._scanned().scores(query, allowed)

    def compact(self) -> None:
        """There is nothing to give back."""

    def clear(self) -> None:
        """See ``VectorStore.clear``."""
        self.close()

    def close(self) -> None:
        """Forget everything."""
        self._keep(np.zeros(len(self.rows()), np.bool_))

    def _keep(self, which: Mask) -> None:
        self._rows, self._kept, self._scan = self._rows[which], self._kept[which], None

    def _scanned(self) -> Scan:
        rows = self.rows()
        if self._scan is None:
            self._scan = Scan(self._width, self._storage)
            if self._storage == "int8":
                self._scan.append(rows, *codes(self._kept.astype(np.float32)))
            else:
                self._scan.append(rows, self._kept)
        return self._scan
