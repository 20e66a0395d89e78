"""Embed a file of texts into a file of vectors: in order, in bounded memory, resumable."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from samesay import __version__
from samesay.embedding_job.batches import vector_batches
from samesay.embedding_job.journal import (
    Journal,
    PartialFiles,
    PartialVectors,
    Recipe,
    TextDigest,
    read_journal,
)
from samesay.embedding_job.request import EmbeddingRequest, TextEncoder
from samesay.errors import InputFileError, OutputFileError
from samesay.newfiles import cannot_write
from samesay.textfiles import TextRow, read_texts
from samesay.vectorfiles import IdKind, RawVectors, write_npy, write_parquet

SAVE_SECONDS = 1.0


@dataclass(frozen=True)
class EmbeddingJob:
    """A request that was looked into: how much there is, and how much of it is done.

    Args:
        request: What was asked for.
        files: The partial files.
        texts: How many texts there are.
        texts_sha256: Over all of them.
        ids: What is in the column ``id``.
        start: What an earlier run has done, possibly nothing.
        start_digest: The digest of the texts of these rows.
        started_over: Why an earlier run's work is dropped; None where it is kept or there is none.
    """

    request: EmbeddingRequest
    files: PartialFiles
    texts: int
    texts_sha256: str
    ids: IdKind
    start: Journal
    start_digest: TextDigest
    started_over: str | None


@dataclass(frozen=True)
class EmbeddingReport:
    """What a job has made.

    Args:
        texts: How many vectors the file has.
        width: Numbers in each.
        cut_texts: How many texts were cut to the model's limit.
    """

    texts: int
    width: int
    cut_texts: int


@contextmanager
def prepared_job(request: EmbeddingRequest, model: TextEncoder) -> Iterator[EmbeddingJob]:
    """Read through the texts, find what an earlier run has done, and keep other processes out meanwhile.

    Raises:
        InputFileError: a row is not a text.
        OutputFileError: another process writes this target, or its folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    files = PartialFiles(request.target)
    lock = FileLock(files.lock, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise OutputFileError(f"another process is writing {request.target}; wait for it to end") from None
    except OSError as error:
        raise cannot_write(request.target, error) from None
    try:
        yield _prepared(request, files, _recipe(request, model))
    finally:
        if os.name != "nt":  # there the lock file goes with its release, and cannot before
            files.lock.unlink(missing_ok=True)
        lock.release()


def run_job(
    job: EmbeddingJob,
    model: TextEncoder,
    *,
    progress: Callable[[int], None] | None = None,
    save_seconds: float = SAVE_SECONDS,
) -> EmbeddingReport:
    """Embed what is left and make the target.

    An exception, KeyboardInterrupt included, leaves the finished rows beside the target for the next run.

    Args:
        job: From ``prepared_job``.
        model: The same model.
        progress: Called with the number of finished texts.
        save_seconds: How often finished rows are brought to disk: the most that a kill can cost.

    Raises:
        TextError: a text is too long or cannot be embedded; the message says which.
        InputFileError: the file of texts was changed meanwhile.
        OutputFileError: the disk is full, or the folder cannot be written to.
    """
    try:
        journal = _embed_rest(job, model, progress, save_seconds)
    except OSError as error:
        raise cannot_write(job.request.target, error) from None
    if journal.texts_sha256 != job.texts_sha256:
        raise InputFileError(
            f"{job.request.source.name} was changed while it was read; run the command again"
        )
    _make_whole(job, model, journal)
    job.files.remove()
    return EmbeddingReport(journal.rows, journal.recipe.width, journal.cut_texts)


def kept_rows(job: EmbeddingJob) -> int:
    """Give how many finished rows an interrupted run has left beside the target."""
    journal = read_journal(job.files.journal)
    return journal.rows if journal else 0


@contextmanager
def kept_standard_input(stream: BinaryIO, target: Path) -> Iterator[Path]:
    """Keep what comes through standard input in a file beside the target, as it is read more than once.

    Raises:
        OutputFileError: the disk is full, or the folder cannot be written to.
    """
    kept = PartialFiles(target).standard_input
    try:
        try:
            with kept.open("wb") as file:
                shutil.copyfileobj(stream, file)
        except OSError as error:
            raise cannot_write(kept, error) from None
        yield kept
    finally:
        kept.unlink(missing_ok=True)


def _recipe(request: EmbeddingRequest, model: TextEncoder) -> Recipe:
    width = model.dimensions if request.dimensions is None else request.dimensions
    return Recipe(__version__, model.identity_at(width).fingerprint, request.prompt, request.task, width)


def _prepared(request: EmbeddingRequest, files: PartialFiles, recipe: Recipe) -> EmbeddingJob:
    nothing = Journal(recipe, 0, str(TextDigest()), 0)
    start, started_over = _earlier_work(request, files, nothing)
    digest = start_digest = TextDigest()
    ids: IdKind = "none"
    count = 0
    for count, row in enumerate(read_texts(request.source), 1):
        digest.add((row.text,))
        if count == start.rows:
            start_digest = digest.copy()
        if row.id is not None and ids != "string":
            ids = "string" if isinstance(row.id, str) or row.id.bit_length() > 63 else "integer"
    if start.rows and str(start_digest) != start.texts_sha256:
        start, started_over = nothing, "the texts have changed"
    if not start.rows:
        start_digest = TextDigest()
    return EmbeddingJob(request, files, count, str(digest), ids, start, start_digest, started_over)


def _earlier_work(
    request: EmbeddingRequest, files: PartialFiles, nothing: Journal
) -> tuple[Journal, str | None]:
    try:
        journal = read_journal(files.journal)
    except OutputFileError:
        return nothing, "its journal is damaged"
    if journal is None or journal.rows == 0:
        return nothing, None
    reason = nothing.recipe.difference(journal.recipe)
    if reason:
        return nothing, reason
    size = files.vectors.stat().st_size if files.vectors.exists() else 0
    if size < 4 * journal.rows * journal.recipe.width:
        return nothing, f"{files.vectors.name} has fewer vectors than its journal says"
    if journal.cut_texts and request.overlength == "error":
        return nothing, "texts were cut then, and now none may be"
    return journal, None


def _embed_rest(
    job: EmbeddingJob, model: TextEncoder, progress: Callable[[int], None] | None, save_seconds: float
) -> Journal:
    left = islice(read_texts(job.request.source), job.start.rows, None)
    partial = PartialVectors(job.files, job.start, job.start_digest)
    try:
        with partial:
            saved = time.monotonic()
            for texts, vectors, cut_texts in vector_batches(left, model, job.request):
                partial.append(texts, vectors, cut_texts)
                if time.monotonic() - saved >= save_seconds:
                    partial.save()
                    saved = time.monotonic()
                if progress:
                    progress(partial.journal.rows)
    finally:
        if partial.journal.rows == 0:
            job.files.remove()
    return partial.journal


def _make_whole(job: EmbeddingJob, model: TextEncoder, journal: Journal) -> None:
    request, recipe = job.request, journal.recipe
    vectors = RawVectors(job.files.vectors, journal.rows, recipe.width)
    if request.target.suffix.lower() == ".npy":
        write_npy(vectors, request.target, job.files.whole)
        return
    identity = model.identity_at(recipe.width)
    metadata = {
        "samesay.model": model.name,
        "samesay.identity": str(identity),
        "samesay.fingerprint": identity.fingerprint,
        "samesay.prompt": recipe.prompt or "none",
        "samesay.task": recipe.task or "",
    }
    write_parquet(
        vectors,
        request.target,
        job.files.whole,
        texts=_same_texts(job),
        column=request.source.column,
        ids=job.ids,
        metadata=metadata,
    )


def _same_texts(job: EmbeddingJob) -> Iterator[TextRow]:
    digest = TextDigest()
    for row in read_texts(job.request.source):
        digest.add((row.text,))
        yield row
    if str(digest) != job.texts_sha256:
        raise InputFileError(
            f"{job.request.source.name} was changed while it was read; run the command again"
        )
