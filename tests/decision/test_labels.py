from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesay.decision.labels import LabelledPair, distinct_pairs, hash_of_pairs, label_scores, parse_label
from samesay.errors import CalibrationError


@pytest.mark.parametrize("value", ["1", "1.0", "true", "YES", "是", 1, True])
def test_what_says_match(value: object) -> None:
    assert parse_label(value, None, "here") is True


@pytest.mark.parametrize("value", ["0", "0.0", "False", "no", "否", 0, False])
def test_what_says_no_match(value: object) -> None:
    assert parse_label(value, None, "here") is False


@pytest.mark.parametrize("value", ["", "  ", None])
@pytest.mark.parametrize("cut", [None, 4.0])
def test_an_empty_label_is_none(value: object, cut: float | None) -> None:
    assert parse_label(value, cut, "here") is None


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_a_grade_matches_from_the_cut_on(grade: float, cut: float) -> None:
    assert parse_label(repr(grade), cut, "here") is (grade >= cut)


@pytest.mark.parametrize(
    ("value", "cut", "said"),
    [
        ("3.2", None, "is a grade; say from which"),
        ("maybe", None, "'maybe' is not 0 or 1"),
        ("yes", 4.0, "'yes' is not a grade"),
        ("nan", None, "the label is nan"),
        ("inf", 4.0, "the label is inf"),
    ],
)
def test_other_labels_are_refused_with_their_place(value: str, cut: float | None, said: str) -> None:
    with pytest.raises(CalibrationError, match=f"file, line 7: .*{said}"):
        parse_label(value, cut, "file, line 7")


def test_a_cut_that_no_grade_reaches_or_misses_is_refused() -> None:
    with pytest.raises(CalibrationError, match="two texts match is nan; give a number"):
        parse_label("3", float("nan"), "here")


def test_a_pair_that_stands_there_twice_counts_once() -> None:
    pairs = [LabelledPair("a", "b", True), LabelledPair("b", "a", True), LabelledPair("a", "b", True)]
    assert distinct_pairs(pairs, symmetric=True) == pairs[:1]
    assert distinct_pairs(pairs, symmetric=False) == pairs[:2]


def test_a_contradiction_names_both_places_and_how_many_more() -> None:
    pairs = [LabelledPair("a", "b", bool(place % 2), f"line {place}") for place in range(1, 5)]
    with pytest.raises(CalibrationError, match=r"line 1 and line 2: the same pair is labelled both.*1 more"):
        distinct_pairs(pairs, symmetric=True)


def test_order_matters_where_one_side_asks() -> None:
    pairs = [LabelledPair("a", "b", True), LabelledPair("b", "a", False)]
    assert len(distinct_pairs(pairs, symmetric=False)) == 2
    with pytest.raises(CalibrationError):
        distinct_pairs(pairs, symmetric=True)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1.5, -17])
def test_what_is_no_cosine_is_refused_with_its_place(wrong: float) -> None:
    with pytest.raises(CalibrationError, match="score 1 is "):
        label_scores([0.5, wrong, 0.5], [0, 1, 0])


def test_scores_and_labels_must_be_as_many() -> None:
    with pytest.raises(CalibrationError, match=r"shape \(2,\) and 3 labels"):
        label_scores([0.5, 0.6], [0, 1, 0])
    with pytest.raises(CalibrationError, match="label 1 is missing"):
        label_scores([0.5, 0.6], [0, None])


def test_the_hash_is_of_what_was_labelled_whatever_its_order() -> None:
    one, two = LabelledPair("a", "b", True, "x"), LabelledPair("c", "d", False)
    assert hash_of_pairs([one, two]) == hash_of_pairs([two, one])
    assert hash_of_pairs([one, two]) != hash_of_pairs([one, LabelledPair("c", "d", True)])
    assert label_scores([0.1, 0.2], [0, 1]).data == label_scores([0.2, 0.1], [1, 0]).data
    assert label_scores([0.1, 0.2], [0, 1]).data != label_scores([0.1, 0.2], [1, 0]).data
