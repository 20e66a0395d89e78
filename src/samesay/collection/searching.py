"""Search: from queries to documents with their best passages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import repeat

import numpy as np

from samesay.collection.base import Vectors
from samesay.collection.build import Build
from samesay.collection.catalogue import Catalogue
from samesay.collection.filters import matching
from samesay.collection.found import Found
from samesay.collection.fulltext.bm25 import bm25
from samesay.collection.fusion import fused
from samesay.collection.generic import Generic, plain_aim
from samesay.collection.grouping import best_with_ties, group_maxima, places_of_maxima
from samesay.collection.hit import Hit
from samesay.collection.search_settings import SearchSettings
from samesay.collection.semantic import Searched, rankings, scored

_QUERIES_TOGETHER = 64


def search(
    build: Build,
    queries: Sequence[str],
    vectors: Vectors | None,
    settings: SearchSettings,
    generic: Generic | None = None,
) -> list[list[Hit]]:
    """Give the hits of each query, best first; equal ones in the order of ids.

    Args:
        build: Where to search.
        queries: n queries.
        vectors: Their vectors, shape (n, dimensions); not needed for mode ``text``.
        settings: How to search.
        generic: What the model's questions have in common; without it hits are ordered by their cosines.
    """
    catalogue = build.catalogue
    with catalogue.reading():
        state = build.snapshot()
        documents = None
        if settings.where is not None:
            documents = matching(catalogue, settings.where, state.alive)
        searched = Searched(build, state, state.chosen(documents), settings)
        if settings.order == "cosine":
            generic = None
        hits = []
        for begin in range(0, len(queries), _QUERIES_TOGETHER):
            block = slice(begin, begin + _QUERIES_TOGETHER)
            chosen = None if settings.mode == "text" or vectors is None else vectors[block]
            by_vectors = _by_vectors(searched, chosen, generic)
            for place, (query, semantic) in enumerate(zip(queries[block], by_vectors, strict=False)):
                best = _best(searched, query, semantic)
                if chosen is not None:
                    best = _with_scores(searched, chosen[place], best)
                hits.append(_hits(catalogue, best, settings))
        return hits


def _by_vectors(
    searched: Searched, vectors: Vectors | None, generic: Generic | None
) -> Iterator[list[Found] | None]:
    if vectors is None:
        return repeat(None)
    return rankings(searched, plain_aim(vectors) if generic is None else generic.aim(vectors))


def _best(searched: Searched, query: str, semantic: list[Found] | None) -> list[Found]:
    """Give the documents of the first hits, best first."""
    settings, catalogue = searched.settings, searched.build.catalogue
    if semantic is not None and settings.mode == "semantic":
        return _ordered(catalogue, semantic)[: settings.top_k]
    text = _by_text(catalogue, searched, query)
    if semantic is None:
        return _ordered(catalogue, text)[: settings.top_k]
    semantic, text = (_ordered(catalogue, one)[: settings.depth] for one in (semantic, text))
    return _ordered(catalogue, _fused(semantic, text, settings))[: settings.top_k]


def _with_scores(searched: Searched, query: Vectors, best: list[Found]) -> list[Found]:
    """Give cosines to what was found by vectors; the score of a fused one stays what it is."""
    found = scored(searched.build, query, best, searched.settings.level)
    if searched.settings.mode == "semantic":
        return found
    return [replace(one, score=one.key) for one in found]


def _fused(semantic: Sequence[Found], text: Sequence[Found], settings: SearchSettings) -> list[Found]:
    """Give the first documents of both rankings together, in no order, and all that tie with the last."""
    by_words = [(one.number, one.components["text_coverage"]) for one in text]
    keys = fused([[(one.number, 1.0) for one in semantic], by_words], settings.rank_constant)
    least = sorted(keys.values(), reverse=True)[: settings.top_k][-1:]
    kept = {number for number, key in keys.items() if key >= least[0]}
    semantic_ranks, text_ranks = (
        {one.number: (rank, one) for rank, one in enumerate(ranking, 1) if one.number in kept}
        for ranking in (semantic, text)
    )
    result = []
    for number in kept:
        components: dict[str, float] = {}
        best: tuple[int, Found] | None = None
        for name, ranks in (("semantic_rank", semantic_ranks), ("text_rank", text_ranks)):
            if number in ranks:
                rank, one = ranks[number]
                components |= one.components | {name: float(rank)}
                if best is None or rank < best[0]:
                    best = rank, one
        if best is not None:
            segment = semantic_ranks[number][1].segment if number in semantic_ranks else None
            result.append(Found(number, keys[number], best[1].row, segment, keys[number], components))
    return result


def _by_text(catalogue: Catalogue, searched: Searched, query: str) -> list[Found]:
    """Give the best documents by BM25, in no order, and all that tie with the last."""
    state, allowed = searched.state, searched.allowed
    found = bm25(catalogue, state, query)
    scores = np.where(allowed.which, found.scores, np.float32(0))
    maxima = group_maxima(scores, state.starts)
    groups = np.flatnonzero(maxima > 0)
    groups = groups[best_with_ties(maxima[groups], searched.settings.depth)]
    best = places_of_maxima(scores, state.starts, groups, maxima[groups])
    columns = (state.document_of_row[best], state.rows[best], scores[best], found.coverage[best])
    return [
        Found(number, score, row, None, score, {"text": score, "text_coverage": share})
        for number, row, score, share in zip(*(one.tolist() for one in columns), strict=True)
    ]


def _ordered(catalogue: Catalogue, found: Sequence[Found]) -> list[Found]:
    """Give documents best first; equal ones in the order of ids, which are read of these alone."""
    times = Counter(one.key for one in found)
    ids = catalogue.ids_of([one.number for one in found if times[one.key] > 1])
    return sorted(found, key=lambda one: (-one.key, ids.get(one.number, "")))


def _hits(catalogue: Catalogue, best: Sequence[Found], settings: SearchSettings) -> list[Hit]:
    if settings.min_score is not None:
        best = [one for one in best if one.score >= settings.min_score]
    documents = catalogue.numbered([one.number for one in best])
    hits = []
    for one in best:
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
