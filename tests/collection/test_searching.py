"""In what order hits come, and how they are scored, in every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from small_collections import STORES, new_collection, small_model, texts

from samesay import Collection
from samesay.collection.base import StoreKind
from samesay.collection.generic import GenericQuestions
from samesay.collection.hit import Hit
from samesay.collection.search_settings import Level
from samesay.errors import SearchError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:qdrant_client")

LONG = "\n\n".join(f"# Part {number}\n\n{text}" for number, text in enumerate(texts(12, 30)))


@pytest.fixture(params=STORES)
def kb(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Collection]:
    kind: StoreKind = request.param
    with new_collection(tmp_path, kind) as collection:
        yield collection


def test_the_adjusted_order_is_that_of_its_formula_and_scores_stay_cosines(kb: Collection) -> None:
    lengths = (1, 40, 3, 12, 1, 25, 2, 8, 60, 1)
    parts = {
        str(number): [f"{text} {number}" for text in texts(length, 30)]
        for number, length in enumerate(lengths)
    }
    kb.add(
        [
            {"id": one, "text": "\n\n".join(f"# Part\n\n{text}" for text in some), "format": "markdown"}
            for one, some in parts.items()
        ]
    )
    model = small_model()
    query = model.encode(["amber heath orbit"], prompt="query")
    aim = GenericQuestions().of(model, None, model.dimensions).aim(query)
    vectors, owners = _segments_of(kb)
    counts = np.bincount(owners)
    assert counts.max() > 10 * counts.min()
    keys = vectors @ aim.vectors[0] * aim.lengths[0]
    best = [keys[owners == number].max() - aim.chances * np.log(counts[number]) for number in range(10)]
    cosines = [(vectors @ query[0])[owners == number] for number in range(10)]
    for top_k in (1, 3, 10):
        hits = kb.search("amber heath orbit", top_k)
        found = [best[int(hit.document_id)] for hit in hits]
        assert found == pytest.approx(sorted(best, reverse=True)[:top_k], abs=1e-5)
        for hit in hits:
            assert np.abs(cosines[int(hit.document_id)] - hit.score).min() < 1e-5
            assert hit.score == hit.components["segment"]


def _segments_of(kb: Collection) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    with kb._held.reading() as build, build.catalogue.reading():
        state = build.snapshot()
        rows = state.rows[state.embedded]
        identifiers = {one.number: int(one.id) for one in build.catalogue.all_documents()}
        owners = np.array([identifiers[number] for number in state.document_of_row[state.embedded].tolist()])
        return build.segments.read(rows), owners


@pytest.mark.parametrize("level", ["segments", "documents", "both"])
def test_a_lowest_score_leaves_out_of_the_hits_what_is_below_it(kb: Collection, level: Level) -> None:
    kb.add([{"id": str(number), "text": text} for number, text in enumerate(texts(30))])
    hits = kb.search("amber heath", 10, level=level)
    least = sorted(hit.score for hit in hits)[5] - 1e-4
    found = kb.search("amber heath", 10, level=level, min_score=least)
    assert [hit.document_id for hit in found] == [hit.document_id for hit in hits if hit.score >= least]
    assert 0 < len(found) < 10


def test_a_batch_of_queries_gives_what_each_gives_alone(kb: Collection) -> None:
    kb.add([{"id": str(number), "text": text} for number, text in enumerate(texts(20))])
    kb.add([{"id": "long", "text": LONG, "format": "markdown"}])
    # More than are searched together, and words that no document has.
    queries = [*texts(70, 5), "zebra"]
    for mode in ("semantic", "text", "hybrid"):
        for level in ("segments", "documents", "both"):
            together = kb.search(queries, 5, mode=mode, level=level)
            assert len(together) == len(queries)
            for place in (0, 1, 63, 64, 69, 70):
                _assert_same_hits(together[place], kb.search(queries[place], 5, mode=mode, level=level))
    assert kb.search([], 5) == []


def _assert_same_hits(some: list[Hit], others: list[Hit]) -> None:
    # A product of matrices may differ in the last bit from that of a vector, and so may near ranks.
    assert [hit.score for hit in some] == pytest.approx([hit.score for hit in others], abs=1e-5)
    there = {hit.document_id: hit for hit in others}
    for hit in some[:-1]:
        other = there[hit.document_id]
        assert (hit.title, hit.metadata) == (other.title, other.metadata)


def test_an_unknown_order_is_refused() -> None:
    with new_collection(Path(), "memory") as kb, pytest.raises(SearchError, match="order is 'best'"):
        kb.search("amber", order="best")  # type: ignore[call-overload]
