"""Vectors in a LanceDB table: exact search in memory below a size, an index on disk above it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Mask, Ranking, Rows, Vectors
from samesay.collection.lance_blocks import nearest_in_blocks
from samesay.collection.lance_index import (
    IndexSettings,
    build_index,
    cells_of,
    kind_of,
    nearest,
    probes_of,
)
from samesay.collection.lance_rows import (
    append_to,
    matrix_of,
    numbers_of,
    scanned_columns,
    schema_of,
    table_of,
)
from samesay.collection.permitting import search_permitted
from samesay.collection.scan import Scan, rescored
from samesay.collection.storage import Storage
from samesay.errors import CollectionError, DamagedCollectionError, MissingExtraError
from samesay.flushing import flush

if TYPE_CHECKING:
    import pyarrow as pa

Result = TypeVar("Result")

ROWS_AT_A_TIME = 4096
_TRIES = 3
_MOST_ROWS = 2**32 - 1  # that LanceDB can be asked for


class LanceStore:
    """A store of vectors that is one LanceDB table.

    Args:
        folder: Where the database lies; an address such as ``s3://bucket/path`` works as well.
        name: The table.
        width: Numbers in a vector.
        storage: What is kept of them.
        index: When and how an index is used.
        create: Whether to make the table where there is none.

    Raises:
        MissingExtraError: lancedb is not installed.
        DamagedCollectionError: There is no table, and it is not to be made.
        CollectionError: The table cannot be opened.
    """

    def __init__(
        self,
        folder: str,
        name: str,
        width: int,
        storage: Storage,
        index: IndexSettings | None = None,
        *,
        create: bool = True,
    ) -> None:
        try:
            import lancedb
        except ImportError:
            raise MissingExtraError("the store lance", "collections") from None
        self._folder = None if "://" in folder else Path(folder) / f"{name}.lance"
        self._what = f"{folder}, table {name}"
        self._width = width
        self._storage: Storage = storage
        self._index = index or IndexSettings()
        self._flushed: set[Path] = set()
        self._scan: Scan | None = None
        self._behind = True
        self._scanned_to = 0
        self._create = create
        self._has_index = False
        self._probes = 1
        self._held = 0
        with self._told():
            self._name = name
            self._database: Any = lancedb.connect(folder, storage_options=self._options())
            self._table: Any = self._opened(schema_of(width, storage))
            self._look()

    @property
    def searching(self) -> str:
        """Exact, or the index and its settings."""
        if not self._has_index:
            return "exact"
        return (
            f"{kind_of(self._width)} index, {self._probes} cells looked through, "
            f"{self._index.refine} times the rows asked for scored again"
        )

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """See ``VectorStore.add``."""
        with self._told():
            self._table.add(table_of(rows, vectors, self._storage))
        self._behind = True
        self._flush()

    def remove(self, rows: Rows) -> None:
        """See ``VectorStore.remove``."""
        for begin in range(0, len(rows), ROWS_AT_A_TIME):
            with self._told():
                self._table.delete(f"row IN ({_listed(rows[begin : begin + ROWS_AT_A_TIME])})")
        self._scan = None
        self._flush()

    def remove_from(self, first: int) -> None:
        """See ``VectorStore.remove_from``."""
        with self._told():
            if self._table.count_rows(f"row >= {first}"):
                self._table.delete(f"row >= {first}")
                self._scan = None
                self._flush()

    def refresh(self) -> None:
        """See ``VectorStore.refresh``."""
        with self._told():
            self._table.checkout_latest()
            self._behind = True
            self._look()
            if self._scan is not None and self._holds_removed(self._scan.rows):
                self._scan = None

    def read(self, rows: Rows) -> Vectors:
        """See ``VectorStore.read``."""
        here = self._scan.read(rows) if self._scan is not None and not self._behind else None
        if here is not None:
            return here
        wanted = np.unique(rows)
        found: list[tuple[Rows, Vectors]] = [(wanted[:0], np.empty((0, self._width), np.float32))]
        for begin in range(0, len(wanted), ROWS_AT_A_TIME):
            condition = f"row IN ({_listed(wanted[begin : begin + ROWS_AT_A_TIME])})"
            for batch in self._batches(condition, ["row", "vector"]):
                found.append((numbers_of(batch, "row"), matrix_of(batch, "vector").astype(np.float32)))
        numbers = np.concatenate([one for one, _ in found])
        order = np.argsort(numbers, kind="stable")
        if not np.array_equal(numbers[order], wanted):
            missing = len(np.setdiff1d(wanted, numbers))
            raise DamagedCollectionError(f"{self._what}: {missing} vectors are missing or doubled")
        vectors = np.concatenate([one for _, one in found])[order]
        return vectors[np.searchsorted(wanted, rows)]

    def rows(self) -> Rows:
        """See ``VectorStore.rows``."""
        found = [numbers_of(batch, "row") for batch in self._batches(None, ["row"])]
        return np.sort(np.concatenate([np.empty(0, np.int64), *found]))

    def search(self, queries: Vectors, count: int, allowed: Mask, *, exact: bool = False) -> list[Ranking]:
        """See ``VectorStore.search``."""
        if exact or not self._has_index:
            return self._scanned(len(allowed)).search(queries, count, allowed, self.read)
        found = [self._search_index(query, count, allowed) for query in queries]
        missed = [place for place, one in enumerate(found) if one is None]
        rest = iter(self._search_all(queries[missed], count, allowed) if missed else ())
        return [next(rest) if one is None else one for one in found]

    def scores(
        self, query: NDArray[np.float32], allowed: Mask, *, exact: bool = False
    ) -> tuple[Rows, NDArray[np.float32]] | None:
        """See ``VectorStore.scores``; None with an index, and of ``int8``."""
        if self._has_index and not exact:
            return None
        return self._scanned(len(allowed)).scores(query, allowed)

    def compact(self) -> None:
        """See ``VectorStore.compact``."""
        with self._told():
            with warnings.catch_warnings():
                # Readers of an older version look again; see `_again`.
                warnings.simplefilter("ignore")
                self._table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
            build_index(self._table, self._width, self._index)
            self._look()
        self._scan = None
        self._flush()

    def clear(self) -> None:
        """See ``VectorStore.clear``."""
        with self._told():
            self._database.drop_table(self._name, ignore_missing=True)

    def close(self) -> None:
        """Let go of what is in memory."""
        self._scan = None

    def _opened(self, schema: pa.Schema) -> Any:
        if self._create:
            return self._database.create_table(self._name, schema=schema, exist_ok=True)
        try:
            return self._database.open_table(self._name)
        except (OSError, RuntimeError, ValueError) as error:
            if "not found" not in str(error):
                raise
            raise DamagedCollectionError(
                f"{self._what} is missing, and its vectors with it; index the documents into a new collection"
            ) from None

    def _holds_removed(self, rows: Rows) -> bool:
        """Say whether some of the rows in memory are in the table no more: another process has compacted."""
        if not len(rows):
            return False
        return bool(self._again(lambda: self._table.count_rows(f"row <= {rows[-1]}")) < len(rows))

    def _options(self) -> dict[str, str] | None:
        """Give what the database needs to know; None for a folder."""
        return None

    def _batches(self, condition: str | None, columns: list[str]) -> Iterator[pa.RecordBatch]:
        def read() -> list[pa.RecordBatch]:
            query = self._table.search().select(columns)
            if condition:
                query = query.where(condition)
            return list(query.limit(_MOST_ROWS).to_batches())

        yield from self._again(read)

    def _again(self, action: Callable[[], Result]) -> Result:
        # Another process may compact the table and drop the files of the version that is being read.
        for _ in range(_TRIES - 1):
            try:
                return action()
            except (OSError, RuntimeError, ValueError):
                self._table.checkout_latest()
        with self._told():
            return action()

    def _scanned(self, end: int) -> Scan:
        """Give the rows below a number in memory; what has come since the last time is read.

        Those from there on are of a commit that has not come yet. If its writer dies, the next one removes
        them and gives their numbers to others.
        """
        if self._scan is None:
            self._scan, self._behind = Scan(self._width, self._storage), True
        if self._behind or end > self._scanned_to:
            last = int(self._scan.rows.max(initial=-1))
            batches = self._batches(None if last < 0 else f"row > {last}", scanned_columns(self._storage))
            append_to(self._scan, list(batches), self._storage, end)
            self._behind, self._scanned_to = False, end
        return self._scan

    def _search_index(self, query: NDArray[np.float32], count: int, allowed: Mask) -> Ranking | None:
        """Give what the index comes upon, or None where that is too little."""
        return search_permitted(
            count,
            allowed,
            lambda wanted: self._again(
                lambda: nearest(self._table, query, wanted, self._probes, self._index)
            ),
            lambda rows: rescored(rows, query, count, self.read),
            self._held,
        )

    def _search_all(self, queries: Vectors, count: int, allowed: Mask) -> list[Ranking]:
        """Compare with every allowed row, in memory only where the rows are there already."""
        if self._scan is not None:
            return self.search(queries, count, allowed, exact=True)

        def read(begin: int, end: int) -> Iterator[pa.RecordBatch]:
            return self._batches(f"row >= {begin} AND row < {end}", ["row", "vector"])

        return nearest_in_blocks(queries, count, allowed, read)

    def _look(self) -> None:
        cells = cells_of(self._table, self._index)
        self._has_index = cells is not None
        if cells is not None:
            self._held = int(self._table.count_rows())
            self._probes = probes_of(cells, self._index)

    def _flush(self) -> None:
        # LanceDB leaves what it writes to the operating system; a commit that names these rows must not
        # outlive them when the power goes.
        if self._folder is None:
            return
        folders = set()
        for path in self._folder.rglob("*"):
            if path in self._flushed:
                continue
            if path.is_dir():
                folders.add(path)
                continue
            flush(path)
            self._flushed.add(path)
            folders.add(path.parent)
        for folder in folders:
            flush(folder)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).split("\n")[0].split(", /")[0][:300]
            if "No space left" in str(error):
                raise CollectionError(f"{self._what}: the disk is full; what was committed is kept") from None
            raise CollectionError(f"{self._what}: {reason}") from None


def _listed(rows: Rows) -> str:
    return ",".join(map(str, rows.tolist()))
