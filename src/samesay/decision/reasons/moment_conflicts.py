"""Which dates and times of two texts contradict each other."""

from __future__ import annotations

from samesay.decision.reasons.dates import Moment
from samesay.decision.reasons.pairing import paired
from samesay.decision.reasons.records import Conflict


def moment_conflicts(a: tuple[Moment, ...], b: tuple[Moment, ...]) -> list[Conflict]:
    """Pair the moments that no moment of the other text agrees with and that speak of the same fields."""
    left = [one for one in a if not any(_shares(one, other) and one.agrees(other) for other in b)]
    right = [one for one in b if not any(_shares(one, other) and one.agrees(other) for other in a)]
    return [
        Conflict("date", one.span, other.span, one.shown, other.shown)
        for one, other in paired(left, right, lambda one, other: len(one.fields & other.fields) or None)
    ]


def _shares(one: Moment, other: Moment) -> bool:
    return bool(one.fields & other.fields)
