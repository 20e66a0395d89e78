"""Documents ranked by vectors: by their best segments, as wholes, or by both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Ranking, Rows, VectorStore
from samesay.collection.build import Build
from samesay.collection.found import Found
from samesay.collection.generic import Aim
from samesay.collection.grouping import best_with_ties, group_maxima, group_starts, places_of_maxima
from samesay.collection.search_settings import Level, SearchSettings
from samesay.collection.snapshot import Chosen, Snapshot
from samesay.collection.storage import scores_of

_SEGMENTS_PER_DOCUMENT = 4
Query = NDArray[np.float32]


@dataclass(frozen=True)
class Searched:
    """What is searched for several queries in the same way.

    Args:
        build: Where to search.
        state: What is committed there.
        allowed: The rows that may be found.
        settings: How to search.
    """

    build: Build
    state: Snapshot
    allowed: Chosen
    settings: SearchSettings

    @property
    def segments(self) -> _Compared:
        """The segments that a query is compared with."""
        return _Compared(self.build.segments, self.allowed.embedded, self.state.chances)

    @cached_property
    def documents(self) -> _Compared:
        """The whole documents that a query is compared with: each is its own owner, and has one chance."""
        which = self.allowed.embedded.documents
        numbers = np.arange(len(which))
        chosen = Chosen(which, numbers, numbers, which, (len(which), len(which)))
        return _Compared(self.build.documents, chosen, np.zeros(len(which), np.float32))


@dataclass(frozen=True)
class _Compared:
    """Rows of a store that a query is compared with.

    Args:
        store: Where they are.
        chosen: Which they are.
        chances: The chances of each document, by number.
    """

    store: VectorStore
    chosen: Chosen
    chances: NDArray[np.float32]

    def owners_of(self, rows: Rows) -> NDArray[np.int64]:
        """Give the documents of some of the rows."""
        return self.chosen.owners[np.searchsorted(self.chosen.rows, rows)]


@dataclass(frozen=True)
class _Aimed:
    """What one query is ranked by.

    Args:
        vector: Of length 1.
        length: What products with it are multiplied by.
        chances: What is taken off for each factor e of a document's number of segments.
    """

    vector: Query
    length: float
    chances: float

    def keys(self, scores: NDArray[np.float32], chances: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give what documents are ranked by, of the products with their best rows and of their chances."""
        keys: NDArray[np.float32] = scores * np.float32(self.length) - chances * np.float32(self.chances)
        return keys


@dataclass(frozen=True)
class _Documents:
    """Documents, each with its best row and its key; shape (documents,)."""

    numbers: NDArray[np.int64]
    rows: Rows
    keys: NDArray[np.float32]

    def best(self, count: int) -> _Documents:
        """Give the ``count`` best, and all that tie with the last."""
        places = best_with_ties(self.keys, count)
        return _Documents(self.numbers[places], self.rows[places], self.keys[places])

    def by_number(self) -> dict[int, tuple[int, float]]:
        """Give the row and the key of each."""
        columns = (self.numbers.tolist(), self.rows.tolist(), self.keys.tolist())
        return {number: (row, key) for number, row, key in zip(*columns, strict=True)}


def rankings(searched: Searched, aim: Aim) -> Iterator[list[Found]]:
    """Give for each query its best documents, in no order, and all that tie with the last.

    For several queries the nearest segments are looked for together, which reads the vectors once for all.
    """
    settings = searched.settings
    nearest: Sequence[Ranking | None] = [None] * len(aim.vectors)
    # Fused rankings go so deep that every vector is compared with each query.
    if settings.level != "documents" and settings.mode != "hybrid" and len(aim.vectors) > 1:
        wanted = _SEGMENTS_PER_DOCUMENT * settings.depth
        segments = searched.segments
        nearest = segments.store.search(aim.vectors, wanted, segments.chosen.by_number, exact=settings.exact)
    for vector, length, ranking in zip(aim.vectors, aim.lengths, nearest, strict=True):
        yield _ranked(searched, _Aimed(vector, float(length), aim.chances), ranking)


def scored(build: Build, query: Query, found: Sequence[Found], level: Level) -> list[Found]:
    """Give documents with the cosines of the query with their vectors as scores and components.

    What was not found by vectors stays as it is.
    """
    places = [place for place, one in enumerate(found) if one.segment is not None]
    if not places:
        return list(found)
    rows = np.array([one.segment for one in found if one.segment is not None], np.int64)
    segments = _cosines(build.segments, rows, query)
    wholes = segments
    if level != "segments":
        wholes = _cosines(build.documents, np.array([found[place].number for place in places]), query)
    result = list(found)
    for place, segment, whole in zip(places, segments.tolist(), wholes.tolist(), strict=True):
        components = {"segment": segment}
        if level != "segments":
            components["document"] = whole
        score = {"segments": segment, "documents": whole, "both": (segment + whole) / 2}[level]
        one = found[place]
        result[place] = replace(one, score=score, components=components | one.components)
    return result


def _cosines(store: VectorStore, rows: Rows, query: Query) -> NDArray[np.float32]:
    return scores_of(store.read(rows), query)


def _ranked(searched: Searched, aimed: _Aimed, ranking: Ranking | None) -> list[Found]:
    settings = searched.settings
    count = settings.depth
    if settings.level == "segments":
        found = _best(searched.segments, aimed, count, settings.exact, ranking).by_number()
        return [Found(number, key, row, row) for number, (row, key) in found.items()]
    segments: dict[int, tuple[int, float]] = {}
    if settings.level == "both":
        segments = _come_upon(searched.segments, aimed, count, settings.exact, ranking).by_number()
    best = _best(searched.documents, aimed, count, settings.exact).by_number()
    documents = {number: key for number, (_, key) in best.items()}
    missing = [one for one in documents if one not in segments]
    segments |= _best_segments(searched, aimed, missing).by_number() if missing else {}
    if settings.level == "both":
        lacking = np.array([one for one in segments if one not in documents], np.int64)
        if len(lacking):
            keys = _cosines(searched.build.documents, lacking, aimed.vector) * aimed.length
            documents |= dict(zip(lacking.tolist(), keys.tolist(), strict=True))
    result = []
    for number, (row, key) in segments.items():
        key = documents[number] if settings.level == "documents" else (key + documents[number]) / 2
        result.append(Found(number, key, row, row))
    return result


def _best(
    compared: _Compared, aimed: _Aimed, count: int, exact: bool, ranking: Ranking | None = None
) -> _Documents:
    """Give the best ``count`` documents, and all that tie with the last.

    Args:
        compared: Where to look.
        aimed: What for.
        count: Documents that are wanted.
        exact: Compare with every row.
        ranking: What the first look at the store gives, where that is known.
    """
    if ranking is not None:
        found, enough = _seen(compared, aimed, count, ranking, _SEGMENTS_PER_DOCUMENT * count)
        if enough:
            return found.best(count)
    every = compared.store.scores(aimed.vector, compared.chosen.by_number, exact=exact)
    if every is not None:
        return _best_of_all(compared, aimed, count, *every)
    return _come_upon(compared, aimed, count, exact, ranking).best(count)


def _best_of_all(
    compared: _Compared, aimed: _Aimed, count: int, rows: Rows, scores: NDArray[np.float32]
) -> _Documents:
    """Give the best documents, from the scores of all their rows."""
    owners, starts = compared.chosen.owners, compared.chosen.starts
    if not np.array_equal(rows, compared.chosen.rows):
        # The store lacks some of them; `check` says so.
        owners = compared.owners_of(rows)
        starts = group_starts(owners)
    maxima = group_maxima(scores, starts)
    numbers = owners[starts]
    keys = aimed.keys(maxima, compared.chances[numbers])
    chosen = best_with_ties(keys, count)
    places = places_of_maxima(scores, starts, chosen, maxima[chosen])
    return _Documents(numbers[chosen], rows[places], keys[chosen])


def _come_upon(
    compared: _Compared, aimed: _Aimed, count: int, exact: bool, ranking: Ranking | None
) -> _Documents:
    """Give at least the best ``count`` documents and all that tie with the last, from the nearest rows."""
    wanted = _SEGMENTS_PER_DOCUMENT * count
    while True:
        if ranking is None:
            allowed = compared.chosen.by_number
            (ranking,) = compared.store.search(aimed.vector[None], wanted, allowed, exact=exact)
        found, enough = _seen(compared, aimed, count, ranking, wanted)
        if enough:
            return found
        wanted *= 4
        ranking = None


def _seen(
    compared: _Compared, aimed: _Aimed, count: int, ranking: Ranking, wanted: int
) -> tuple[_Documents, bool]:
    """Give the documents of the nearest rows, and whether the best ``count`` of all are among them.

    A key is the product less what the document's chances cost it, so that no document that was not seen has a
    higher one than the last product.
    """
    numbers, first = np.unique(compared.owners_of(ranking.rows), return_index=True)
    keys = aimed.keys(ranking.scores[first], compared.chances[numbers])
    found = _Documents(numbers, ranking.rows[first], keys)
    if len(ranking.rows) < wanted:
        return found, True
    unseen = ranking.scores[-1] * np.float32(aimed.length)
    enough = len(numbers) >= count and np.partition(keys, len(keys) - count)[len(keys) - count] > unseen
    return found, bool(enough)


def _best_segments(searched: Searched, aimed: _Aimed, numbers: Sequence[int]) -> _Documents:
    """Give the best row and key of each of these documents, from one reading of all their vectors."""
    state = searched.state
    wanted = np.zeros(len(state.alive), np.bool_)
    wanted[list(numbers)] = True
    chosen = state.chosen(wanted).embedded
    keys = aimed.keys(
        _cosines(searched.build.segments, chosen.rows, aimed.vector), state.chances[chosen.owners]
    )
    maxima = group_maxima(keys, chosen.starts)
    places = places_of_maxima(keys, chosen.starts, np.arange(len(chosen.starts)), maxima)
    return _Documents(chosen.owners[chosen.starts], chosen.rows[places], maxima)
