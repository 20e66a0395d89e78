"""Function words count a fifth: too little to decide, enough for a title that is quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

import samesay
from samesay.collection.fulltext.function_words import FUNCTION_WORDS, SHARE
from samesay.collection.fulltext.tokens import tokens

FIXTURE = Path(__file__).parents[2] / "fixtures" / "bert-mean"


def found(documents: dict[str, str], query: str) -> dict[str, float]:
    with samesay.open(None, samesay.load(FIXTURE, precision="fp32", threads=1)) as kb:
        kb.add([{"id": name, "text": text} for name, text in documents.items()])
        return {hit.document_id: hit.score for hit in kb.search(query, 10, mode="text")}


def test_each_is_one_token_of_a_query_as_it_stands() -> None:
    for word in FUNCTION_WORDS:
        assert tokens(word, "query") == [word]


def test_a_word_of_the_question_decides_over_rarer_function_words() -> None:
    # In code, "to" and "how" stand in one document only, and "list" in many.
    documents = {"chatty": "how to be the one to do it with what there is", "sorter": "sort list"}
    documents |= {f"list {number}": f"list number {number}" for number in range(6)}
    scores = found(documents, "how to sort a list")
    assert scores["sorter"] > scores["chatty"] > 0


def test_a_quoted_title_of_function_words_is_found() -> None:
    documents = {"band": "The Who", "other": "a band of the sixties", "more": "one more text"}
    assert next(iter(found(documents, "the who"))) == "band"


def test_a_function_word_scores_the_share_of_what_it_would() -> None:
    # Two words in as many documents, once in each, differ in nothing but that.
    scores = found({"a": "with delta", "b": "ember jetty", "c": "knoll ledge"}, "with")
    others = found({"a": "amber delta", "b": "ember jetty", "c": "knoll ledge"}, "amber")
    assert scores["a"] == pytest.approx(SHARE * others["a"], rel=1e-5)
