from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesay.decision.reasons import find_conflicts
from samesay.decision.reasons.antonyms import groups
from samesay.decision.reasons.negation import cues_of
from samesay.decision.reasons.stems import stem


def kinds(a: str, b: str) -> list[str]:
    return [one.kind for one in find_conflicts(a, b)]


@pytest.mark.parametrize(
    "text",
    [
        "not only fast but cheap", "no matter what", "whether or not it rains", "no more than five",
        "he could not help laughing",
        "it does not open until noon", "不但便宜", "不得不走", "非常好", "无论如何", "别墅区", "差不多",
        "是否可以", "未来", "特别好", "能不能去",
        "非你不可", "北非", "不锈钢",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_negation_is_none(text: str) -> None:
    assert cues_of(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "is not open",
        "isn't open",
        "never open",
        "without a key",
        "不开放",
        "没有开放",
        "未开放",
        "并非开放",
        "勿开",
    ],
)
def test_negations_are_found(text: str) -> None:
    assert len(cues_of(text)) == 1


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("The shop is open.", "The shop is closed.", ["antonym"]),
        ("The shop is not open.", "The shop is closed.", []),
        ("The shop is open.", "The shop is not open.", ["negation"]),
        ("The shop is open.", "The shop is not closed.", []),
        ("The shop is not open.", "The shop is not closed.", ["antonym"]),
        ("It is possible.", "It is not impossible.", []),
        ("It is possible.", "It is impossible.", ["negation"]),
        ("Prices rose.", "Prices increased.", []),
        ("Prices were rising.", "Prices fell.", ["antonym"]),
        ("商店开放。", "商店不开放。", ["negation"]),
        ("商店不开放。", "商店关闭了。", []),
        ("允许吸烟。", "不允许吸烟。", ["negation"]),
        ("不允许吸烟。", "禁止吸烟。", []),
        ("Smoking is not allowed.", "禁止吸烟。", []),
        ("Smoking is allowed.", "不允许吸烟。", ["negation"]),
    ],
)
def test_negations_and_opposites_are_weighed_together(a: str, b: str, expected: list[str]) -> None:
    assert kinds(a, b) == expected


def test_the_list_has_pairs_enough_in_both_languages_and_no_word_is_its_own_opposite() -> None:
    assert len(groups()) >= 200
    for language in (0, 2):
        pairs = {(x, y) for row in groups() for x in row[language] for y in row[language + 1]}
        assert len(pairs) >= 400
        assert not [pair for pair in pairs if pair[0] == pair[1]]
        if language == 0:
            assert not [pair for pair in pairs if stem(pair[0]) == stem(pair[1])]


@given(st.text(max_size=30))
def test_the_stem_of_any_word_can_be_taken(word: str) -> None:
    assert len(stem(word.lower())) <= len(word.lower()) + 4


@pytest.mark.parametrize(
    "forms",
    [
        "rise rises rose risen rising",
        "stop stops stopped stopping",
        "allow allows allowed allowing",
        "cancel cancels cancelled canceled",
    ],
)
def test_inflections_of_a_word_have_one_stem(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1
