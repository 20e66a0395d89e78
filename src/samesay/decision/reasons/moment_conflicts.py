"""Which dates and times of two texts contradict each other."""

from __future__ import annotations

from samesay.decision.reasons.dates import Moment
from samesay.decision.reasons.records import Conflict


def moment_conflicts(a: tuple[Moment, ...], b: tuple[Moment, ...]) -> list[Conflict]:
    """Pair the moments that no moment of the other text agrees with and that speak of the same fields."""
    left = [one for one in a if not any(_shares(one, other) and one.agrees(other) for other in b)]
    right = [one for one in b if not any(_shares(one, other) and one.agrees(other) for other in a)]
    pairs = sorted(
        (-len(one.fields & other.fields), abs(place - other_place), place + other_place, place, other_place)
        for place, one in enumerate(left)
        for other_place, other in enumerate(right)
        if _shares(one, other)
    )
    found = []
    used: tuple[set[int], set[int]] = (set(), set())
    for *_, place, other_place in pairs:
        if place in used[0] or other_place in used[1]:
            continue
        used[0].add(place)
        used[1].add(other_place)
        one, other = left[place], right[other_place]
        found.append(Conflict("date", one.span, other.span, one.shown, other.shown))
    return found


def _shares(one: Moment, other: Moment) -> bool:
    return bool(one.fields & other.fields)
