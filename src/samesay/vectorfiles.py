"""Vectors to files: NumPy and Parquet, from raw float32 rows on disk, without holding them all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal

from samesay.errors import MissingExtraError, OutputFileError
from samesay.textfiles import TextRow

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
    if target.is_dir():
        raise OutputFileError(f"{target} is a folder")
    if not target.parent.is_dir():
        raise OutputFileError(f"{target}: there is no folder {target.parent}; create it first")
    if target.exists() and not overwrite:
        raise OutputFileError(f"{target} exists; give another name, or --overwrite to replace it")
    if target.suffix.lower() == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise MissingExtraError("writing Parquet", "parquet") from None


@contextmanager
def new_file(target: Path, beside: Path | None = None) -> Iterator[BinaryIO]:
    """Give a file that becomes ``target`` when the block ends well and vanishes when it does not.

    Args:
        target: The name to appear, all at once.
        beside: Where it is written first, in the same folder; a name of its own where None.

    Raises:
        OutputFileError: the disk is full, or the folder cannot be written to.
    """
    building = beside or target.with_name(f"{target.name}.{os.getpid()}.new")
    try:
        try:
            with building.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            building.replace(target)
        finally:
            building.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from None


def cannot_write(target: Path, error: OSError) -> OutputFileError:
    """What to tell when the system refuses to write."""
    return OutputFileError(f"{target} cannot be written: {error.strerror or error}")


def write_npy(vectors: RawVectors, target: Path, beside: Path) -> None:
    """Write the rows as a NumPy array of shape (rows, width), float32.

    Raises:
        OutputFileError: see ``new_file``.
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
        OutputFileError: the texts' column is called ``vector``, or see ``new_file``.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    if column == "vector":
        raise OutputFileError(
            f"{target}: the texts' column is called 'vector' as well; rename it, or write .npy"
        )
    id_field = [pa.field("id", pa.int64() if ids == "integer" else pa.string())] if ids != "none" else []
    vector_type = pa.list_(pa.float32(), vectors.width)
    fields = [*id_field, pa.field(column, pa.string()), pa.field("vector", vector_type)]
    schema = pa.schema(fields, metadata=dict(metadata))
    group = max(1, _ROW_GROUP_BYTES // (4 * vectors.width))
    with (
        vectors.path.open("rb") as raw,
        new_file(target, beside) as file,
        pq.ParquetWriter(file, schema, use_dictionary=False) as writer,
    ):
        while block := list(islice(texts, group)):
            numbers = np.frombuffer(raw.read(4 * vectors.width * len(block)), dtype="<f4")
            arrays = [
                *(pa.array([_id(row, ids) for row in block], field.type) for field in id_field),
                pa.array([row.text for row in block], pa.string()),
                pa.FixedSizeListArray.from_arrays(pa.array(numbers), vectors.width),
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=group)


def _id(row: TextRow, ids: IdKind) -> str | int | None:
    return str(row.id) if ids == "string" and row.id is not None else row.id
