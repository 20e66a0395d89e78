from __future__ import annotations

import pytest

from samesay.decision.reasons import find_conflicts
from samesay.decision.reasons.names import names_of


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Use the X200 here.", "Use the X-200 here."),
        ("It was founded by John Smith.", "It was founded by Smith."),
        ("He joined the World Health Organization.", "He joined the WHO."),
        ("We flew to New York City.", "We flew to New York."),
        ("我们在北京。", "We are in Beijing."),
        ("王小明来了。", "来的是王小明。"),
    ],
)
def test_one_name_in_two_spellings_is_no_conflict(a: str, b: str) -> None:
    assert find_conflicts(a, b) == ()


@pytest.mark.parametrize(
    ("a", "b", "values"),
    [
        ("Order the X-200 today.", "Order the X-300 today.", ("X-200", "X-300")),
        ("请找张伟经理。", "请找张敏经理。", ("张伟", "张敏")),
        ("会议在北京举行。", "The meeting is in Shanghai.", ("北京", "Shanghai")),
        ("He moved from Paris to Lyon.", "He moved from Paris to Milan.", ("Lyon", "Milan")),
    ],
)
def test_other_names_in_the_same_place_conflict(a: str, b: str, values: tuple[str, str]) -> None:
    (conflict,) = find_conflicts(a, b)
    assert (conflict.kind, (conflict.value_a, conflict.value_b)) == ("name", values)


@pytest.mark.parametrize(
    "text",
    ["It weighs 16GB.", "See Q3.", "in 5 m2", "On Monday in May I slept.", "THE SHOP IS NOW OPEN FOR ALL"],
)
def test_what_only_looks_like_a_name_is_none(text: str) -> None:
    assert names_of(text) == ()
