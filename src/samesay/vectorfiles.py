"""Vectors to files: NumPy and Parquet, from raw float32 rows on disk, without holding them all."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from samesay.errors import MissingExtraError, OutputFileError
from samesay.newfiles import check_new_file, new_file
from samesay.textfiles import TextRow

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray

VECTOR_FILES = (".npy", ".parquet")
IdKind = Literal["none", "integer", "string"]

_ROW_GROUP_BYTES = 16 * 2**20


@dataclass(frozen=True)
class RawVectors:
    """Little-endian float32 rows, one after the other, in a file.

    Args:
        path: The file.
        rows: How many.
        width: Numbers in each.
    """

    path: Path
    rows: int
    width: int


def check_target(target: Path, suffixes: Iterable[str], *, overwrite: bool) -> None:
    """Refuse a target before any work is done for it.

    Raises:
        OutputFileError: its name says no known kind, its folder is missing, or it exists already.
        MissingExtraError: Parquet is asked for without pyarrow.
    """
    known = tuple(suffixes)
    if target.suffix.lower() not in known:
        raise OutputFileError(f"{target}: the name must end in {' or '.join(known)}")
    check_new_file(target, overwrite=overwrite)
    if target.suffix.lower() == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise MissingExtraError("writing Parquet", "parquet") from None


def write_npy(vectors: RawVectors, target: Path, beside: Path) -> None:
    """Write the rows as a NumPy array of shape (rows, width), float32.

    Raises:
        OutputFileError: see ``newfiles.new_file``.
    """
    import numpy as np

    header = {"descr": "<f4", "fortran_order": False, "shape": (vectors.rows, vectors.width)}
    with vectors.path.open("rb") as raw, new_file(target, beside) as file:
        np.lib.format.write_array_header_1_0(file, header)
        shutil.copyfileobj(raw, file, 2**20)


def write_parquet(
    vectors: RawVectors,
    target: Path,
    beside: Path,
    *,
    texts: Iterator[TextRow],
    column: str,
    ids: IdKind,
    metadata: Mapping[str, str],
) -> None:
    """Write the rows with their texts, and ids where there are any, as Parquet.

    The columns are ``id``, the texts under their own name, and ``vector``, a fixed-size list of float32;
    the schema's metadata is ``metadata``.

    Raises:
        OutputFileError: the texts' column is called ``vector``, or see ``newfiles.new_file``.
    """
    import numpy as np
    import pyarrow.parquet as pq

    if column == "vector":
        raise OutputFileError(
            f"{target}: the texts' column is called 'vector' as well; rename it, or write .npy"
        )
    schema = parquet_schema(column, ids, vectors.width, metadata)
    group = row_group_size(vectors.width)
    with (
        vectors.path.open("rb") as raw,
        new_file(target, beside) as file,
        pq.ParquetWriter(file, schema, use_dictionary=False) as writer,
    ):
        while block := list(islice(texts, group)):
            numbers = np.frombuffer(raw.read(4 * vectors.width * len(block)), dtype="<f4")
            writer.write_table(vector_table(block, numbers, ids, schema), row_group_size=group)


def parquet_schema(column: str, ids: IdKind, width: int, metadata: Mapping[str, str]) -> pyarrow.Schema:
    """The columns of a Parquet file of texts and vectors; see ``write_parquet``."""
    import pyarrow as pa

    id_field = [pa.field("id", pa.int64() if ids == "integer" else pa.string())] if ids != "none" else []
    fields = [*id_field, pa.field(column, pa.string()), pa.field("vector", pa.list_(pa.float32(), width))]
    return pa.schema(fields, metadata=dict(metadata))


def vector_table(
    rows: Sequence[TextRow], numbers: NDArray[np.float32], ids: IdKind, schema: pyarrow.Schema
) -> pyarrow.Table:
    """Lay texts and vectors out as ``parquet_schema`` says.

    Args:
        rows: n texts.
        numbers: Their vectors, one after the other, n times the width.
        ids: What is in the column ``id``.
        schema: Of the table.
    """
    import pyarrow as pa

    columns = [
        *([pa.array([_id(row, ids) for row in rows], schema.field("id").type)] if ids != "none" else []),
        pa.array([row.text for row in rows], pa.string()),
        pa.FixedSizeListArray.from_arrays(pa.array(numbers), schema.field("vector").type.list_size),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def row_group_size(width: int) -> int:
    """Rows of a row group of a Parquet file with vectors of that width."""
    return max(1, _ROW_GROUP_BYTES // (4 * width))


def _id(row: TextRow, ids: IdKind) -> str | int | None:
    return str(row.id) if ids == "string" and row.id is not None else row.id
