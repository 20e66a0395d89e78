"""Whether everything of a collection is there and fits together, and what its index finds."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Mask, Rows, VectorStore
from samesay.collection.build import Build
from samesay.collection.catalogue import Catalogue, StoredDocument
from samesay.collection.document import content_hash
from samesay.collection.fulltext.postings import MOST_COUNTED, terms_of_index
from samesay.collection.fulltext.tokens import revision
from samesay.collection.snapshot import Snapshot
from samesay.errors import CollectionError
from samesay.vectors import have_length_one

_NEIGHBOURS = 10
_VECTORS_AT_A_TIME = 4096
_MOST_TOLD = 20
_SEED = 0


@dataclass(frozen=True)
class CheckReport:
    """What a check has found.

    Args:
        problems: What is wrong, each in a line; empty where all is well.
        notes: What is not wrong, but may be of interest.
        documents: How many documents were looked at.
        segments: How many segments they have.
        searching: How searches are made.
        recall: The share of the ten nearest segments by exact search that the search in use finds too,
            over the samples; None where there are no vectors.
        samples: How many stored vectors were searched for.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    documents: int
    segments: int
    searching: str
    recall: float | None
    samples: int


def check(build: Build, samples: int) -> CheckReport:
    """Verify a collection; see ``Collection.check``."""
    catalogue = build.catalogue
    with catalogue.reading():
        state = build.snapshot()
        problems = [*_check_file(catalogue)]
        expected = np.zeros(state.next_row, np.uint64)
        embedded = np.zeros(state.next_row, np.bool_)
        with_vectors = np.zeros(len(state.alive), np.bool_)
        for document in _documents(catalogue):
            problems.extend(_check_document(catalogue, document, expected))
            rows = catalogue.rows_of([document.number], embedded=True)
            embedded[rows] = True
            with_vectors[document.number] = bool(rows)
        notes: list[str] = []
        for problem in _check_words(catalogue, state, expected):
            # Another version of the dictionary makes other words; compacting makes the index anew.
            (problems if build.manifest.tokens == revision() else notes).append(problem)
        searching = "not at all"
        for name, wanted in (("segment", embedded), ("document", with_vectors)):
            try:
                store = build.segments if name == "segment" else build.documents
                problems.extend(_check_vectors(name, store, wanted, notes))
                searching = build.segments.searching
            except CollectionError as error:
                problems.append(str(error))
        recall, measured = None, 0
        if not problems and embedded.any() and samples > 0:
            recall, measured = _recall(build.segments, embedded, samples)
        told = problems[:_MOST_TOLD]
        if len(problems) > _MOST_TOLD:
            told.append(f"and {len(problems) - _MOST_TOLD} more")
        return CheckReport(
            tuple(told),
            tuple(notes),
            int(state.alive.sum()),
            len(state.rows),
            searching,
            recall,
            measured,
        )


def _check_file(catalogue: Catalogue) -> Iterator[str]:
    for (line,) in catalogue.database.execute("PRAGMA integrity_check(5)"):
        if line != "ok":
            yield f"the catalogue's file is damaged: {line}"


def _documents(catalogue: Catalogue) -> Iterator[StoredDocument]:
    last = -1
    while block := catalogue.all_documents(after=last):
        yield from block
        last = block[-1].number


def _check_document(
    catalogue: Catalogue, document: StoredDocument, expected: NDArray[np.uint64]
) -> Iterator[str]:
    name = f"document {document.id!r}"
    query = (
        'SELECT row, begin, "end", headings, text FROM segments LEFT JOIN passages USING (row) '
        "WHERE document = ? ORDER BY row"
    )
    found = catalogue.database.execute(query, (document.number,)).fetchall()
    if len(found) != document.segments:
        yield f"{name} has {len(found)} segments of {document.segments}"
        return
    place = 0
    for row, begin, end, headings, text in found:
        if text is None or begin != place or end - begin != len(text):
            yield f"{name}: a segment is missing or has lost its place after character {place}"
            return
        place = end
        words = catalogue.words(document.title, headings, text)
        expected[row] = _digest(words)
    if content_hash(catalogue.restored(document)) != document.hash:
        yield f"{name} is not what was added: its hash differs"


def _check_words(catalogue: Catalogue, state: Snapshot, expected: NDArray[np.uint64]) -> Iterator[str]:
    actual = np.zeros(len(expected), np.uint64)
    for term, (rows, counts) in terms_of_index(catalogue):
        if len(rows) and rows.max() >= len(actual):
            yield f"full text names a segment that was never there, for {term!r}"
            return
        code = np.uint64(zlib.crc32(term.encode()))
        actual[rows] += code * counts.astype(np.uint64)
    wrong = int((actual[state.rows] != expected[state.rows]).sum())
    if wrong:
        yield f"full text is out of step for {wrong} segments; samesay collection compact makes it anew"


def _digest(words: Sequence[str]) -> int:
    total = sum(
        zlib.crc32(word.encode()) * min(count, MOST_COUNTED) for word, count in Counter(words).items()
    )
    return total % 2**64


def _check_vectors(name: str, store: VectorStore, wanted: Mask, notes: list[str]) -> Iterator[str]:
    store.refresh()
    there = store.rows()
    if len(np.unique(there)) != len(there):
        yield f"{len(there) - len(np.unique(there))} {name} vectors are there twice"
    missing = np.setdiff1d(np.flatnonzero(wanted), there)
    if len(missing):
        yield f"{len(missing)} {name} vectors are missing"
        return
    left = int((there >= len(wanted)).sum())
    if left:
        notes.append(f"{left} {name} vectors are left by an interrupted run; the next writer removes them")
    for vectors in _blocks(store.read, np.flatnonzero(wanted)):
        wrong = int((~have_length_one(vectors)).sum())
        if wrong:
            yield f"{wrong} {name} vectors are not of length 1"


def _blocks(read: Callable[[Rows], NDArray[np.float32]], rows: Rows) -> Iterator[NDArray[np.float32]]:
    for begin in range(0, len(rows), _VECTORS_AT_A_TIME):
        yield read(rows[begin : begin + _VECTORS_AT_A_TIME])


def _recall(store: VectorStore, allowed: Mask, samples: int) -> tuple[float, int]:
    rows = np.flatnonzero(allowed)
    chosen = np.random.default_rng(_SEED).choice(rows, min(samples, len(rows)), replace=False)
    queries = store.read(np.sort(chosen))
    exact = store.search(queries, _NEIGHBOURS, allowed, exact=True)
    found = store.search(queries, _NEIGHBOURS, allowed)
    shares = []
    for nearest, ranking in zip(exact, found, strict=True):
        # What ties with the last of the nearest is as good as it.
        least = nearest.scores[-1] - 1e-6
        good = np.isin(ranking.rows, nearest.rows) | (ranking.scores >= least)
        shares.append(min(1.0, float(good.sum()) / len(nearest.rows)))
    return float(np.mean(shares)), len(chosen)
