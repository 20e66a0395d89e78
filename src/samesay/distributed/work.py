"""What every worker does: one part of the corpus to one file of vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from samesay.distributed.line_parts import read_line_part
from samesay.distributed.parquet_parts import read_parquet_part
from samesay.distributed.parts import Part
from samesay.embedding_job.batches import vector_batches
from samesay.embedding_job.request import EmbeddingRequest, TextEncoder
from samesay.errors import InputFileError
from samesay.filesystems import Storage
from samesay.textfiles import TextRow, TextSource
from samesay.vectorfiles import IdKind, parquet_schema, row_group_size, vector_table

if TYPE_CHECKING:
    from samesay.identity import Identity

SOURCE, DIGEST, CUT = "samesay.source", "samesay.source_digest", "samesay.cut_texts"


@dataclass(frozen=True)
class EmbeddingSettings:
    """How texts are embedded; see ``EmbeddingRequest``."""

    prompt: Literal["query", "document"] | None = "document"
    task: str | None = None
    dimensions: int | None = None
    overlength: Literal["error", "truncate"] = "error"
    batch_tokens: int = EmbeddingRequest.batch_tokens


@dataclass(frozen=True)
class Work:
    """What workers are told, wherever they are.

    Args:
        corpus: The folder of the texts, as a path or URI.
        target: The folder of the vectors.
        column: The column of the texts.
        ids: What is in the column ``id``.
        settings: How to embed.
        width: Numbers in a vector.
        metadata: What every file of vectors says of its making.
    """

    corpus: str
    target: str
    column: str
    ids: IdKind
    settings: EmbeddingSettings
    width: int
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class PartReport:
    """A part that is done.

    Args:
        name: The file of its vectors.
        rows: How many.
        cut_texts: How many of its texts were cut to the model's limit.
        size: Bytes of the file.
    """

    name: str
    rows: int
    cut_texts: int
    size: int


def origin(identity: Identity, settings: EmbeddingSettings) -> dict[str, str]:
    """What the metadata of a file of vectors says of their making."""
    return {
        "samesay.model": identity.model,
        "samesay.identity": str(identity),
        "samesay.fingerprint": identity.fingerprint,
        "samesay.prompt": settings.prompt or "none",
        "samesay.task": settings.task or "",
    }


def embed_part(
    part: Part, work: Work, model: TextEncoder, progress: Callable[[int], object] | None = None
) -> PartReport:
    """Embed a part and write its vectors, whole or not at all.

    The same part gives the same bytes wherever it is done, so that it may be done twice without harm.

    Args:
        part: The part.
        work: What is to be done with it.
        model: What embeds; of the identity that ``work`` was made for.
        progress: Called with the rows done since the last call.

    Raises:
        TextError: A text is too long or cannot be embedded; the message says which.
        InputFileError: The file was changed, or a row is not a text.
        OutputFileError: The vectors cannot be written.
    """
    import numpy as np

    vectors = np.empty((part.rows, work.width), np.float32)
    rows: list[TextRow] = []
    done = cut_texts = 0
    read = _read(part, work)

    def kept() -> Iterator[TextRow]:
        for row in read:
            rows.append(row)
            yield row

    for _, block, cut in vector_batches(kept(), model, _request(part, work)):
        if done + len(block) > part.rows:
            break
        vectors[done : done + len(block)] = block
        done += len(block)
        cut_texts += cut
        if progress:
            progress(len(block))
    if done != part.rows or len(rows) != part.rows:
        raise InputFileError(f"{part.source} was changed while it was read; run the command again")
    metadata = dict(work.metadata) | {SOURCE: part.source, DIGEST: part.digest, CUT: str(cut_texts)}
    content = _as_parquet(rows, vectors, work, metadata)
    Storage(work.target).write_whole(part.name, content)
    return PartReport(part.name, part.rows, cut_texts, len(content))


def _read(part: Part, work: Work) -> Iterator[TextRow]:
    storage = Storage(work.corpus)
    if part.span is None:
        return read_parquet_part(storage, part, work.column)
    return read_line_part(storage, part, part.span, work.column)


def _request(part: Part, work: Work) -> EmbeddingRequest:
    settings = work.settings
    return EmbeddingRequest(
        TextSource(Path(part.source), part.source, part.kind, work.column),
        Path(part.name),
        settings.prompt,
        settings.task,
        settings.dimensions,
        settings.overlength,
        settings.batch_tokens,
    )


def _as_parquet(rows: list[TextRow], vectors: Any, work: Work, metadata: Mapping[str, str]) -> memoryview:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = parquet_schema(work.column, work.ids, work.width, metadata)
    table = vector_table(rows, vectors.reshape(-1), work.ids, schema)
    written = pa.BufferOutputStream()
    pq.write_table(table, written, row_group_size=row_group_size(work.width), use_dictionary=False)
    return memoryview(written.getvalue())
