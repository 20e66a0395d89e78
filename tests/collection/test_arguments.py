"""What is given in place of numbers, ids, queries and documents: taken as it is meant, or told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
from small_collections import small_model, texts

import samesay
from samesay import Collection
from samesay.errors import CollectionError, DocumentError, SearchError

HALF = "\ud800"


@pytest.fixture(scope="module")
def kb() -> Iterator[Collection]:
    with samesay.open(None, small_model()) as collection:
        collection.add([{"id": str(number), "text": text} for number, text in enumerate(texts(8))])
        yield collection


@pytest.mark.parametrize(
    ("query", "settings", "told"),
    [
        (5, {}, "a query is a string, or a list of strings, not int"),
        (b"x", {}, "not bytes"),
        (["x", 5], {}, "a query is a string, not int"),
        (HALF, {"mode": "text"}, "the query is not valid Unicode"),
        ("x", {"top_k": 2.0}, "top_k is 2.0; it must be a whole number"),
        ("x", {"top_k": True}, "top_k is True"),
        ("x", {"min_score": "0.5"}, "min_score is '0.5'; it must be a number"),
        ("x", {"min_score": float("nan")}, "min_score is nan; it must be a number"),
        ("x", {"mode": "hybrid", "rank_constant": "5"}, "rank_constant is '5'; it must be a number above 0"),
        ("x", {"mode": "hybrid", "rank_constant": 0}, "rank_constant is 0"),
    ],
)
def test_a_search_for_nonsense_is_told(kb: Collection, query: Any, settings: Any, told: str) -> None:
    with pytest.raises(SearchError, match=told):
        kb.search(query, **settings)


def test_numbers_of_numpy_are_numbers(kb: Collection) -> None:
    plain = kb.search("amber", 3, mode="hybrid", rank_constant=7, min_score=0)
    settings: Any = {"rank_constant": np.float32(7), "min_score": np.float64(0)}
    assert kb.search("amber", cast("int", np.int64(3)), mode="hybrid", **settings) == plain
    assert len(plain) == 3
    with samesay.open(None, small_model(), segment_tokens=cast("int", np.int32(20))) as other:
        target = other.manifest.segmenting.target
    assert target == 20
    assert type(target) is int


def test_an_id_that_cannot_be_is_not_here_and_what_is_none_is_told(kb: Collection) -> None:
    assert HALF not in kb
    assert kb.get(HALF) is None
    assert kb.delete([HALF, "none"]) == 0
    found = kb.get(cast("str", 3))
    assert found is not None
    assert found.id == "3"  # as for documents, a whole number stands for its digits
    for ids in (None, 5, [None], [2.5], b"3"):
        with pytest.raises(DocumentError, match="string"):
            kb.delete(cast("Any", ids))
    assert len(kb) == 8


@pytest.mark.parametrize("given", [None, 5, "text", {"id": "a", "text": "b"}, samesay.Document("a", "b")])
def test_what_is_no_list_of_documents_is_told(kb: Collection, given: Any) -> None:
    with pytest.raises(DocumentError, match="put a single one in a list"):
        kb.add(given)


@pytest.mark.parametrize("value", ["a", 0, 2.5, True])
def test_a_number_of_tokens_that_is_none_is_told(value: Any) -> None:
    with pytest.raises(CollectionError, match=r"segment_tokens is .* it must be a whole number, at least 1"):
        samesay.open(None, small_model(), segment_tokens=value)
    with pytest.raises(CollectionError, match="segment_limit is"):
        samesay.open(None, small_model(), segment_limit=value)
