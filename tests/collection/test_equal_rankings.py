"""Hits against a plain reading of every row in Python: the same to the bit, after any history of changes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from small_collections import new_collection, small_model, texts

from samesay import Collection
from samesay.collection.base import StoreKind
from samesay.collection.build import Build
from samesay.collection.filters import matching
from samesay.collection.fulltext.bm25 import bm25
from samesay.collection.generic import Generic, GenericQuestions, plain_aim
from samesay.collection.grouping import best_with_ties, group_maxima, group_starts, places_of_maxima
from samesay.collection.search_settings import Level, Mode, SearchSettings
from samesay.collection.searching import search
from samesay.collection.snapshot import Snapshot, snapshot
from samesay.engine.row_products import row_products

WORDS = ["text", "part", "amber", "birch", "delta", "fjord", "knoll", "orbit", "3", "zebra"]
Told = tuple[str, int, float, dict[str, float]]


@dataclass(frozen=True)
class _Reading:
    """Everything that is committed, row by row."""

    build: Build
    state: Snapshot
    ids: dict[int, str]
    begins: dict[int, int]
    generic: Generic | None

    def semantic(
        self, query: NDArray[np.float32], which: list[int], level: Level
    ) -> list[tuple[int, float, int]]:
        """Give number, key and row of every document, best first."""
        aim = plain_aim(query[None]) if self.generic is None else self.generic.aim(query[None])
        places = [place for place in which if self.state.embedded[place]]
        products = row_products(self.build.segments.read(self.state.rows[places]), aim.vectors[0])
        length, chance = np.float32(aim.lengths[0]), np.float32(aim.chances)
        best: dict[int, tuple[np.float32, int]] = {}
        for place, product in zip(places, products.clip(-1, 1), strict=True):
            number = int(self.state.document_of_row[place])
            if number not in best or product > best[number][0]:
                best[number] = product, int(self.state.rows[place])
        found = []
        for number, (product, row) in best.items():
            key = float(product * length - self.state.chances[number] * chance)
            if level == "documents":
                whole = row_products(self.build.documents.read(np.array([number])), aim.vectors[0])
                key = float(whole.clip(-1, 1)[0] * length)
            found.append((number, key, row))
        return sorted(found, key=lambda one: (-one[1], self.ids[one[0]]))

    def text(self, query: str, which: list[int]) -> list[tuple[int, float, int, float]]:
        """Give number, score, row and coverage of every document that has one of the words, best first."""
        scores = bm25(self.build.catalogue, self.state, query)
        best: dict[int, tuple[float, int, float]] = {}
        for place in which:
            number, score = int(self.state.document_of_row[place]), float(scores.scores[place])
            if score > 0 and (number not in best or score > best[number][0]):
                best[number] = score, int(self.state.rows[place]), float(scores.coverage[place])
        found = [(number, *one) for number, one in best.items()]
        return sorted(found, key=lambda one: (-one[1], self.ids[one[0]]))

    def hybrid(
        self, query: str, vector: NDArray[np.float32], which: list[int], settings: SearchSettings
    ) -> list[Told]:
        semantic = self.semantic(vector, which, settings.level)[: settings.depth]
        text = self.text(query, which)[: settings.depth]
        keys: dict[int, float] = {}
        rows: dict[int, tuple[int, int]] = {}
        components: dict[int, dict[str, float]] = {}
        for rank, (number, _, row) in enumerate(semantic, 1):
            keys[number] = 1.0 / (settings.rank_constant + rank)
            rows[number] = rank, row
            components[number] = {"semantic_rank": float(rank)}
        for rank, (number, score, row, coverage) in enumerate(text, 1):
            keys[number] = keys.get(number, 0.0) + coverage / (settings.rank_constant + rank)
            rows[number] = min(rows.get(number, (rank, row)), (rank, row), key=lambda one: one[0])
            own = {"text": score, "text_coverage": coverage, "text_rank": float(rank)}
            components[number] = components.get(number, {}) | own
        order = sorted(keys, key=lambda number: (-keys[number], self.ids[number]))[: settings.top_k]
        return [(self.ids[one], self.begins[rows[one][1]], keys[one], components[one]) for one in order]

    def hits(self, query: str, vector: NDArray[np.float32], settings: SearchSettings) -> list[Told]:
        """Give id, begin, score and ranks of each hit."""
        alive = self.state.alive
        allowed = alive if settings.where is None else matching(self.build.catalogue, settings.where, alive)
        which = np.flatnonzero(allowed[self.state.document_of_row]).tolist()
        if settings.mode == "hybrid":
            return self.hybrid(query, vector, which, settings)
        if settings.mode == "text":
            found = self.text(query, which)[: settings.top_k]
            return [
                (self.ids[number], self.begins[row], score, {"text": score, "text_coverage": coverage})
                for number, score, row, coverage in found
            ]
        result: list[Told] = []
        for number, _, row in self.semantic(vector, which, settings.level)[: settings.top_k]:
            store, place = (
                (self.build.segments, row) if settings.level == "segments" else (self.build.documents, number)
            )
            score = float(row_products(store.read(np.array([place])), vector).clip(-1, 1)[0])
            result.append((self.ids[number], self.begins[row], score, {}))
        return result


def _read(build: Build, generic: Generic | None) -> _Reading:
    state = build.snapshot()
    ids = {one.number: one.id for one in build.catalogue.all_documents()}
    begins = {}
    for row in state.rows.tolist():
        begin, _, _, text = build.catalogue.passage(row)
        left = len(text) - len(text.lstrip())
        begins[row] = begin + left if left < len(text) else begin
    return _Reading(build, state, ids, begins, generic)


@pytest.fixture(params=["memory", "lance"])
def kb(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Collection]:
    kind: StoreKind = request.param
    with new_collection(tmp_path, kind) as collection:
        yield collection


def _change(kb: Collection, chance: random.Random, step: int) -> None:
    """Add, replace and delete: many documents have the same text, some no words at all."""
    some = texts(12, 8)
    documents = []
    for number in chance.sample(range(300), 60):
        parts = chance.choices(some, k=chance.choice((1, 1, 2, 9)))
        text = "\n\n".join(f"# Part\n\n{one}" for one in parts) if step % 4 or number % 7 else " \n"
        documents.append(
            {"id": str(number), "text": text, "format": "markdown", "metadata": {"third": number % 3 == 0}}
        )
    kb.add(documents)
    kb.delete([str(number) for number in chance.sample(range(300), 10)])
    if step % 3 == 2:
        kb.compact()


def test_hits_are_those_of_a_plain_reading_after_any_history(kb: Collection) -> None:
    chance = random.Random(3)
    model = small_model()
    generic = GenericQuestions().of(model, None, model.dimensions)
    modes: tuple[Mode, ...] = ("semantic", "text", "hybrid")
    levels: tuple[Level, ...] = ("segments", "documents")
    for step in range(5):
        _change(kb, chance, step)
        queries = [" ".join(chance.choices(WORDS, k=chance.randint(1, 5))) for _ in range(4)]
        vectors = model.encode(queries, prompt="query")
        with kb._held.reading() as build:
            for mode in modes:
                for level in levels:
                    top_k, where = chance.choice((1, 3, 30)), chance.choice((None, {"third": True}))
                    settings = SearchSettings(top_k, mode, where, level=level)
                    for common in (generic, None):
                        found = [
                            search(build, [query], vector[None], settings, common)[0]
                            for query, vector in zip(queries, vectors, strict=True)
                        ]
                        if common is None:  # else queries together may be aimed a bit differently
                            assert search(build, queries, vectors, settings) == found
                        with build.catalogue.reading():
                            reading = _read(build, common)
                            expected = [
                                reading.hits(query, vector, settings)
                                for query, vector in zip(queries, vectors, strict=True)
                            ]
                        told = [
                            [(hit.document_id, hit.begin, hit.score, _ranks(hit.components)) for hit in hits]
                            for hits in found
                        ]
                        assert told == expected, (step, settings)


def _ranks(components: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in components.items() if name not in ("segment", "document")}


def test_a_snapshot_that_follows_changes_is_that_read_anew_and_as_long_as_what_is_alive(
    kb: Collection,
) -> None:
    chance = random.Random(4)
    for step in range(6):
        _change(kb, chance, step)
        with kb._held.reading() as build, build.catalogue.reading():
            followed, anew = build.snapshot(), snapshot(build.catalogue, None)
            for name in ("rows", "document_of_row", "tokens_of_row", "embedded", "alive"):
                assert np.array_equal(getattr(followed, name), getattr(anew, name)), name
            assert len(followed.rows) == build.catalogue.count("segments") < followed.next_row
            some = np.arange(followed.next_row + 3)
            places = np.full(len(some), -1)
            places[followed.rows] = np.arange(len(followed.rows))
            assert followed.places_of(some).tolist() == places.tolist()
            for row, place in zip(some.tolist(), places.tolist(), strict=True):
                assert followed.places_of(np.array([row])).tolist() == [place]
            chosen = followed.chosen(None).embedded
            assert chosen.by_number.sum() == len(chosen.rows)
            assert np.array_equal(np.flatnonzero(chosen.by_number), chosen.rows)


def test_what_stands_together_is_grouped_as_one_by_one() -> None:
    chance = np.random.default_rng(1)
    for _ in range(200):
        owners = np.sort(chance.integers(0, 12, chance.integers(0, 40)))
        values = chance.integers(0, 4, len(owners)).astype(np.float32)
        starts = group_starts(owners)
        assert owners[starts].tolist() == sorted(set(owners.tolist()))
        maxima = group_maxima(values, starts)
        assert maxima.tolist() == [values[owners == one].max() for one in owners[starts]]
        count = int(chance.integers(1, 6))
        chosen = best_with_ties(maxima, count)
        least = sorted(maxima.tolist(), reverse=True)[:count][-1:]
        assert chosen.tolist() == [place for place, one in enumerate(maxima.tolist()) if [one] >= least]
        places = places_of_maxima(values, starts, chosen, maxima[chosen])
        expected = [
            int(np.flatnonzero((owners == owners[starts[one]]) & (values == maxima[one]))[0])
            for one in chosen
        ]
        assert places.tolist() == expected
