"""Whether everything of a collection is there and fits together, and what its index finds.

The catalogue is read in short transactions, so that commits, and the searches that wait behind them, need
not wait for the whole check. Numbers of rows and documents are never used twice, and what has one does not
change; so what is dropped meanwhile is left out, and what comes meanwhile is looked at as far as it is met.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Rows
from samesay.collection.build import Build
from samesay.collection.catalogue import Catalogue, StoredDocument
from samesay.collection.document import Document, content_hash
from samesay.collection.fulltext.postings import MOST_COUNTED, terms_of_index
from samesay.collection.fulltext.tokens import revision
from samesay.collection.snapshot import Snapshot
from samesay.collection.vector_checking import check_vectors, recall_of, searching_of

_MOST_TOLD = 20
_DOCUMENTS_AT_A_TIME = 16
_TERMS_AT_A_TIME = 4096
_TRIES = 3
_LINES_OF_FILE = 5


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
    digests = _Digests()
    problems = [*_check_file(build.catalogue), *_check_documents(build.catalogue, digests)]
    notes: list[str] = []
    problem = _check_words(build, digests)
    # Another version of the dictionary makes other words; compacting makes the index anew.
    if problem and build.manifest.tokens == revision():
        problems.append(f"{problem}; index the documents into a new collection")
    elif problem:
        notes.append(f"{problem}; samesay collection compact makes it anew")
    problems.extend(check_vectors(build, notes))
    recall, measured = (None, 0) if problems else recall_of(build, samples)
    told = problems[:_MOST_TOLD]
    if len(problems) > _MOST_TOLD:
        told.append(f"and {len(problems) - _MOST_TOLD} more")
    with build.catalogue.reading():
        state = build.snapshot()
    return CheckReport(
        tuple(told),
        tuple(notes),
        int(state.alive.sum()),
        len(state.rows),
        searching_of(build),
        recall,
        measured,
    )


@dataclass
class _Digests:
    """What full text should have of the rows that were looked at: a sum over their words for each."""

    rows: array[int] = field(default_factory=lambda: array("q"))
    sums: array[int] = field(default_factory=lambda: array("Q"))


@dataclass(frozen=True)
class _Read:
    """A document with its segments: row, begin, end, headings and text of each."""

    stored: StoredDocument
    segments: list[tuple[int, int, int, str, str | None]]
    restored: Document


class _ChangedError(Exception):
    """Another process has committed meanwhile."""


def _check_file(catalogue: Catalogue) -> Iterator[str]:
    with catalogue.reading():
        tables = [
            name
            for (name,) in catalogue.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
    found: list[str] = []
    for table in tables:
        quoted = table.replace("'", "''")
        with catalogue.reading():
            lines = catalogue.database.execute(f"PRAGMA integrity_check('{quoted}')").fetchall()
        found.extend(line for (line,) in lines if line != "ok")
    for line in list(dict.fromkeys(found))[:_LINES_OF_FILE]:
        yield f"the catalogue's file is damaged: {line}"


def _check_documents(catalogue: Catalogue, digests: _Digests) -> Iterator[str]:
    last = -1
    while True:
        with catalogue.reading():
            block = [
                _read(catalogue, one)
                for one in catalogue.all_documents(after=last, count=_DOCUMENTS_AT_A_TIME)
            ]
        if not block:
            return
        for one in block:
            yield from _check_document(catalogue, one, digests)
        last = block[-1].stored.number


def _read(catalogue: Catalogue, document: StoredDocument) -> _Read:
    query = (
        'SELECT row, begin, "end", headings, text FROM segments LEFT JOIN passages USING (row) '
        "WHERE document = ? ORDER BY row"
    )
    segments = catalogue.database.execute(query, (document.number,)).fetchall()
    return _Read(document, segments, catalogue.restored(document))


def _check_document(catalogue: Catalogue, read: _Read, digests: _Digests) -> Iterator[str]:
    document = read.stored
    name = f"document {document.id!r}"
    if len(read.segments) != document.segments:
        yield f"{name} has {len(read.segments)} segments of {document.segments}"
        return
    place = 0
    for row, begin, end, headings, text in read.segments:
        if text is None or begin != place or end - begin != len(text):
            yield f"{name}: a segment is missing or has lost its place after character {place}"
            return
        place = end
        digests.rows.append(row)
        digests.sums.append(_digest(catalogue.words(document.title, headings, text)))
    if content_hash(read.restored) != document.hash:
        yield f"{name} is not what was added: its hash differs"


def _digest(words: Sequence[str]) -> int:
    total = sum(
        zlib.crc32(word.encode()) * min(count, MOST_COUNTED) for word, count in Counter(words).items()
    )
    return total % 2**64


def _check_words(build: Build, digests: _Digests) -> str | None:
    """Say what is wrong with full text; the last of some tries lets no other process commit meanwhile."""
    for _ in range(_TRIES - 1):
        try:
            return _compare_words(build, digests, held=False)
        except _ChangedError:
            continue
    with build.catalogue.reading():
        return _compare_words(build, digests, held=True)


def _compare_words(build: Build, digests: _Digests, *, held: bool) -> str | None:
    """Compare what full text has of each row with what it should have.

    Args:
        build: The collection.
        digests: What it should have.
        held: Whether a transaction is open around this; else there is one for each block.

    Raises:
        _ChangedError: Another process has committed meanwhile.
    """
    catalogue = build.catalogue
    with nullcontext() if held else catalogue.reading():
        state = build.snapshot()
    actual = np.zeros(len(state.rows), np.uint64)
    after = (-1, "")
    while True:
        with nullcontext() if held else catalogue.reading():
            if (catalogue.counter("generation"), catalogue.counter("epoch")) != (
                state.generation,
                state.epoch,
            ):
                raise _ChangedError
            block = terms_of_index(catalogue, after, _TERMS_AT_A_TIME)
        if not block:
            break
        for _, term, (rows, counts) in block:
            if len(rows) and rows.max() >= state.next_row:
                return f"full text names a segment that was never there, for {term!r}"
            _count(actual, state, term, rows, counts)
        after = block[-1][:2]
    places = state.places_of(np.array(digests.rows, np.int64))
    alive = places >= 0
    expected = np.array(digests.sums, np.uint64)[alive]
    wrong = int((actual[places[alive]] != expected).sum())
    return f"full text is out of step for {wrong} segments" if wrong else None


def _count(
    actual: NDArray[np.uint64], state: Snapshot, term: str, rows: Rows, counts: NDArray[np.int64]
) -> None:
    places = state.places_of(rows)
    alive = places >= 0
    actual[places[alive]] += np.uint64(zlib.crc32(term.encode())) * counts[alive].astype(np.uint64)
