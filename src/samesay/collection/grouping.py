"""The best of each group of values that stand together, and the best groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
Places = NDArray[np.int64]


def group_starts(owners: NDArray[np.int64]) -> Places:
    """Give the places at which the owner changes, the first included; each owner's values stand together."""
    return np.flatnonzero(np.concatenate([np.ones(min(1, len(owners)), np.bool_), owners[1:] != owners[:-1]]))


def group_maxima(values: Values, starts: Places) -> Values:
    """Give the largest value of each group; shape (groups,)."""
    return np.maximum.reduceat(values, starts) if len(starts) else values[:0]


def places_of_maxima(values: Values, starts: Places, chosen: Places, maxima: Values) -> Places:
    """Give the first place of the largest value of some groups.

    Args:
        values: Shape (n,).
        starts: Where each group begins, shape (groups,).
        chosen: Which groups.
        maxima: The largest value of each of these, shape (chosen,).
    """
    if not len(chosen):
        return chosen
    begins = starts[chosen]
    sizes = np.append(starts[1:], len(values))[chosen] - begins
    offsets = np.cumsum(sizes) - sizes
    places = np.arange(sizes.sum()) + np.repeat(begins - offsets, sizes)
    equal = np.flatnonzero(values[places] == np.repeat(maxima, sizes))
    result: Places = places[equal[np.searchsorted(equal, offsets)]]
    return result


def best_with_ties(keys: Values, count: int) -> Places:
    """Give the places of the ``count`` largest keys, ascending, and of all that tie with the last of them."""
    if len(keys) <= count:
        return np.arange(len(keys))
    least = np.partition(keys, len(keys) - count)[len(keys) - count]
    return np.flatnonzero(keys >= least)
