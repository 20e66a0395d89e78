from __future__ import annotations

from samesay.decision.reasons.pairing import paired


def pairs(left: str, right: str, closeness: dict[str, int]) -> list[str]:
    """Pair letters; what is not named cannot be a pair."""
    found = paired(list(left), list(right), lambda one, other: closeness.get(one + other))
    return [one + other for one, other in found]


def test_the_closest_pair_comes_first_and_takes_both_of_it() -> None:
    assert pairs("ab", "xy", {"ax": 1, "ay": 2, "bx": 0, "by": 3}) == ["by", "ax"]


def test_what_cannot_be_a_pair_stays_alone() -> None:
    assert pairs("ab", "xy", {"ax": 1, "bx": 0}) == ["ax"]
    assert pairs("", "xy", {}) == []


def test_equally_close_ones_are_paired_by_their_places() -> None:
    equal = {one + other: 0 for one in "abc" for other in "xyz"}
    assert pairs("abc", "xyz", equal) == ["ax", "by", "cz"]
    # As near to each other: the one nearer to the beginning.
    assert pairs("abc", "y", {"ay": 0, "by": 0, "cy": 0}) == ["ay"]
    assert pairs("ab", "xy", {"ay": 0, "bx": 0}) == ["ay", "bx"]
