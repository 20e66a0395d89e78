"""Vectors in a LanceDB table of a bucket: readers see the state of their version, one writer goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from samesay.collection.base import Rows, Vectors
from samesay.collection.lance import ROWS_AT_A_TIME, LanceStore
from samesay.collection.lance_index import build_index
from samesay.collection.shared.address import storage_options
from samesay.collection.shared.version import TableState
from samesay.collection.storage import Storage
from samesay.errors import CollectionBusyError

Result = TypeVar("Result")

# Longer than any version is kept: what a version needs is removed by `clean` alone.
_NEVER = timedelta(days=36500)
_MARGIN = timedelta(seconds=60)


class SharedVectors(LanceStore):
    """A store of vectors that is one state of a LanceDB table.

    Args:
        folder: The address of the database.
        name: The table.
        width: Numbers in a vector.
        storage: What is kept of them.
        state: The state that belongs to the version; None makes a new table.
        writing: Whether to go on from that state, or only to read it.
    """

    def __init__(
        self, folder: str, name: str, width: int, storage: Storage, state: TableState | None, *, writing: bool
    ) -> None:
        self._state = state
        self._writing = writing
        self.name = name
        self.compacted = False
        super().__init__(folder, name, width, storage)

    @property
    def state(self) -> TableState:
        """The state of the table as this writer has left it, or as this reader sees it."""
        with self._told():
            return TableState(int(self._table.version), int(self._table.count_rows()))

    def pin(self, state: TableState) -> None:
        """See another state; for readers."""
        if state == self._state:
            return
        if self._state is None or state.rows < self._state.rows:
            self._scan = None  # what is gone need not stay in memory
        self._state = state
        with self._told():
            self._table.checkout(state.version)
            self._behind = True
            self._look()

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """See ``VectorStore.add``."""
        self._alone(lambda: super(SharedVectors, self).add(rows, vectors), 1)

    def remove(self, rows: Rows) -> None:
        """See ``VectorStore.remove``."""
        changes = -(-len(rows) // ROWS_AT_A_TIME)
        self._alone(lambda: super(SharedVectors, self).remove(rows), changes)

    def refresh(self) -> None:
        """What a version names does not change; see ``pin``."""

    def compact(self) -> None:
        """See ``VectorStore.compact``; what older versions need stays until ``clean``."""
        with self._told():
            before = self._table.count_rows()
            self._table.optimize(cleanup_older_than=_NEVER)
            build_index(self._table, self._width, self._index)
            if self._table.count_rows() != before:
                raise self._interfered()
            self._look()
        self._scan = None
        self.compacted = True

    def clean(self, oldest: int) -> None:
        """Remove what only states before the one of that number need."""
        with self._told():
            since = [one["timestamp"] for one in self._table.list_versions() if one["version"] == oldest]
            if not since:
                return
            # LanceDB goes by ages; a state that came in the same moment is kept with it.
            age = datetime.now(tz=since[0].tzinfo) - since[0] + _MARGIN
            self._table.optimize(cleanup_older_than=age)

    def _opened(self, schema: Any) -> Any:
        if self._state is None:
            return self._database.create_table(self._name, schema=schema, exist_ok=True)
        table = self._database.open_table(self._name)
        if not self._writing:
            table.checkout(self._state.version)
        elif table.version != self._state.version:
            # An interrupted writer's work, which no version names.
            table.checkout(self._state.version)
            table.restore()
        return table

    def _options(self) -> dict[str, str]:
        return storage_options()

    def _alone(self, action: Callable[[], None], changes: int) -> None:
        """Change the table so many times, and see that nobody else has meanwhile."""
        before = int(self._table.version)
        action()
        if int(self._table.version) - before > changes:
            raise self._interfered()

    def _again(self, action: Callable[[], Result]) -> Result:
        with self._told():
            return action()

    def _interfered(self) -> CollectionBusyError:
        return CollectionBusyError(
            f"{self._what}: another process has written to it meanwhile; nothing of this commit is kept, "
            "and the same command goes on from the last one"
        )
