from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesay.decision.reasons import find_conflicts
from samesay.decision.reasons.numbers import quantities_of
from samesay.decision.reasons.numerals import english_value, han_value
from samesay.decision.reasons.quantity_conflicts import agree
from samesay.decision.reasons.units import unit_named

ONES = "零一二三四五六七八九"


def in_han(value: int) -> str:
    """Write a number below a hundred million as Chinese does."""
    if value >= 10_000:
        rest = value % 10_000
        gap = "零" if 0 < rest < 1000 else ""
        return in_han(value // 10_000) + "万" + gap + (in_han(rest) if rest else "")
    words, zero = "", False
    for place, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // place % 10
        if digit:
            words += ("零" if zero else "") + ONES[digit] + unit
            zero = False
        elif words and value % place:
            zero = True
    return words


@given(st.integers(1, 99_999_999))
@settings(deadline=None)
def test_chinese_numerals_have_the_value_they_were_written_from(value: int) -> None:
    assert han_value(in_han(value)) == value


@given(
    st.integers(1, 10**6),
    st.sampled_from([("km", "m"), ("kg", "g"), ("hours", "minutes"), ("公里", "米"), ("小时", "秒")]),
)
@settings(deadline=None)
def test_an_amount_in_a_smaller_unit_is_the_same_amount(amount: int, units: tuple[str, str]) -> None:
    large, small = (unit_named(name) for name in units)
    assert large is not None
    assert small is not None
    times = large.factor / small.factor
    (one,) = quantities_of(f"it is {amount} {units[0]} in all")
    (other,) = quantities_of(f"it is {amount * times} {units[1]} in all")
    (wrong,) = quantities_of(f"it is {amount * times + 1} {units[1]} in all")
    assert agree(one, other)
    assert agree(other, one)
    assert not agree(one, wrong)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("twenty-five", 25),
        ("two hundred and five", 205),
        ("a dozen", 12),
        ("one million two hundred thousand", 1_200_000),
    ],
)
def test_english_numerals_have_their_value(words: str, value: int) -> None:
    assert english_value(words) == value


@pytest.mark.parametrize(
    ("text", "low", "high", "dimension"),
    [
        ("三到五个工作日", 3, 5, "working days"),
        ("between 3 and 5 kg", 3000, 5000, "mass"),
        ("1.5万元", 15_000, 15_000, "CNY"),
        ("$1.2 billion", 1_200_000_000, 1_200_000_000, "USD"),
        ("half an hour", 1800, 1800, "time"),
        ("三分之二", Fraction(2, 3), Fraction(2, 3), "share"),
        ("打八五折", Fraction(85, 100), Fraction(85, 100), "price share"),
        ("零下10度", -10, -10, "degrees"),
        ("第十二页", 12, 12, "ordinal"),
    ],
)
def test_quantities_are_read_with_what_they_measure(
    text: str, low: Fraction, high: Fraction, dimension: str
) -> None:
    (found,) = quantities_of(text)
    assert (found.low, found.high, found.dimension) == (low, high, dimension)


@pytest.mark.parametrize(
    "text",
    [
        "他十分满意",
        "一定要统一处理",
        "no one knows",
        "万科发布了报告",
        "that one is nice",
        "一般来说",
        "三星手机",
    ],
)
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert quantities_of(text) == ()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("It takes 30 days.", "It takes a month, so plan for one month."),
        ("The drive has 1 GB.", "The drive has 1024 MB."),
        ("Five miles away.", "It is 8 km away."),
        ("It weighs about 100 kg.", "It weighs 98 kg."),
        ("Allow 3-5 days.", "It took 4 days."),
        ("More than 500 people work here.", "620 people work here."),
        ("Version 2.0 is out.", "Version 2 is out."),
        ("全场八折", "20% off everything"),
        ("It costs 5 dollars.", "It costs 4.60 euros."),
    ],
)
def test_amounts_that_can_both_hold_are_no_conflict(a: str, b: str) -> None:
    assert [one for one in find_conflicts(a, b) if one.kind == "number"] == []


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("It costs 5 dollars.", "It costs 5 euros."),
        ("At least 5 people must come.", "At most 5 people must come."),
        ("Allow 3-5 days.", "Allow 3-7 days."),
        ("Take it at 5 °C.", "Take it at -5 °C."),
        ("It is on page 3.", "It is on page 5."),
        ("最多五名用户", "最多十名用户"),
    ],
)
def test_amounts_that_cannot_both_hold_are_one_conflict(a: str, b: str) -> None:
    assert [one.kind for one in find_conflicts(a, b)] == ["number"]


def test_a_number_that_only_one_text_has_is_no_conflict() -> None:
    assert find_conflicts("The 5 kg parcel arrived.", "The parcel arrived after 3 days.") == ()
