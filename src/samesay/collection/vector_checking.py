"""Whether the vectors of a collection are there, and what its index finds of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Mask, Rows, VectorStore
from samesay.collection.build import Build
from samesay.collection.snapshot import Snapshot
from samesay.errors import CollectionError, DamagedCollectionError
from samesay.vectors import have_length_one

_NEIGHBOURS = 10
_VECTORS_AT_A_TIME = 4096
_SEED = 0
# As good as the last of the nearest is what differs by so little.
_TIE = 1e-6
_TRIES = 3


def check_vectors(build: Build, notes: list[str]) -> Iterator[str]:
    """Say what is wrong with the vectors of segments and of documents; outside of transactions.

    Args:
        build: The collection.
        notes: Takes what is not wrong, but may be of interest.
    """
    for name, wanted in (("segment", _segments), ("document", _documents)):
        try:
            store = build.segments if name == "segment" else build.documents
            yield from _check(name, store, lambda wanted=wanted: wanted(_state(build)), notes)  # type: ignore[misc]
        except CollectionError as error:
            yield str(error)


def searching_of(build: Build) -> str:
    """Say how searches are made."""
    try:
        return build.segments.searching
    except CollectionError:
        return "not at all"


def recall_of(build: Build, samples: int) -> tuple[float | None, int]:
    """Give the share of the nearest segments that the search in use finds, and for how many vectors."""
    if samples <= 0:
        return None, 0
    for _ in range(_TRIES - 1):
        try:
            return _recall(build.segments, _state(build).chosen(None).embedded.by_number, samples)
        except DamagedCollectionError:
            continue  # another process has removed what it had dropped meanwhile
    return _recall(build.segments, _state(build).chosen(None).embedded.by_number, samples)


def _state(build: Build) -> Snapshot:
    with build.catalogue.reading():
        return build.snapshot()


def _segments(state: Snapshot) -> tuple[Rows, int]:
    return state.rows[state.embedded], state.next_row


def _documents(state: Snapshot) -> tuple[Rows, int]:
    return np.unique(state.document_of_row[state.embedded]), len(state.alive)


def _check(
    name: str, store: VectorStore, wanted_now: Callable[[], tuple[Rows, int]], notes: list[str]
) -> Iterator[str]:
    """Check one store.

    Args:
        name: Whose vectors they are.
        store: Where they are.
        wanted_now: Gives the rows that should be there at present, and the number of the next one.
        notes: See ``check_vectors``.
    """
    wanted, _ = wanted_now()
    store.refresh()
    there = store.rows()
    if len(np.unique(there)) != len(there):
        yield f"{len(there) - len(np.unique(there))} {name} vectors are there twice"
    still_wanted, end = wanted_now()
    # What has been dropped meanwhile may have been removed as well.
    missing = np.intersect1d(np.setdiff1d(wanted, there), still_wanted)
    if len(missing):
        yield f"{len(missing)} {name} vectors are missing"
        return
    left = int((there >= end).sum())
    if left:
        notes.append(f"{left} {name} vectors are left by an interrupted run; the next writer removes them")
    for begin in range(0, len(wanted), _VECTORS_AT_A_TIME):
        vectors = _read(store, wanted[begin : begin + _VECTORS_AT_A_TIME], wanted_now)
        wrong = int((~have_length_one(vectors)).sum())
        if wrong:
            yield f"{wrong} {name} vectors are not of length 1"


def _read(store: VectorStore, rows: Rows, wanted_now: Callable[[], tuple[Rows, int]]) -> NDArray[np.float32]:
    try:
        return store.read(rows)
    except DamagedCollectionError:
        return store.read(np.intersect1d(rows, wanted_now()[0]))


def _recall(store: VectorStore, allowed: Mask, samples: int) -> tuple[float | None, int]:
    rows = np.flatnonzero(allowed)
    if not len(rows):
        return None, 0
    chosen = np.random.default_rng(_SEED).choice(rows, min(samples, len(rows)), replace=False)
    queries = store.read(np.sort(chosen))
    exact = store.search(queries, _NEIGHBOURS, allowed, exact=True)
    found = store.search(queries, _NEIGHBOURS, allowed)
    shares = []
    for nearest, ranking in zip(exact, found, strict=True):
        least = nearest.scores[-1:] - _TIE
        good = np.isin(ranking.rows, nearest.rows) | (ranking.scores >= least)
        shares.append(min(1.0, float(good.sum()) / max(1, len(nearest.rows))))
    return float(np.mean(shares)), len(chosen)
