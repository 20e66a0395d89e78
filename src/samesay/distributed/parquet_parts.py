"""Parquet files in parts of rows, planned from their footers."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samesay.distributed.parts import PART_BYTES, Part
from samesay.errors import InputFileError
from samesay.filesystems import Storage, StoredFile
from samesay.textfiles import Kind, TextRow, TextSource, choose_column, read_records
from samesay.vectorfiles import IdKind

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet

_BATCH_ROWS = 1024


def parquet_parts(
    storage: Storage, file: StoredFile, kind: Kind, column: str | None, part_rows: int
) -> tuple[str, IdKind, list[Part]]:
    """Divide a Parquet file; without rows it has no parts.

    Returns:
        The column of the texts, what is in the column ``id``, and the parts.

    Raises:
        InputFileError: It is no Parquet, has no such column, or one that holds something else than texts.
    """
    with _parquet(storage, file.name) as parquet:
        schema, footer = parquet.schema_arrow, parquet.metadata
        found = choose_column(column, list(schema.names), kind, file.name)
        _check_texts(schema.field(found), footer, file.name)
        base = _digest(file, footer)
        size = max(1, min(part_rows, int(PART_BYTES / max(1.0, _text_bytes(footer, found)))))
        ids = "none" if found == "id" or "id" not in schema.names else _id_kind(schema.field("id").type)
        rows = footer.num_rows
    parts = [
        Part(
            file.name,
            kind,
            number,
            first,
            min(size, rows - first),
            None,
            hashlib.sha256(f"{base} {found} {first} {min(size, rows - first)}".encode()).hexdigest(),
        )
        for number, first in enumerate(range(0, rows, size))
    ]
    return found, ids, parts


def read_parquet_part(storage: Storage, part: Part, column: str) -> Iterator[TextRow]:
    """Give the rows of a part, numbered from 1 as in the whole file.

    Raises:
        InputFileError: The file was changed since it was divided, or a row is not a text.
    """
    changed = InputFileError(f"{part.source} was changed while it was read; run the command again")
    file = storage.file(part.source)
    if file is None:
        raise changed
    with _parquet(storage, part.source) as parquet:
        base = _digest(file, parquet.metadata)
        told = f"{base} {column} {part.first_row} {part.rows}".encode()
        if hashlib.sha256(told).hexdigest() != part.digest:
            raise changed
        source = TextSource(Path(part.source), part.source, part.kind, column)
        yield from read_records(_records(parquet, part, column), source)


def _records(
    parquet: pyarrow.parquet.ParquetFile, part: Part, column: str
) -> Iterator[tuple[int, dict[str, object]]]:
    last = part.first_row + part.rows
    groups, begin, row = [], 0, None
    for group in range(parquet.num_row_groups):
        end = begin + parquet.metadata.row_group(group).num_rows
        if begin < last and end > part.first_row:
            groups.append(group)
            row = begin if row is None else row
        begin = end
    row = row or 0
    columns = [name for name in dict.fromkeys((column, "id")) if name in parquet.schema_arrow.names]
    for batch in parquet.iter_batches(_BATCH_ROWS, row_groups=groups, columns=columns):
        first = max(0, part.first_row - row)
        kept = batch.slice(first, max(0, min(len(batch), last - row) - first))
        yield from enumerate(kept.to_pylist(), row + first + 1)
        row += len(batch)
        if row >= last:
            return


@contextmanager
def _parquet(storage: Storage, name: str) -> Iterator[pyarrow.parquet.ParquetFile]:
    import pyarrow
    import pyarrow.parquet

    with storage.opened_for_arrow(name) as stream:
        try:
            with pyarrow.parquet.ParquetFile(stream) as parquet:
                yield parquet
        except (pyarrow.ArrowException, OSError) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise InputFileError(f"{name} cannot be read as Parquet: {reason}") from None


def _digest(file: StoredFile, footer: Any) -> str:
    # The footer holds places, sizes and statistics of all columns; the time of writing tells of the rest.
    written = io.BytesIO()
    footer.write_metadata_file(written)
    told = f"{file.size} {file.modified} {hashlib.sha256(written.getvalue()).hexdigest()}"
    return hashlib.sha256(told.encode()).hexdigest()


def _check_texts(field: pyarrow.Field, footer: Any, name: str) -> None:
    import pyarrow.types as types

    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    if not (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)):
        raise InputFileError(f"{name}: the column {field.name!r} is of type {field.type}, not of texts")
    nulls = 0
    for chunk in _chunks(footer, field.name):
        if chunk.statistics is not None and chunk.statistics.has_null_count:
            nulls += chunk.statistics.null_count
    if nulls:
        raise InputFileError(
            f"{name}: {nulls} of {footer.num_rows} values in {field.name!r} are null; "
            "fill them or leave them out"
        )


def _text_bytes(footer: Any, column: str) -> float:
    size = sum(int(chunk.total_uncompressed_size) for chunk in _chunks(footer, column))
    return size / max(1, int(footer.num_rows))


def _chunks(footer: Any, column: str) -> Iterator[Any]:
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        for place in range(group.num_columns):
            if group.column(place).path_in_schema == column:
                yield group.column(place)


def _id_kind(kind: pyarrow.DataType) -> IdKind:
    import pyarrow.types as types

    if types.is_null(kind):
        return "none"
    return "integer" if types.is_integer(kind) and not types.is_uint64(kind) else "string"
