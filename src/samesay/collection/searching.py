"""Search: from queries to documents with their best passages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Mask, Ranking, Vectors, VectorStore
from samesay.collection.build import Build
from samesay.collection.catalogue import Catalogue
from samesay.collection.filters import Filter, check_filter, matching
from samesay.collection.fulltext.bm25 import bm25
from samesay.collection.fusion import K, fused
from samesay.collection.hit import Hit
from samesay.collection.snapshot import Snapshot
from samesay.collection.storage import scores_of
from samesay.errors import SearchError

Mode = Literal["semantic", "text", "hybrid"]
Level = Literal["segments", "documents", "both"]

# Documents of each ranking that hybrid search fuses: ranks below count next to nothing.
_FUSED_AT_LEAST = 100
_SEGMENTS_PER_DOCUMENT = 4
_QUERIES_TOGETHER = 64
MOST_HITS = 10_000


@dataclass(frozen=True)
class SearchSettings:
    """How to search.

    Args:
        top_k: Documents to give for each query, at most.
        mode: ``semantic`` compares vectors, ``text`` words, ``hybrid`` fuses both rankings.
        where: A filter; see ``filters``.
        min_score: Leave out hits with a lower score.
        level: Compare a query with ``segments``, with ``documents`` as wholes, or with ``both``, where a
            document's score is the mean of its own and that of its best segment.
        rank_constant: The constant of reciprocal rank fusion.
        exact: Compare with every vector even where there is an index.

    Raises:
        SearchError: For what is none of these.
        FilterError: For a filter that is none.
    """

    top_k: int = 3
    mode: Mode = "semantic"
    where: Filter | None = None
    min_score: float | None = None
    level: Level = "segments"
    rank_constant: float = K
    exact: bool = False

    @property
    def depth(self) -> int:
        """How many documents of each ranking are wanted."""
        return max(_FUSED_AT_LEAST, 4 * self.top_k) if self.mode == "hybrid" else self.top_k

    def __post_init__(self) -> None:
        if (
            isinstance(self.top_k, bool)
            or not isinstance(self.top_k, int)
            or not 1 <= self.top_k <= MOST_HITS
        ):
            raise SearchError(f"top_k is {self.top_k!r}; it must be a whole number from 1 to {MOST_HITS}")
        if self.mode not in get_args(Mode):
            raise SearchError(f"mode is {self.mode!r}; it must be one of {', '.join(get_args(Mode))}")
        if self.level not in get_args(Level):
            raise SearchError(f"level is {self.level!r}; it must be one of {', '.join(get_args(Level))}")
        if not self.rank_constant > 0:
            raise SearchError(f"rank_constant is {self.rank_constant!r}; it must be above 0")
        if self.where is not None:
            check_filter(self.where)


@dataclass(frozen=True)
class _Found:
    """A document on its way to a hit."""

    number: int
    score: float
    row: int
    components: dict[str, float] = field(default_factory=dict)


def search(
    build: Build, queries: Sequence[str], vectors: Vectors | None, settings: SearchSettings
) -> list[list[Hit]]:
    """Give the hits of each query, best first; equal scores in the order of ids.

    Args:
        build: Where to search.
        queries: n queries.
        vectors: Their vectors, shape (n, dimensions); not needed for mode ``text``.
        settings: How to search.
    """
    catalogue = build.catalogue
    with catalogue.reading():
        state = build.snapshot()
        documents = None
        if settings.where is not None:
            documents = matching(catalogue, settings.where, state.alive)
        allowed = state.rows_of(documents)
        hits = []
        for begin in range(0, len(queries), _QUERIES_TOGETHER):
            block = slice(begin, begin + _QUERIES_TOGETHER)
            for query, nearest in zip(
                queries[block], _nearest(build, state, allowed, vectors, block, settings), strict=False
            ):
                found = _found(build, state, allowed, query, nearest, settings)
                hits.append(_hits(catalogue, found, settings))
        return hits


@dataclass(frozen=True)
class _Nearest:
    """A query's vector, and the segments nearest to it where they were looked for with those of others."""

    vector: NDArray[np.float32]
    segments: Ranking | None


def _nearest(
    build: Build,
    state: Snapshot,
    allowed: Mask,
    vectors: Vectors | None,
    block: slice,
    settings: SearchSettings,
) -> Iterator[_Nearest | None]:
    """Look for the nearest segments of several queries at once, which reads the vectors once for all."""
    if settings.mode == "text" or vectors is None:
        yield from repeat(None, block.stop - block.start)
        return
    chosen = vectors[block]
    rankings: Sequence[Ranking | None] = [None] * len(chosen)
    if settings.level != "documents":
        wanted = _SEGMENTS_PER_DOCUMENT * settings.depth
        rankings = build.segments.search(chosen, wanted, allowed & state.embedded, exact=settings.exact)
    yield from map(_Nearest, chosen, rankings)


def _found(
    build: Build,
    state: Snapshot,
    allowed: Mask,
    query: str,
    nearest: _Nearest | None,
    settings: SearchSettings,
) -> list[_Found]:
    depth = settings.depth
    if nearest is None:
        return _by_text(build.catalogue, state, allowed, query, depth)
    semantic = _by_vector(build, state, allowed, nearest, settings)
    if settings.mode == "semantic":
        return semantic
    semantic = _ordered(build.catalogue, semantic)[:depth]
    text = _ordered(build.catalogue, _by_text(build.catalogue, state, allowed, query, depth))[:depth]
    return _fused(semantic, text, settings.rank_constant)


def _fused(semantic: Sequence[_Found], text: Sequence[_Found], constant: float) -> list[_Found]:
    semantic_ranks = {one.number: (rank, one) for rank, one in enumerate(semantic, 1)}
    text_ranks = {one.number: (rank, one) for rank, one in enumerate(text, 1)}
    scores = fused([[one.number for one in semantic], [one.number for one in text]], constant)
    result = []
    for number, score in scores.items():
        components: dict[str, float] = {}
        best: tuple[int, _Found] | None = None
        for name, ranks in (("semantic_rank", semantic_ranks), ("text_rank", text_ranks)):
            if number in ranks:
                rank, one = ranks[number]
                components |= one.components | {name: float(rank)}
                if best is None or rank < best[0]:
                    best = rank, one
        if best is not None:
            result.append(_Found(number, score, best[1].row, components))
    return result


def _by_text(catalogue: Catalogue, state: Snapshot, allowed: Mask, query: str, count: int) -> list[_Found]:
    scores = bm25(catalogue, state, query)
    rows = np.flatnonzero((scores > 0) & allowed)
    order = np.lexsort((rows, -scores[rows]))
    rows = rows[order]
    numbers, first = np.unique(state.document_of_row[rows], return_index=True)
    best = rows[first]
    if len(numbers) > count:
        least = np.partition(scores[best], len(numbers) - count)[len(numbers) - count]
        which = scores[best] >= least
        numbers, best = numbers[which], best[which]
    return [
        _Found(int(number), float(scores[row]), int(row), {"text": float(scores[row])})
        for number, row in zip(numbers, best, strict=True)
    ]


def _by_vector(
    build: Build,
    state: Snapshot,
    allowed: Mask,
    nearest: _Nearest,
    settings: SearchSettings,
) -> list[_Found]:
    query, count = nearest.vector, settings.depth
    segments: dict[int, tuple[int, float]] = {}
    documents: dict[int, float] = {}
    allowed = allowed & state.embedded
    if settings.level != "documents":
        owners = state.document_of_row
        segments = _best(build.segments, query, count, allowed, owners, settings.exact, nearest.segments)
    if settings.level != "segments":
        of_allowed = np.zeros(len(state.alive), np.bool_)
        of_allowed[state.document_of_row[allowed]] = True
        numbers = np.arange(len(state.alive))
        best = _best(build.documents, query, count, of_allowed, numbers, settings.exact)
        documents = _first({number: score for number, (_, score) in best.items()}, count)
        segments |= _best_segments(build, state, query, [one for one in documents if one not in segments])
    if settings.level == "both":
        missing = np.array([one for one in segments if one not in documents], np.int64)
        if len(missing):
            scores = scores_of(build.documents.read(missing), query)
            documents |= dict(zip(missing.tolist(), scores.tolist(), strict=True))
    found = []
    for number, (row, score) in segments.items():
        components = {"segment": score}
        if settings.level != "segments":
            components["document"] = documents[number]
            score = documents[number] if settings.level == "documents" else (score + documents[number]) / 2
        found.append(_Found(number, score, row, components))
    return found


def _best(
    store: VectorStore,
    query: NDArray[np.float32],
    count: int,
    allowed: Mask,
    document_of_row: NDArray[np.int64],
    exact: bool,
    ranking: Ranking | None = None,
) -> dict[int, tuple[int, float]]:
    """Give the best row and score of at least ``count`` documents, and of all that tie with the last.

    ``ranking`` is what the first look at the store gives, where that is known.
    """
    wanted = _SEGMENTS_PER_DOCUMENT * count
    while True:
        if ranking is None:
            (ranking,) = store.search(query[None], wanted, allowed, exact=exact)
        numbers, first = np.unique(document_of_row[ranking.rows], return_index=True)
        exhausted = len(ranking.rows) < wanted
        if exhausted or (
            len(numbers) >= count and ranking.scores[np.sort(first)[count - 1]] > ranking.scores[-1]
        ):
            break
        wanted *= 4
        ranking = None
    return {
        int(number): (int(ranking.rows[place]), float(ranking.scores[place]))
        for number, place in zip(numbers, first, strict=True)
    }


def _first(scores: dict[int, float], count: int) -> dict[int, float]:
    """Give the ``count`` best, and all that tie with the last."""
    if len(scores) <= count:
        return scores
    least = sorted(scores.values(), reverse=True)[count - 1]
    return {number: score for number, score in scores.items() if score >= least}


def _best_segments(
    build: Build, state: Snapshot, query: NDArray[np.float32], numbers: Sequence[int]
) -> dict[int, tuple[int, float]]:
    """Give the best row and score of each of these documents, from one reading of all their vectors."""
    if not numbers:
        return {}
    wanted = np.zeros(len(state.alive), np.bool_)
    wanted[list(numbers)] = True
    rows = np.flatnonzero(state.rows_of(wanted) & state.embedded)
    scores = scores_of(build.segments.read(rows), query)
    order = np.lexsort((rows, -scores))
    found, first = np.unique(state.document_of_row[rows[order]], return_index=True)
    places = order[first]
    return {
        int(number): (int(rows[place]), float(scores[place]))
        for number, place in zip(found, places, strict=True)
    }


def _ordered(catalogue: Catalogue, found: Sequence[_Found]) -> list[_Found]:
    ids = {one.number: one.id for one in catalogue.numbered([one.number for one in found]).values()}
    return sorted(found, key=lambda one: (-one.score, ids[one.number]))


def _hits(catalogue: Catalogue, found: Sequence[_Found], settings: SearchSettings) -> list[Hit]:
    if settings.min_score is not None:
        found = [one for one in found if one.score >= settings.min_score]
    chosen = _ordered(catalogue, found)[: settings.top_k]
    documents = catalogue.numbered([one.number for one in chosen])
    hits = []
    for one in chosen:
        begin, end, headings, text = catalogue.passage(one.row)
        left = len(text) - len(text.lstrip())
        right = len(text) - len(text.rstrip())
        document = documents[one.number]
        hits.append(
            Hit(
                document.id,
                one.score,
                text.strip(),
                begin + left if left < len(text) else begin,
                end - right if left < len(text) else begin,
                document.title,
                tuple(json.loads(headings)),
                document.language,
                document.metadata,
                one.components,
            )
        )
    return hits
