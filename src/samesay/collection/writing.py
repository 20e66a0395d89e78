"""Changing a collection: documents are cut, embedded and committed in batches, each whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import numpy as np

from samesay.collection.base import Vectors
from samesay.collection.build import Build
from samesay.collection.document import Document, as_document, content_hash
from samesay.collection.fulltext.frequencies import Frequencies
from samesay.collection.fulltext.postings import add_run
from samesay.collection.segmenting import CutDocument, Encoder
from samesay.errors import DocumentError

if TYPE_CHECKING:
    from samesay.longtext.weighting import DocumentFrequencies

# Told the documents done, and how many there are where that is known.
Progress = Callable[[int, "int | None"], object]

_LOOKED_UP_TOGETHER = 64
_EMBEDDED_TOGETHER = 64
_COMMIT_ROWS = 2048
_COMMIT_SECONDS = 5.0


@dataclass(frozen=True)
class AddReport:
    """What ``add`` has done.

    Args:
        added: Documents that were not there before.
        changed: Documents that replaced another of their id.
        unchanged: Documents that were there as they are.
        pruned: Documents that were taken out because they were not among those given.
        segments: Segments of the added and changed documents.
        cut_segments: Segments of which the model read only the beginning.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    pruned: int = 0
    segments: int = 0
    cut_segments: int = 0


@dataclass(frozen=True)
class Ready:
    """A document that waits for its commit."""

    document: CutDocument
    vectors: Vectors
    have: list[bool]


@dataclass
class Batch:
    """Documents on their way to the next commit.

    Args:
        cut: Those that are to be embedded.
        ready: Those that are.
        waiting: All of them, by id.
        cut_rows: Segments of those that are to be embedded.
        rows: Segments of those that are.
        since: When it was begun.
    """

    cut: list[CutDocument] = field(default_factory=list)
    ready: list[Ready] = field(default_factory=list)
    waiting: dict[str, CutDocument] = field(default_factory=dict)
    cut_rows: int = 0
    rows: int = 0
    since: float = field(default_factory=time.monotonic)

    @property
    def due(self) -> bool:
        """Whether it is time for a commit."""
        return self.rows >= _COMMIT_ROWS or time.monotonic() - self.since >= _COMMIT_SECONDS

    def take(self, document: CutDocument) -> None:
        """Take in a document that is to be embedded."""
        self.cut.append(document)
        self.waiting[document.document.id] = document
        self.cut_rows += len(document.segments)

    def embedded(self, vectors: Vectors, have: list[bool]) -> None:
        """Take in the vectors of all that were to be embedded."""
        begin = 0
        for one in self.cut:
            end = begin + len(one.segments)
            self.ready.append(Ready(one, vectors[begin:end], have[begin:end]))
            begin = end
        self.rows += self.cut_rows
        self.cut, self.cut_rows = [], 0


class Adding:
    """One call of ``add``.

    Args:
        build: Where documents go.
        encoder: How they become vectors.
    """

    def __init__(self, build: Build, encoder: Encoder) -> None:
        self._build = build
        self._encoder = encoder
        self._batch = Batch()
        # Of unchanged documents: the files that they come from now.
        self._moved: dict[str, str | None] = {}
        self.report = AddReport()

    def run(
        self,
        documents: Iterable[Document | Mapping[str, object]],
        *,
        prune: bool | Callable[[str], bool] = False,
        prune_files: Callable[[str], bool] | None = None,
        progress: Progress | None = None,
    ) -> AddReport:
        """Add documents; see ``Collection.add``."""
        total = len(documents) if isinstance(documents, Sized) else None
        recover(self._build)
        seen: set[str] = set()
        done = 0
        for block in _blocks(documents):
            for document, digest in self._changed(block):
                self._take(document, digest)
            if prune or prune_files:
                seen.update(document.id for document in block)
            done += len(block)
            if progress:
                progress(done, total)
        self._finish_embedding()
        self._commit()
        self._note_moved()
        if prune or prune_files:
            self._prune(seen, prune, prune_files)
        return self.report

    def _changed(self, block: Sequence[Document]) -> Iterator[tuple[Document, bytes]]:
        with self._build.catalogue.reading():
            ids = [document.id for document in block]
            known = self._build.catalogue.hashes(ids)
            files: dict[str, str | None] = {**self._build.catalogue.files(ids)}
        for document in block:
            digest = content_hash(document)
            waiting = self._batch.waiting.get(document.id)
            if waiting and (waiting.digest, waiting.document.file) != (digest, document.file):
                self._finish_embedding()
                self._commit()  # the same id twice: the later one replaces the earlier
                waiting = None
            if waiting or known.get(document.id) == digest:
                self._count(unchanged=1)
                if not waiting and files.get(document.id) != document.file:
                    self._moved[document.id] = files[document.id] = document.file
                continue
            yield document, digest
            self._moved.pop(document.id, None)
            known[document.id], files[document.id] = digest, document.file

    def _take(self, document: Document, digest: bytes) -> None:
        self._batch.take(self._encoder.cut(document, digest))
        if self._batch.cut_rows >= _EMBEDDED_TOGETHER:
            self._finish_embedding()
        if self._batch.due:
            self._finish_embedding()
            self._commit()

    def _finish_embedding(self) -> None:
        texts = [text for one in self._batch.cut for text in one.embedded]
        if not texts and not self._batch.cut:
            return
        found = self._encoder.embed(texts)
        self._count(cut_segments=found.cut)
        self._batch.embedded(found.vectors, found.have)

    def _commit(self) -> None:
        batch, self._batch = self._batch, Batch()
        if not batch.ready:
            return
        replaced = commit(self._build, batch.ready, self._encoder)
        self._count(added=len(batch.ready) - replaced, changed=replaced, segments=batch.rows)

    def _note_moved(self) -> None:
        if self._moved:
            with self._build.catalogue.writing():
                self._build.catalogue.set_files(self._moved)
            self._moved = {}

    def _prune(
        self, seen: set[str], prune: bool | Callable[[str], bool], prune_files: Callable[[str], bool] | None
    ) -> None:
        with self._build.catalogue.reading():
            left = [one for one in self._build.catalogue.ids_and_files() if one[0] not in seen]

        def goes(identifier: str, file: str | None) -> bool:
            if file is not None and prune_files is not None and prune_files(file):
                return True
            return prune(identifier) if callable(prune) else prune

        self._count(pruned=delete(self._build, [one for one, file in left if goes(one, file)]))

    def _count(self, **changes: int) -> None:
        now = {name: getattr(self.report, name) + change for name, change in changes.items()}
        self.report = replace(self.report, **now)


class Combiner(Protocol):
    """Gives documents their vectors."""

    def combine(
        self,
        document: CutDocument,
        vectors: Vectors,
        have: Sequence[bool],
        frequencies: DocumentFrequencies,
    ) -> Vectors:
        """Give the vector of a document from those of its segments, shape (dimensions,)."""
        ...


def commit(build: Build, ready: Sequence[Ready], encoder: Combiner) -> int:
    """Make documents part of the collection, all at once; give how many replaced another.

    Vectors go first: no search knows their rows until the catalogue's commit, and if it does not come they
    are removed by the next writer.
    """
    catalogue = build.catalogue
    first_row, first_number = catalogue.counter("next_row"), catalogue.counter("next_number")
    try:
        _add_vectors(build, ready, encoder, first_row, first_number)
        with catalogue.writing():
            generation = catalogue.counter("generation") + 1
            replaced = catalogue.drop([one.document.document.id for one in ready], generation)
            row = first_row
            words: list[tuple[int, Sequence[str]]] = []
            for number, one in enumerate(ready, first_number):
                document = one.document
                segments = [
                    replace(segment, embedded=have)
                    for segment, have in zip(document.segments, one.have, strict=True)
                ]
                catalogue.insert(number, row, document.document, document.digest, segments)
                words.extend(enumerate(document.words, row))
                row += len(segments)
            add_run(catalogue, words)
            catalogue.set_counter("next_row", row)
            catalogue.set_counter("next_number", first_number + len(ready))
            catalogue.set_counter("generation", generation)
            catalogue.set_counter("commits", catalogue.counter("commits") + 1)
    except BaseException:
        _forget(build)
        raise
    return replaced


def delete(build: Build, ids: Sequence[str]) -> int:
    """Take documents out, all at once; give how many were there."""
    catalogue = build.catalogue
    with catalogue.writing():
        generation = catalogue.counter("generation") + 1
        removed = catalogue.drop(ids, generation)
        if removed:
            catalogue.set_counter("generation", generation)
    return removed


def recover(build: Build) -> None:
    """Remove the vectors that an interrupted run has left without a commit."""
    with build.catalogue.reading():
        row, number = build.catalogue.counter("next_row"), build.catalogue.counter("next_number")
    build.segments.remove_from(row)
    build.documents.remove_from(number)


def _forget(build: Build) -> None:
    # The error that led here is the one to tell; the next writer tries again.
    with suppress(Exception):
        recover(build)


def _add_vectors(
    build: Build, ready: Sequence[Ready], encoder: Combiner, first_row: int, first_number: int
) -> None:
    have = np.array([usable for one in ready for usable in one.have], np.bool_)
    if not have.any():
        return
    vectors = np.concatenate([one.vectors for one in ready])
    build.segments.add(first_row + np.flatnonzero(have), vectors[have])
    with_vectors = [(number, one) for number, one in enumerate(ready, first_number) if any(one.have)]
    frequencies = Frequencies(build, [one.document.words for one in ready])
    combined = [encoder.combine(one.document, one.vectors, one.have, frequencies) for _, one in with_vectors]
    build.documents.add(np.array([number for number, _ in with_vectors], np.int64), np.stack(combined))


def _blocks(documents: Iterable[Document | Mapping[str, object]]) -> Iterator[list[Document]]:
    if isinstance(documents, Document | Mapping | str) or not isinstance(documents, Iterable):
        raise DocumentError(
            f"documents come in a list, or are given one after another, not as {type(documents).__name__}; "
            "put a single one in a list"
        )
    source = iter(documents)
    while block := [as_document(one) for one in islice(source, _LOOKED_UP_TOGETHER)]:
        yield block
