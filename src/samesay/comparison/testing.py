"""Whether one model is better than another on the same items, or the data cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samesay.comparison.resampling import Estimate, Floats, estimate

LEVEL = 0.05
# Draws a test, so that the smallest possible p is well below what the correction asks of it.
_DRAWS_PER_TEST = 400
_LEAST_DRAWS = 2000
_MANY_DRAWS = 20000
# Of very many tests: the smallest p times their number is then half of the level.
_FEWEST_PER_TEST = 80


@dataclass(frozen=True)
class Paired:
    """A difference on the same items.

    Args:
        difference: Of the first over the second, with its interval.
        p: How often draws from the data would show a difference this far on the other side, twice.
    """

    difference: Estimate
    p: float


def paired(first: tuple[float, Floats], second: tuple[float, Floats]) -> Paired:
    """Compare two statistics that were taken on the same bootstrap draws.

    The p-value is two-sided: twice the smaller share of draws on either side of no difference, where a draw
    without a difference counts on both and one more is added, so that it is never 0. Exchanging the two
    turns the difference round and leaves p as it is.

    Args:
        first: The value on the data, and on each draw.
        second: The same of the other.
    """
    differences = first[1] - second[1]
    draws = len(differences)
    sides = (np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    p = min(1.0, 2 * (1 + int(min(sides))) / (draws + 1))
    return Paired(estimate(first[0] - second[0], differences), p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of one family (Holm 1979).

    Where all at or below a level are called, the chance that any call is wrong is that level at most.
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * float(p_values[place])))
        adjusted[place] = highest
    return adjusted


def draws_for(tests: int) -> int:
    """Give how many draws it takes to test that many differences in one family."""
    plenty = min(max(_LEAST_DRAWS, _DRAWS_PER_TEST * tests), _MANY_DRAWS)
    return max(plenty, _FEWEST_PER_TEST * tests)
