"""Rows of text and vector from the Parquet files of ``samesay embed``, and what model made them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from samesay.collection.base import Vectors
from samesay.collection.document import Document, as_document
from samesay.errors import IdentityMismatchError, InputFileError, MissingExtraError
from samesay.filesystems import Storage, stored_files
from samesay.vectors import have_length_one

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from samesay.identity import Identity
    from samesay.text_model import TextModel

_ROWS_AT_A_TIME = 8192
_VECTOR = "vector"
_OWN = ("id", "text", "title", "language")


@dataclass(frozen=True)
class VectorFile:
    """A Parquet file, wherever it lies.

    Args:
        storage: The folder that it is in.
        name: Its name below that.
    """

    storage: Storage
    name: str

    def __str__(self) -> str:
        return self.storage.below(self.name).removeprefix("./")

    @contextmanager
    def opened(self) -> Iterator[pq.ParquetFile]:
        """Open it.

        Raises:
            InputFileError: It cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with self.storage.opened_for_arrow(self.name) as stream, pq.ParquetFile(stream) as file:
                yield file
        except (OSError, pa.ArrowException) as error:
            raise InputFileError(f"{self} cannot be read: {_line(error)}") from None


@dataclass(frozen=True)
class VectorSource:
    """Files of rows that one model has embedded.

    Args:
        files: The files, in the order in which they are read.
        column: The column of texts.
        fingerprint: The fingerprint of the model's identity.
        identity: The identity in words.
        prompt: What the texts were embedded as: ``document``, ``query`` or ``none``.
        task: The task that was asked for, or nothing.
        width: Numbers in each vector.
        rows: How many rows there are.
    """

    files: tuple[VectorFile, ...]
    column: str
    fingerprint: str
    identity: str
    prompt: str
    task: str
    width: int
    rows: int


@dataclass(frozen=True)
class VectorBlock:
    """Some rows: each a document, and its vector in a row of ``vectors``."""

    documents: list[Document]
    vectors: Vectors


def vector_source(paths: Iterable[str | Path], column: str | None = None) -> VectorSource:
    """Look into Parquet files, and folders of them.

    Args:
        paths: Files, or folders whose ``.parquet`` files are taken in the order of their names; on this
            machine, or by a URI on a file system that pyarrow or fsspec knows.
        column: The column of texts; by default ``text``, or the only one that can be.

    Raises:
        InputFileError: A file cannot be read, says not who made it, or is not like the others.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise MissingExtraError("reading Parquet", "parquet") from None
    files = tuple(file for path in paths for file in _files(str(path)))
    if not files:
        raise InputFileError("no .parquet file was given; samesay embed TEXTS -o VECTORS.parquet makes one")
    first = _looked_into(files[0], column)
    rows = first.rows
    for file in files[1:]:
        other = _looked_into(file, column)
        for name in ("column", "fingerprint", "prompt", "task", "width"):
            if getattr(other, name) != getattr(first, name):
                raise InputFileError(
                    f"{file} has {name} {getattr(other, name)!r}, {files[0]} has {getattr(first, name)!r}; "
                    "give files of one run of samesay embed"
                )
        rows += other.rows
    return replace(first, files=files, rows=rows)


def read_blocks(source: VectorSource) -> Iterator[VectorBlock]:
    """Give the rows of all files, some thousands at a time.

    Raises:
        InputFileError: A row has no id or text, or its vector is not finite or not of length 1.
        DocumentError: A row is not a document.
    """
    for path in source.files:
        first = 0
        with path.opened() as file:
            for batch in file.iter_batches(_ROWS_AT_A_TIME):
                yield _block(batch, source, f"{path}, rows {first} to {first + batch.num_rows - 1}")
                first += batch.num_rows


def check_source(
    source: VectorSource, identity: Identity, name: object, model: Callable[[], TextModel]
) -> None:
    """Refuse vectors that are not what a collection's own model would give.

    Args:
        source: The vectors.
        identity: What makes the collection's vectors.
        name: What the collection is called.
        model: Gives the collection's model, where it is needed.

    Raises:
        IdentityMismatchError: They are of another model, prompt or width; both are named.
    """
    if source.width != identity.dimensions:
        raise IdentityMismatchError(
            f"{source.files[0]} has vectors of {source.width} numbers; "
            f"those of {name} have {identity.dimensions}"
        )
    if source.fingerprint != identity.fingerprint:
        raise IdentityMismatchError(
            f"{source.files[0]} was made with {source.identity}; {name} with {identity}: "
            "embed the texts with that model, or make a new collection"
        )
    if (source.prompt, source.task) != ("document", ""):
        prompts = model().prompts
        chosen = None if source.prompt == "none" else source.prompt
        if prompts.prefix(chosen, source.task or None) != prompts.prefix("document"):  # type: ignore[arg-type]
            raise IdentityMismatchError(
                f"{source.files[0]} has texts embedded with --prompt {source.prompt}"
                f"{' and a task' if source.task else ''}; a collection wants --prompt document"
            )


def _files(place: str) -> list[VectorFile]:
    storage, files = stored_files(place)
    return [VectorFile(storage, file.name) for file in files if file.name.endswith(".parquet")]


def _looked_into(path: VectorFile, column: str | None) -> VectorSource:
    import pyarrow as pa

    with path.opened() as file:
        schema, rows = file.schema_arrow, int(file.metadata.num_rows)
    said = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    if "samesay.fingerprint" not in said or _VECTOR not in schema.names:
        raise InputFileError(f"{path} says not which model made its vectors; samesay embed writes such files")
    kind = schema.field(_VECTOR).type
    if not pa.types.is_fixed_size_list(kind):
        raise InputFileError(f"{path}: the column 'vector' is {kind}, not a list of a fixed size")
    if "id" not in schema.names:
        raise InputFileError(
            f"{path} has no column 'id'; embed texts that have ids, so that each stays one document"
        )
    return VectorSource(
        (path,),
        _text_column(schema, path, column),
        said["samesay.fingerprint"],
        said.get("samesay.identity", said["samesay.fingerprint"]),
        said.get("samesay.prompt", "none"),
        said.get("samesay.task", ""),
        int(kind.list_size),
        rows,
    )


def _text_column(schema: pa.Schema, path: VectorFile, column: str | None) -> str:
    import pyarrow as pa

    named = [column] if column else ["text"]
    if named[0] not in schema.names and column is None:
        strings = (pa.types.is_string, pa.types.is_large_string)
        named = [
            one.name for one in schema if one.name not in _OWN and any(test(one.type) for test in strings)
        ]
    if len(named) != 1 or named[0] not in schema.names:
        raise InputFileError(f"{path}: the column of texts is not clear; it has {', '.join(schema.names)}")
    return named[0]


def _block(batch: pa.RecordBatch, source: VectorSource, where: str) -> VectorBlock:
    lists = batch.column(_VECTOR)
    if lists.null_count:
        raise InputFileError(f"{where}: a vector is missing")
    numbers: Any = lists.flatten().to_numpy(zero_copy_only=False)
    vectors: Vectors = np.ascontiguousarray(numbers.reshape(len(lists), -1), np.float32)
    wrong = int((~have_length_one(vectors)).sum())
    if wrong:
        raise InputFileError(
            f"{where}: {wrong} vectors are not finite or not of length 1; embed the texts again"
        )
    columns = {
        name: batch.column(place).to_pylist()
        for place, name in enumerate(batch.schema.names)
        if name != _VECTOR
    }
    return VectorBlock(_documents(columns, source.column, where), vectors)


def _documents(columns: dict[str, list[Any]], column: str, where: str) -> list[Document]:
    ids, texts = columns["id"], columns[column]
    more: Sequence[str] = [name for name in columns if name not in (*_OWN, column)]
    documents = []
    for place, (identifier, text) in enumerate(zip(ids, texts, strict=True)):
        if identifier is None or text is None:
            raise InputFileError(
                f"{where}: row {place} of these has no {'id' if identifier is None else 'text'}"
            )
        title, language = (
            columns[name][place] if name in columns and name != column else None for name in _OWN[2:]
        )
        metadata = {name: columns[name][place] for name in more}
        documents.append(as_document(Document(str(identifier), text, title, language, metadata)))
    return documents


def _line(error: Exception) -> str:
    return str(error).split("\n")[0][:200]
