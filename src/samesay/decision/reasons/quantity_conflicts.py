"""Which quantities of two texts contradict each other."""

from __future__ import annotations

from fractions import Fraction

from samesay.decision.reasons.numbers import Quantity
from samesay.decision.reasons.pairing import paired
from samesay.decision.reasons.records import Conflict
from samesay.decision.reasons.units import CURRENCIES

# Numbers given as rough may differ by that share; exact ones of one unit not at all.
ABOUT = Fraction(6, 100)


def quantity_conflicts(
    a: tuple[Quantity, ...], b: tuple[Quantity, ...], *, same_language: bool, alike: bool
) -> list[Conflict]:
    """Find the quantities that nothing in the other text agrees with, and pair those that speak of the same.

    Args:
        a: The quantities of one text.
        b: Those of the other.
        same_language: Whether the names of what is counted can be compared.
        alike: Whether the texts share most of their words otherwise.
    """
    left = [one for one in a if not any(agree(one, other) for other in b)]
    right = [one for one in b if not any(agree(other, one) for other in a)]
    alone = alike and len(left) == len(right) == 1

    def closeness(one: Quantity, other: Quantity) -> int | None:
        if not _comparable(one, other, same_language, alone):
            return None
        return _closeness(one, other, same_language)

    return [
        Conflict("number", one.span, other.span, _said(one), _said(other))
        for one, other in paired(left, right, closeness)
        if not (one.soft and other.soft)
    ]


def agree(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities can both hold of the same thing."""
    if not _same_dimension(one, other):
        return False
    if _same(one.low, other.low, one, other) and _same(one.high, other.high, one, other):
        return not (one.bound and other.bound and one.bound != other.bound)
    return _within(one, other) or _within(other, one)


def _same_dimension(one: Quantity, other: Quantity) -> bool:
    dimensions = {one.dimension, other.dimension}
    if len(dimensions) == 1:
        return True
    if "count" in dimensions:
        bare = one if one.dimension == "count" else other
        measured = (dimensions - {"count"}).pop()
        return not bare.nouns and (measured in CURRENCIES or measured == "times")
    return dimensions == {"temperature", "degrees"}


def _same(value: Fraction, other: Fraction, one: Quantity, another: Quantity) -> bool:
    tolerance = Fraction(0)
    if one.unit and another.unit and one.unit != another.unit:
        tolerance = max(one.unit.tolerance, another.unit.tolerance)
    if one.about or another.about:
        tolerance = max(tolerance, ABOUT)
    return abs(value - other) <= tolerance * max(abs(value), abs(other))


def _within(exact: Quantity, wide: Quantity) -> bool:
    """Whether an exact value lies in a range, or on the right side of a bound."""
    if exact.bound or exact.low != exact.high:
        return False
    if wide.low != wide.high:
        return wide.low <= exact.low <= wide.high
    if wide.bound == ">":
        return exact.low >= wide.low and wide.low > 0
    return False


def _comparable(one: Quantity, other: Quantity, same_language: bool, alike_and_alone: bool) -> bool:
    if one.dimension in CURRENCIES and other.dimension in CURRENCIES:
        # Of other currencies only equal figures are known to be different amounts.
        return one.dimension == other.dimension or one.low == other.low
    if not _same_dimension(one, other):
        return False
    if one.dimension not in ("count", "ordinal"):
        return True
    if one.soft or other.soft or _may_be_year(one) != _may_be_year(other):
        return bool(one.nouns & other.nouns)
    return bool(one.nouns & other.nouns) or alike_and_alone or not same_language


def _may_be_year(one: Quantity) -> bool:
    return one.dimension == "count" and 1500 <= one.low == one.high < 2100 and one.span.text.isdecimal()


def _closeness(one: Quantity, other: Quantity, same_language: bool) -> int:
    nouns = 2 * bool(one.nouns & other.nouns) if same_language else 0
    return nouns + (one.unit == other.unit) + (one.bound == other.bound)


def _said(one: Quantity) -> str:
    words = {"": "", ">": "at least ", "<": "at most "}[one.bound]
    return f"{'about ' if one.about else ''}{words}{one.shown}"
