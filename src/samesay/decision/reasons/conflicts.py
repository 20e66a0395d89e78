"""All checks for conflicts together."""

from __future__ import annotations

from samesay.decision.reasons.dates import moments_of
from samesay.decision.reasons.folding import folded
from samesay.decision.reasons.moment_conflicts import moment_conflicts
from samesay.decision.reasons.names import Name, name_conflicts, names_of
from samesay.decision.reasons.numbers import quantities_of
from samesay.decision.reasons.polarity import polarity_conflicts
from samesay.decision.reasons.quantity_conflicts import quantity_conflicts
from samesay.decision.reasons.reading import read
from samesay.decision.reasons.records import Conflict
from samesay.decision.reasons.words import overlap

# Longer texts are read to here only, and of each kind of finding so many are compared, so that the time stays
# bounded.
LONGEST = 4000
MOST = 100
_ALIKE = 0.5


def find_conflicts(text_a: str, text_b: str) -> tuple[Conflict, ...]:
    """Find what two texts cannot both mean: numbers, dates, negation, antonyms, names.

    English, Chinese, or one of each; no model is needed, and it takes about a millisecond for two
    sentences. Of a long text the first 4,000 characters are read. It supposes that the texts speak of the
    same: for two unrelated texts what it finds means nothing.

    Returns:
        The conflicts in the order of the first text. Exchanging the texts mirrors each of them; a text has
        none with itself.
    """
    if folded(text_a).split() == folded(text_b).split():
        return ()
    if text_a > text_b:
        # One order for both, so that exchanging the texts cannot change what is found.
        return tuple(sorted((one.mirrored() for one in _found(text_b, text_a)), key=_order))
    return tuple(sorted(_found(text_a, text_b), key=_order))


def _order(one: Conflict) -> tuple[int, int, int, int, str]:
    return one.a.begin, one.a.end, one.b.begin, one.b.end, one.kind


def _found(text_a: str, text_b: str) -> list[Conflict]:
    text_a, text_b = text_a[:LONGEST], text_b[:LONGEST]
    moments = moments_of(text_a)[:MOST], moments_of(text_b)[:MOST]
    dates = [tuple((one.span.begin, one.span.end) for one in side) for side in moments]
    codes = names_of(text_a, dates[0])[:MOST], names_of(text_b, dates[1])[:MOST]
    taken = [(*dates[side], *_coded(codes[side])) for side in (0, 1)]
    quantities = quantities_of(text_a, taken[0])[:MOST], quantities_of(text_b, taken[1])[:MOST]
    measured = [
        (*taken[side], *((one.span.begin, one.span.end) for one in quantities[side])) for side in (0, 1)
    ]
    a, b = read(text_a, measured[0], MOST), read(text_b, measured[1], MOST)
    alike = a.han == b.han and overlap(a.words, b.words) >= _ALIKE
    found = moment_conflicts(*moments)
    found += quantity_conflicts(*quantities, same_language=a.han == b.han, alike=alike)
    found += polarity_conflicts(a, b)
    found += name_conflicts(a, b, *codes)
    return found


def _coded(names: tuple[Name, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((one.span.begin, one.span.end) for one in names if one.has_digits)
