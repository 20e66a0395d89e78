"""Tokens of many scripts: what a query asks for is what a text is found by."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesay.collection.fulltext.tokens import length, tokens

SENTENCE = "南京市长江大桥的容器化部署与调度策略"


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("kube-apiserver starts", "apiserver"),
        ("kube-apiserver starts", "kube-apiserver"),
        ("call getHTTPResponse now", "http"),
        ("call getHTTPResponse now", "gethttpresponse"),
        ("max_connection_count", "connection"),
        ("max_connection_count", "MAX_CONNECTION_COUNT"),
        ("since v1.30", "v1.30"),
        ("costs 1,000,000 euros", "1000000"),
        ("the node's labels", "node"),
        ("Café Ωμέγα", "cafe ωμεγα"),
        ("ＡＢＣ①", "abc1"),
        ("STRASSE", "straße"),
        ("हिन्दी में", "हिन्दी"),
        ("הדרך הביתה", "הדרך"),
        ("ภาษาไทยง่าย", "ไทย"),
        ("東京タワーに行く", "タワー"),
        ("한국어는 쉽다", "한국어"),
        ("一只猫", "猫"),
        (SENTENCE, "容器"),
        (SENTENCE, "南京市"),
        ("Pod的重启策略", "重启"),
    ],
)
def test_what_a_query_asks_for_is_in_the_index(text: str, query: str) -> None:
    asked = tokens(query, "query")
    assert asked
    assert set(asked) <= set(tokens(text))


@pytest.mark.parametrize("place", range(len(SENTENCE) - 1))
def test_any_two_neighbours_are_found_whether_a_word_or_not(place: int) -> None:
    pair = SENTENCE[place : place + 2]
    assert tokens(pair, "query") == [pair]
    assert pair in tokens(SENTENCE)


def test_letters_that_marks_make_stay_apart() -> None:
    assert tokens("й")[0] != tokens("и")[0]
    assert tokens("が", "query") != tokens("か", "query")


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_has_tokens_without_white_space_and_a_length(text: str) -> None:
    found = tokens(text)
    assert all(token and not any(character.isspace() for character in token) for token in found)
    assert length(text) <= max(1, len(found))
    assert tokens(text) == found


def test_a_query_of_words_in_text_is_found_in_any_order_of_scripts() -> None:
    text = "部署 nginx 到 Kubernetes 集群"
    assert set(tokens("Kubernetes集群部署nginx", "query")) <= set(tokens(text))
