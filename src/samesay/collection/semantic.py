"""Documents ranked by vectors: by their best segments, as wholes, or by both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Mask, Ranking, Rows, VectorStore
from samesay.collection.build import Build
from samesay.collection.found import Found
from samesay.collection.generic import Aim
from samesay.collection.search_settings import Level, SearchSettings
from samesay.collection.snapshot import Snapshot
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
    allowed: Mask
    settings: SearchSettings


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


def rankings(searched: Searched, aim: Aim) -> Iterator[list[Found]]:
    """Give for each query its best documents, in no order, and all that tie with the last.

    The nearest segments are looked for together, which reads the vectors once for all queries.
    """
    settings = searched.settings
    allowed = searched.allowed & searched.state.embedded
    nearest: Sequence[Ranking | None] = [None] * len(aim.vectors)
    if settings.level != "documents":
        wanted = _SEGMENTS_PER_DOCUMENT * settings.depth
        segments = searched.build.segments
        nearest = segments.search(aim.vectors, wanted, allowed, exact=settings.exact)
    searched = replace(searched, allowed=allowed)
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
    build, state, settings = searched.build, searched.state, searched.settings
    count = settings.depth
    segments: dict[int, tuple[int, float]] = {}
    documents: dict[int, float] = {}
    if settings.level != "documents":
        owners = (state.document_of_row, state.chances)
        segments = _best(build.segments, aimed, count, searched.allowed, owners, settings.exact, ranking)
    if settings.level != "segments":
        of_allowed = np.zeros(len(state.alive), np.bool_)
        of_allowed[state.document_of_row[searched.allowed]] = True
        alone = (np.arange(len(state.alive)), np.zeros(len(state.alive), np.float32))
        best = _best(build.documents, aimed, count, of_allowed, alone, settings.exact)
        documents = _first({number: key for number, (_, key) in best.items()}, count)
        missing = [one for one in documents if one not in segments]
        segments |= _best_segments(searched, aimed, missing)
    if settings.level == "both":
        lacking = np.array([one for one in segments if one not in documents], np.int64)
        if len(lacking):
            keys = _cosines(build.documents, lacking, aimed.vector) * aimed.length
            documents |= dict(zip(lacking.tolist(), keys.tolist(), strict=True))
    found = []
    for number, (row, key) in segments.items():
        if settings.level != "segments":
            key = documents[number] if settings.level == "documents" else (key + documents[number]) / 2
        found.append(Found(number, key, row, row))
    return found


def _best(
    store: VectorStore,
    aimed: _Aimed,
    count: int,
    allowed: Mask,
    owners: tuple[NDArray[np.int64], NDArray[np.float32]],
    exact: bool,
    ranking: Ranking | None = None,
) -> dict[int, tuple[int, float]]:
    """Give the best row and key of at least ``count`` documents, and of all that tie with the last.

    A key is the product less what the document's chances cost it, so that no document that was not seen has a
    higher one than the last product.

    Args:
        store: Where to look.
        aimed: What for.
        count: Documents that are wanted.
        allowed: The rows that may be found.
        owners: The document of each row, and the chances of each document.
        exact: Compare with every row.
        ranking: What the first look at the store gives, where that is known.
    """
    document_of_row, chances = owners
    wanted = _SEGMENTS_PER_DOCUMENT * count
    while True:
        if ranking is None:
            (ranking,) = store.search(aimed.vector[None], wanted, allowed, exact=exact)
        numbers, first = np.unique(document_of_row[ranking.rows], return_index=True)
        keys = ranking.scores[first] * np.float32(aimed.length) - chances[numbers] * np.float32(aimed.chances)
        if len(ranking.rows) < wanted:
            break
        unseen = ranking.scores[-1] * np.float32(aimed.length)
        if len(numbers) >= count and np.partition(keys, len(keys) - count)[len(keys) - count] > unseen:
            break
        wanted *= 4
        ranking = None
    return {
        int(number): (int(ranking.rows[place]), float(key))
        for number, place, key in zip(numbers, first, keys, strict=True)
    }


def _first(keys: dict[int, float], count: int) -> dict[int, float]:
    """Give the ``count`` best, and all that tie with the last."""
    if len(keys) <= count:
        return keys
    least = sorted(keys.values(), reverse=True)[count - 1]
    return {number: key for number, key in keys.items() if key >= least}


def _best_segments(searched: Searched, aimed: _Aimed, numbers: Sequence[int]) -> dict[int, tuple[int, float]]:
    """Give the best row and key of each of these documents, from one reading of all their vectors."""
    if not numbers:
        return {}
    state = searched.state
    wanted = np.zeros(len(state.alive), np.bool_)
    wanted[list(numbers)] = True
    rows = np.flatnonzero(state.rows_of(wanted) & state.embedded)
    owners = state.document_of_row[rows]
    keys = _cosines(searched.build.segments, rows, aimed.vector) * np.float32(aimed.length)
    keys -= state.chances[owners] * np.float32(aimed.chances)
    order = np.lexsort((rows, -keys))
    found, first = np.unique(owners[order], return_index=True)
    places = order[first]
    return {
        int(number): (int(rows[place]), float(keys[place]))
        for number, place in zip(found, places, strict=True)
    }
