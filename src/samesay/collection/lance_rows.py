"""Rows of vectors as Arrow tables: the form that LanceDB takes and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Rows, Vectors
from samesay.collection.scan import Scan
from samesay.collection.storage import Storage, codes, kept

if TYPE_CHECKING:
    import pyarrow as pa


def schema_of(width: int, storage: Storage) -> pa.Schema:
    """Give the columns of a table: ``row``, ``vector``, and with ``int8`` the 8-bit form of it."""
    import pyarrow as pa

    number = pa.float32() if storage == "f32" else pa.float16()
    fields = [pa.field("row", pa.int64()), pa.field("vector", pa.list_(number, width))]
    if storage == "int8":
        fields += [pa.field("codes", pa.list_(pa.int8(), width)), pa.field("scale", pa.float32())]
    return pa.schema(fields)


def scanned_columns(storage: Storage) -> list[str]:
    """Give the columns that an exact search reads."""
    return ["row", "codes", "scale"] if storage == "int8" else ["row", "vector"]


def table_of(rows: Rows, vectors: Vectors, storage: Storage) -> pa.Table:
    """Give rows as a table."""
    import pyarrow as pa

    schema = schema_of(vectors.shape[1], storage)
    chosen = kept(vectors, storage)
    columns = [pa.array(rows), _fixed(chosen, schema.field("vector").type)]
    if storage == "int8":
        numbers, scales = codes(chosen.astype(np.float32))
        columns += [_fixed(numbers, schema.field("codes").type), pa.array(scales)]
    return pa.Table.from_arrays(columns, schema=schema)


def append_to(scan: Scan, batches: list[pa.RecordBatch], storage: Storage, end: int) -> None:
    """Put what a table has in its scanned columns into a scan, in the order of rows: those below a number."""
    found = [batch for batch in batches if batch.num_rows]
    if not found:
        return
    rows = np.concatenate([numbers_of(batch, "row") for batch in found])
    order = np.argsort(rows, kind="stable")
    order = order[: np.searchsorted(rows[order], end)]
    matrix = np.concatenate([matrix_of(batch, scanned_columns(storage)[1]) for batch in found])
    scales = None
    if storage == "int8":
        scales = np.concatenate([numbers_of(batch, "scale") for batch in found])[order]
    in_order = len(order) == len(rows) and bool((np.diff(order) > 0).all())
    scan.append(rows[order], matrix if in_order else matrix[order], scales)


def numbers_of(batch: pa.RecordBatch, column: str) -> NDArray[Any]:
    """Give a column of numbers."""
    result: NDArray[Any] = batch.column(column).to_numpy(zero_copy_only=False)
    return result


def matrix_of(batch: pa.RecordBatch, column: str) -> NDArray[Any]:
    """Give a column of vectors as a matrix."""
    lists = batch.column(column)
    numbers: NDArray[Any] = lists.flatten().to_numpy(zero_copy_only=False)
    return numbers.reshape(len(lists), -1)


def _fixed(matrix: NDArray[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).reshape(-1)), type=kind)
