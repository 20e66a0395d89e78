"""Collections whose documents have a weighted mean of their segments: from adding to the score of a hit."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from small_collections import new_collection, small_model, texts

import samesay
from samesay import Collection
from samesay.collection.base import StoreKind
from samesay.collection.fulltext.tokens import tokens

SOURCES = {
    str(number): "\n\n".join(f"{'unique' * (place % 2)}{number} {text}" for place, text in enumerate(some))
    for number, some in enumerate([texts(7, 9), texts(3, 20), texts(1, 4), texts(12, 6)[2:]])
}


def weights_of(weighting: str, segments: list[str], documents: list[set[str]]) -> NDArray[np.float64]:
    """The weights as the documents tell them, with nothing of what the collection computes them by."""
    if weighting == "position":
        ones = np.ones(len(segments))
        ones[-1] = 1.5
        ones[0] = 2.0
        return ones
    squares = []
    for text in segments:
        total = 0.0
        for term, count in Counter(tokens(text)).items():
            holding = sum(term in one for one in documents)
            idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
            total += ((1 + math.log(count)) * idf) ** 2
        squares.append(math.sqrt(total))
    return np.array(squares)


def check_documents(kb: Collection, weighting: str) -> dict[str, NDArray[np.float64]]:
    """Compare the stored vector of each document with the weighted mean of its segments' vectors."""
    holding = [set(tokens(text)) for text in SOURCES.values()]
    expected = {}
    with kb._held.reading() as build, build.catalogue.reading():
        catalogue = build.catalogue
        for document in catalogue.all_documents():
            rows = catalogue.rows_of([document.number], embedded=True)
            weights = weights_of(weighting, [catalogue.passage(row)[3] for row in rows], holding)
            mean = weights @ build.segments.read(np.array(rows)).astype(np.float64)
            mean /= np.linalg.norm(mean)
            (stored,) = build.documents.read(np.array([document.number]))
            assert stored == pytest.approx(mean, abs=1e-5)
            expected[document.id] = mean
        assert max(document.segments for document in catalogue.all_documents()) > 3
    return expected


@pytest.mark.parametrize("store", ["memory", "lance"])
@pytest.mark.parametrize("weighting", ["position", "tfidf"])
def test_documents_are_searched_by_the_weighted_mean_of_their_segments(
    tmp_path: Path, weighting: str, store: StoreKind
) -> None:
    with new_collection(tmp_path, store, segment_tokens=16, weighting=weighting) as kb:
        kb.add([{"id": one, "text": text} for one, text in SOURCES.items()])
        vectors = check_documents(kb, weighting)
        query = small_model().encode(["amber heath"], prompt="query")[0]
        hits = kb.search("amber heath", 9, level="documents", order="cosine")
        cosines = {one: float(vector @ query) for one, vector in vectors.items()}
        assert [hit.document_id for hit in hits] == sorted(cosines, key=lambda one: -cosines[one])
        for hit in hits:
            assert hit.score == pytest.approx(cosines[hit.document_id], abs=1e-5)
            assert hit.score == hit.components["document"]
        for hit in kb.search("amber heath", 9, level="both", order="cosine"):
            mean = (hit.components["segment"] + cosines[hit.document_id]) / 2
            assert hit.score == pytest.approx(mean, abs=1e-5)
        assert kb.check().problems == ()


def test_a_weighting_is_kept_and_changed_by_an_upgrade_alone(tmp_path: Path) -> None:
    with new_collection(tmp_path, "lance", segment_tokens=16) as kb:
        kb.add([{"id": one, "text": text} for one, text in SOURCES.items()])
        for weighting in ("position", "tfidf"):
            kb.upgrade(small_model(), weighting=weighting)
            assert kb.manifest.weighting == weighting
    with samesay.open(tmp_path / "kb", small_model(), weighting="tfidf") as kb:
        check_documents(kb, "tfidf")
        kb.upgrade(small_model(), weighting="position")
        check_documents(kb, "position")
