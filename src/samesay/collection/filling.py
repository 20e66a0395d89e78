"""Putting texts into a collection with vectors that were made before: nothing is embedded again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from samesay.collection.base import Vectors
from samesay.collection.build import Build
from samesay.collection.catalogue import StoredSegment, words
from samesay.collection.document import Document, content_hash
from samesay.collection.fulltext.above import above
from samesay.collection.fulltext.tokens import length
from samesay.collection.segmenting import CutDocument
from samesay.collection.vector_rows import VectorSource, read_blocks
from samesay.collection.writing import AddReport, Progress, Ready, commit, recover
from samesay.longtext.weighting import DocumentFrequencies

# A commit costs some requests on shared storage; 2**25 numbers are 128 MiB.
_COMMIT_ROWS = 2**15
_COMMIT_NUMBERS = 2**25


class Filling:
    """One call of ``fill``: each row of files becomes a document with one segment.

    Args:
        build: Where documents go.
        source: The rows.
    """

    def __init__(self, build: Build, source: VectorSource) -> None:
        self._build = build
        self._source = source
        self._ready: dict[str, Ready] = {}
        self._most = max(1, min(_COMMIT_ROWS, _COMMIT_NUMBERS // source.width))
        self._report = [0, 0, 0]

    def run(self, progress: Progress | None = None) -> AddReport:
        """Add the rows; what is there as it is, is left alone."""
        recover(self._build)
        done = 0
        for block in read_blocks(self._source):
            hashes = [content_hash(document) for document in block.documents]
            with self._build.catalogue.reading():
                stored = self._stored([document.id for document in block.documents])
            for document, digest, vector in zip(block.documents, hashes, block.vectors, strict=True):
                self._take(document, digest, vector, stored)
            done += len(block.documents)
            if progress:
                progress(done, self._source.rows)
        self._commit()
        added, changed, unchanged = self._report
        return AddReport(added=added, changed=changed, unchanged=unchanged, segments=added + changed)

    def _stored(self, ids: Sequence[str]) -> dict[str, bytes]:
        return self._build.catalogue.hashes(ids)

    def _take(self, document: Document, digest: bytes, vector: Vectors, stored: dict[str, bytes]) -> None:
        waiting = self._ready.get(document.id)
        if digest == (stored.get(document.id) if waiting is None else waiting.document.digest):
            self._report[2] += 1
            return
        if waiting is not None:
            self._commit()  # the same id twice: the later one replaces the earlier
        self._ready[document.id] = Ready(
            _whole(document, digest), vector[None], [bool(document.text.strip())]
        )
        stored[document.id] = digest
        if len(self._ready) >= self._most:
            self._commit()

    def _commit(self) -> None:
        ready = list(self._ready.values())
        self._ready = {}
        if ready:
            replaced = commit(self._build, ready, _OneSegment())
            self._report[0] += len(ready) - replaced
            self._report[1] += replaced


class _OneSegment:
    """The vector of a document that is one segment."""

    def combine(
        self,
        document: CutDocument,  # noqa: ARG002
        vectors: Vectors,
        have: Sequence[bool],  # noqa: ARG002
        frequencies: DocumentFrequencies,  # noqa: ARG002
    ) -> Vectors:
        """Give that of the segment."""
        return np.asarray(vectors[0], np.float32)


def _whole(document: Document, digest: bytes) -> CutDocument:
    text = document.text
    size = length(above(document.title, ())) + length(text)
    segment = StoredSegment(0, len(text), "prose", (), text, size, embedded=bool(text.strip()))
    return CutDocument(document, digest, (segment,), (text,), (words(document.title, (), text),))
