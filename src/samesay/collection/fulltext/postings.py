"""The inverted index: for each term the rows that have it, in runs that a commit appends and merges fold.

A run is what one commit adds. As rows are never used twice, a run is never changed; when eight runs of
a level have come together they are merged into one of the next, so that a term is looked up in few places and
every posting is rewritten a few times only. Rows that have died are left out when runs are merged, and by
searches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from samesay.collection.catalogue import Catalogue

_RUNS_TOGETHER = 8
MOST_COUNTED = 65535
Posting = tuple[NDArray[np.int64], NDArray[np.int64]]


def add_run(catalogue: Catalogue, segments: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Put the tokens of new rows into the index; inside ``writing``, rows ascending.

    Args:
        catalogue: Where the index is.
        segments: Each row with its tokens.
    """
    names: dict[str, int] = {}
    terms: list[int] = []
    rows: list[int] = []
    for row, words in segments:
        terms.extend(names.setdefault(word, len(names)) for word in words)
        rows.extend([row] * len(words))
    if not terms:
        return
    pairs, counts = np.unique(np.stack([terms, rows], axis=1), axis=0, return_counts=True)
    ends = np.searchsorted(pairs[:, 0], np.arange(len(names)), side="right")
    begins = np.concatenate([[0], ends[:-1]])
    by_term = sorted(names.items())
    _insert_run(
        catalogue,
        0,
        (
            (name, pairs[begins[place] : ends[place], 1], counts[begins[place] : ends[place]])
            for name, place in by_term
        ),
    )
    _merge_full_levels(catalogue)


def find(catalogue: Catalogue, term: str) -> Posting:
    """Give the rows that have a term, dead ones too, ascending, and how often they have it."""
    # CROSS JOIN keeps the order: left to itself, SQLite would read every posting of all runs.
    found = catalogue.database.execute(
        "SELECT rows, counts FROM runs CROSS JOIN postings USING (run) WHERE term = ?", (term,)
    ).fetchall()
    rows, counts = _joined(found)
    order = np.argsort(rows, kind="stable") if len(found) > 1 else slice(None)
    return rows[order], counts[order]


def merge_all(catalogue: Catalogue, dead: NDArray[np.int64]) -> None:
    """Make one run of all, without the rows that are dead, ascending; inside ``writing``."""
    runs = [run for (run,) in catalogue.database.execute("SELECT run FROM runs ORDER BY run").fetchall()]
    _merge(catalogue, runs, _level_of(len(runs)), dead)


def remove_all(catalogue: Catalogue) -> None:
    """Empty the index; inside ``writing``."""
    catalogue.database.execute("DELETE FROM postings")
    catalogue.database.execute("DELETE FROM runs")


def terms_of_index(
    catalogue: Catalogue, after: tuple[int, str], count: int
) -> list[tuple[int, str, Posting]]:
    """Give the next terms in the order of runs, each with its run, for checking."""
    query = (
        "SELECT run, term, rows, counts FROM postings WHERE (run, term) > (?, ?) ORDER BY run, term LIMIT ?"
    )
    found = catalogue.database.execute(query, (*after, count)).fetchall()
    return [(run, term, _joined([(rows, counts)])) for run, term, rows, counts in found]


def _level_of(runs: int) -> int:
    level = 0
    while runs > 1:
        runs //= _RUNS_TOGETHER
        level += 1
    return level


def _insert_run(
    catalogue: Catalogue, level: int, postings: Iterable[tuple[str, NDArray[np.int64], NDArray[np.int64]]]
) -> None:
    (last,) = catalogue.database.execute("SELECT coalesce(max(run), 0) FROM runs").fetchone()
    catalogue.database.execute("INSERT INTO runs VALUES (?, ?)", (last + 1, level))
    catalogue.database.executemany(
        "INSERT INTO postings VALUES (?, ?, ?, ?)",
        (
            (
                last + 1,
                term,
                rows.astype("<i8").tobytes(),
                counts.clip(0, MOST_COUNTED).astype("<u2").tobytes(),
            )
            for term, rows, counts in postings
        ),
    )


def _merge_full_levels(catalogue: Catalogue) -> None:
    level = 0
    while True:
        runs = [
            run for (run,) in catalogue.database.execute("SELECT run FROM runs WHERE level = ?", (level,))
        ]
        if len(runs) < _RUNS_TOGETHER:
            return
        found = catalogue.database.execute("SELECT row FROM dead_rows ORDER BY row").fetchall()
        _merge(catalogue, runs, level + 1, np.array([row for (row,) in found], np.int64))
        level += 1


def _merge(catalogue: Catalogue, runs: Sequence[int], level: int, dead: NDArray[np.int64]) -> None:
    """Make one run of some; term by term, as the whole may be larger than the memory."""
    terms = merge(*(_terms_of_run(catalogue, run) for run in runs), key=itemgetter(0))
    _insert_run(catalogue, level, _without(terms, dead))
    for run in runs:
        catalogue.database.execute("DELETE FROM postings WHERE run = ?", (run,))
        catalogue.database.execute("DELETE FROM runs WHERE run = ?", (run,))


def _terms_of_run(catalogue: Catalogue, run: int) -> Iterator[tuple[str, bytes, bytes]]:
    yield from catalogue.database.execute(
        "SELECT term, rows, counts FROM postings WHERE run = ? ORDER BY term", (run,)
    )


def _without(
    terms: Iterable[tuple[str, bytes, bytes]], dead: NDArray[np.int64]
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.int64]]]:
    """Give each term with all its rows, ascending, that are not dead."""
    for term, group in groupby(terms, key=itemgetter(0)):
        rows, counts = _joined([(rows, counts) for _, rows, counts in group])
        order = np.argsort(rows, kind="stable")
        if len(dead):
            places = np.minimum(np.searchsorted(dead, rows[order]), len(dead) - 1)
            order = order[dead[places] != rows[order]]
        if len(order):
            yield term, rows[order], counts[order]


def _joined(found: Sequence[tuple[bytes, bytes]]) -> Posting:
    rows = np.frombuffer(b"".join(rows for rows, _ in found), "<i8").astype(np.int64)
    counts = np.frombuffer(b"".join(counts for _, counts in found), "<u2").astype(np.int64)
    return rows, counts
