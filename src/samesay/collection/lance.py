"""Vectors in a LanceDB table: exact search in memory below a size, an index on disk above it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Mask, Ranking, Rows, Vectors
from samesay.collection.permitting import search_permitted
from samesay.collection.scan import Scan, rescored
from samesay.collection.storage import Storage, codes, kept
from samesay.errors import CollectionError, DamagedCollectionError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa

Result = TypeVar("Result")

_ROWS_AT_A_TIME = 4096
_TRIES = 3
_MOST_ROWS = 2**32 - 1  # that LanceDB can be asked for


@dataclass(frozen=True)
class IndexSettings:
    """When an index is built and how thoroughly it is searched.

    Args:
        least_rows: With fewer rows every search is exact.
        partition_rows: Rows in a cell of the index, on average.
        probes: Cells looked through, as a share of all cells, and at least ``least_probes``.
        least_probes: See ``probes``.
        refine: Rows scored again with their kept vectors, as a multiple of those asked for.
        unindexed: Rows added since the index was built, as a share of all, that make ``compact`` extend it.
    """

    least_rows: int = 200_000
    partition_rows: int = 2000
    probes: float = 0.05
    least_probes: int = 20
    refine: int = 10
    unindexed: float = 0.1


class LanceStore:
    """A store of vectors that is one LanceDB table.

    Args:
        folder: Where the database lies; an address such as ``s3://bucket/path`` works as well.
        name: The table.
        width: Numbers in a vector.
        storage: What is kept of them.
        index: When and how an index is used.

    Raises:
        MissingExtraError: lancedb is not installed.
        DamagedCollectionError: The table cannot be opened.
    """

    def __init__(
        self, folder: str, name: str, width: int, storage: Storage, index: IndexSettings | None = None
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
        with self._told():
            self._name = name
            self._database: Any = lancedb.connect(folder)
            self._table: Any = self._database.create_table(name, schema=self._schema(), exist_ok=True)
            self._has_index = self._find_index()

    @property
    def searching(self) -> str:
        """Exact, or the index and its settings."""
        if not self._has_index:
            return "exact"
        return f"IVF_PQ index, {self._index.refine} times the rows asked for scored again"

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """See ``VectorStore.add``."""
        import pyarrow as pa

        schema = self._schema()
        columns = [pa.array(rows), self._fixed(kept(vectors, self._storage), schema.field("vector").type)]
        if self._storage == "int8":
            numbers, scales = codes(kept(vectors, self._storage).astype(np.float32))
            columns += [self._fixed(numbers, schema.field("codes").type), pa.array(scales)]
        with self._told():
            self._table.add(pa.Table.from_arrays(columns, schema=schema))
        self._flush()

    def remove(self, rows: Rows) -> None:
        """See ``VectorStore.remove``."""
        for begin in range(0, len(rows), _ROWS_AT_A_TIME):
            with self._told():
                self._table.delete(f"row IN ({_listed(rows[begin : begin + _ROWS_AT_A_TIME])})")
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
            self._has_index = self._find_index()

    def read(self, rows: Rows) -> Vectors:
        """See ``VectorStore.read``."""
        wanted = np.unique(rows)
        found: list[tuple[Rows, Vectors]] = [(wanted[:0], np.empty((0, self._width), np.float32))]
        for begin in range(0, len(wanted), _ROWS_AT_A_TIME):
            condition = f"row IN ({_listed(wanted[begin : begin + _ROWS_AT_A_TIME])})"
            for batch in self._batches(condition, ["row", "vector"]):
                found.append((_numbers(batch, "row"), _matrix(batch, "vector").astype(np.float32)))
        numbers = np.concatenate([one for one, _ in found])
        order = np.argsort(numbers, kind="stable")
        if not np.array_equal(numbers[order], wanted):
            missing = len(np.setdiff1d(wanted, numbers))
            raise DamagedCollectionError(f"{self._what}: {missing} vectors are missing or doubled")
        vectors = np.concatenate([one for _, one in found])[order]
        return vectors[np.searchsorted(wanted, rows)]

    def rows(self) -> Rows:
        """See ``VectorStore.rows``."""
        found = [_numbers(batch, "row") for batch in self._batches(None, ["row"])]
        return np.sort(np.concatenate([np.empty(0, np.int64), *found]))

    def search(self, queries: Vectors, count: int, allowed: Mask, *, exact: bool = False) -> list[Ranking]:
        """See ``VectorStore.search``."""
        if exact or not self._has_index:
            scan = self._scanned()
            return scan.search(queries, count, allowed, self.read if self._storage == "int8" else scan.read)
        return [self._search_index(query, count, allowed) for query in queries]

    def compact(self) -> None:
        """See ``VectorStore.compact``."""
        with self._told():
            with warnings.catch_warnings():
                # Readers of an older version look again; see `_again`.
                warnings.simplefilter("ignore")
                self._table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
            self._build_index()
        self._scan = None
        self._flush()

    def clear(self) -> None:
        """See ``VectorStore.clear``."""
        with self._told():
            self._database.drop_table(self._name, ignore_missing=True)

    def close(self) -> None:
        """Let go of what is in memory."""
        self._scan = None

    def _schema(self) -> pa.Schema:
        import pyarrow as pa

        number = pa.float32() if self._storage == "f32" else pa.float16()
        fields = [pa.field("row", pa.int64()), pa.field("vector", pa.list_(number, self._width))]
        if self._storage == "int8":
            fields += [pa.field("codes", pa.list_(pa.int8(), self._width)), pa.field("scale", pa.float32())]
        return pa.schema(fields)

    def _fixed(self, matrix: np.ndarray[Any, Any], kind: pa.DataType) -> pa.Array:
        import pyarrow as pa

        return pa.FixedSizeListArray.from_arrays(
            pa.array(np.ascontiguousarray(matrix).reshape(-1)), type=kind
        )

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

    def _scanned(self) -> Scan:
        scan = self._scan or Scan(self._width, self._storage)
        last = int(scan.rows.max(initial=-1))
        columns = ["row", "codes", "scale"] if self._storage == "int8" else ["row", "vector"]
        batches = self._batches(None if last < 0 else f"row > {last}", columns)
        found = [
            (
                _numbers(batch, "row"),
                _matrix(batch, columns[1]),
                _numbers(batch, "scale") if self._storage == "int8" else None,
            )
            for batch in batches
            if batch.num_rows
        ]
        if found:
            rows = np.concatenate([part[0] for part in found])
            order = np.argsort(rows, kind="stable")
            matrix = np.concatenate([part[1] for part in found])[order]
            scales = np.concatenate([part[2] for part in found if part[2] is not None] or [rows[:0]])
            scan.append(rows[order], matrix, scales[order] if self._storage == "int8" else None)
        self._scan = scan
        return scan

    def _search_index(self, query: NDArray[np.float32], count: int, allowed: Mask) -> Ranking:
        found = search_permitted(
            count,
            allowed,
            lambda wanted: self._nearest(query, wanted),
            lambda rows: rescored(rows, query, count, self.read),
        )
        return self.search(query[None], count, allowed, exact=True)[0] if found is None else found

    def _nearest(self, query: NDArray[np.float32], count: int) -> Ranking:
        cells = max(1, self._table.count_rows() // self._index.partition_rows)
        probes = min(cells, max(self._index.least_probes, int(self._index.probes * cells)))

        def find() -> pa.Table:
            return (
                self._table.search(query, vector_column_name="vector")
                .distance_type("cosine")
                .nprobes(probes)
                .refine_factor(self._index.refine)
                .select(["row", "_distance"])
                .limit(count)
                .to_arrow()
            )

        table = self._again(find)
        rows = table.column("row").to_numpy()
        scores = (1 - table.column("_distance").to_numpy()).astype(np.float32)
        order = np.lexsort((rows, -scores))
        return Ranking(rows[order], scores[order])

    def _build_index(self) -> None:
        count = self._table.count_rows()
        if count < self._index.least_rows:
            return
        if self._find_index():
            return  # `optimize` has put new rows into it
        self._table.create_index(
            metric="cosine",
            index_type="IVF_PQ",
            vector_column_name="vector",
            num_partitions=max(1, count // self._index.partition_rows),
            num_sub_vectors=_sub_vectors(self._width),
        )
        self._table.create_scalar_index("row")
        self._has_index = True

    def _find_index(self) -> bool:
        return any("vector" in index.columns for index in self._table.list_indices())

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
            _flush(path)
            self._flushed.add(path)
            folders.add(path.parent)
        for folder in folders:
            _flush(folder)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).split("\n")[0].split(", /")[0][:300]
            if "No space left" in str(error):
                raise CollectionError(f"{self._what}: the disk is full; what was committed is kept") from None
            raise CollectionError(f"{self._what}: {reason}") from None


def _sub_vectors(width: int) -> int:
    # Two numbers a byte: recall hangs on it more than on the number of cells.
    for numbers in (2, 3, 4, 8, 1):
        if width % numbers == 0 and (width // numbers) % 8 == 0:
            return width // numbers
    return width


def _listed(rows: Rows) -> str:
    return ",".join(map(str, rows.tolist()))


def _numbers(batch: pa.RecordBatch, column: str) -> np.ndarray[Any, Any]:
    result: np.ndarray[Any, Any] = batch.column(column).to_numpy(zero_copy_only=False)
    return result


def _matrix(batch: pa.RecordBatch, column: str) -> np.ndarray[Any, Any]:
    lists = batch.column(column)
    numbers: np.ndarray[Any, Any] = lists.flatten().to_numpy(zero_copy_only=False)
    return numbers.reshape(len(lists), -1)


def _flush(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return  # on some systems a folder cannot be opened, and needs no flushing
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
