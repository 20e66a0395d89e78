"""Search: from queries to documents with their best passages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import repeat

import numpy as np

from samesay.collection.base import Mask, Vectors
from samesay.collection.build import Build
from samesay.collection.catalogue import Catalogue
from samesay.collection.filters import matching
from samesay.collection.found import Found
from samesay.collection.fulltext.bm25 import bm25
from samesay.collection.fusion import fused
from samesay.collection.generic import Generic, plain_aim
from samesay.collection.hit import Hit
from samesay.collection.search_settings import SearchSettings
from samesay.collection.semantic import Searched, rankings, scored
from samesay.collection.snapshot import Snapshot

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
        searched = Searched(build, state, state.rows_of(documents), settings)
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
    text = _by_text(catalogue, searched.state, searched.allowed, query, settings.depth)
    if semantic is None:
        return _ordered(catalogue, text)[: settings.top_k]
    semantic, text = (_ordered(catalogue, one)[: settings.depth] for one in (semantic, text))
    return _ordered(catalogue, _fused(semantic, text, settings.rank_constant))[: settings.top_k]


def _with_scores(searched: Searched, query: Vectors, best: list[Found]) -> list[Found]:
    """Give cosines to what was found by vectors; the score of a fused one stays what it is."""
    found = scored(searched.build, query, best, searched.settings.level)
    if searched.settings.mode == "semantic":
        return found
    return [replace(one, score=one.key) for one in found]


def _fused(semantic: Sequence[Found], text: Sequence[Found], constant: float) -> list[Found]:
    semantic_ranks = {one.number: (rank, one) for rank, one in enumerate(semantic, 1)}
    text_ranks = {one.number: (rank, one) for rank, one in enumerate(text, 1)}
    by_words = [(one.number, one.components["text_coverage"]) for one in text]
    keys = fused([[(one.number, 1.0) for one in semantic], by_words], constant)
    result = []
    for number, key in keys.items():
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
            result.append(Found(number, key, best[1].row, segment, key, components))
    return result


def _by_text(catalogue: Catalogue, state: Snapshot, allowed: Mask, query: str, count: int) -> list[Found]:
    found = bm25(catalogue, state, query)
    scores, coverage = found.scores, found.coverage
    rows = np.flatnonzero((scores > 0) & allowed)
    order = np.lexsort((rows, -scores[rows]))
    rows = rows[order]
    numbers, first = np.unique(state.document_of_row[rows], return_index=True)
    best = rows[first]
    if len(numbers) > count:
        least = np.partition(scores[best], len(numbers) - count)[len(numbers) - count]
        which = scores[best] >= least
        numbers, best = numbers[which], best[which]
    columns = (numbers.tolist(), best.tolist(), scores[best].tolist(), coverage[best].tolist())
    return [
        Found(number, score, row, None, score, {"text": score, "text_coverage": share})
        for number, row, score, share in zip(*columns, strict=True)
    ]


def _ordered(catalogue: Catalogue, found: Sequence[Found]) -> list[Found]:
    ids = catalogue.ids_of([one.number for one in found])
    return sorted(found, key=lambda one: (-one.key, ids[one.number]))


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
