"""Bootstrap draws as weights, the same ones for every model, so that differences are paired."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# From weights of shape (draws, n), how often each draw holds each item, to one number a draw.
Statistic = Callable[[Floats], Floats]

# Numbers in a block of weights: enough to keep NumPy busy, little enough to stay in cache and memory.
_BLOCK = 1 << 20
_SHARE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval.

    Args:
        value: On the items as they are.
        low: Where its 95 % interval begins.
        high: Where it ends.
    """

    value: float
    low: float
    high: float


def drawn(statistics: Sequence[Statistic], strata: NDArray[np.int64], draws: int, seed: int) -> Floats:
    """Give every statistic on every bootstrap draw, shape (statistics, draws).

    Items are drawn with replacement within their stratum, so that a draw has as many matches as the data.
    The draws depend on the strata, their number and the seed only.

    Args:
        statistics: What to compute.
        strata: The stratum of each item, shape (n,).
        draws: How many.
        seed: Of the draws.
    """
    values = np.empty((len(statistics), draws))
    begin = 0
    for weights in _blocks(strata, draws, seed):
        end = begin + len(weights)
        for place, statistic in enumerate(statistics):
            values[place, begin:end] = statistic(weights)
        begin = end
    return values


def on_the_data(statistic: Statistic, items: int) -> float:
    """Give a statistic on the items as they are."""
    return float(statistic(np.ones((1, items)))[0])


def estimates(
    statistics: Sequence[Statistic], strata: NDArray[np.int64], draws: int, seed: int
) -> list[Estimate]:
    """Give every statistic with its 95 % percentile interval (Efron)."""
    values = drawn(statistics, strata, draws, seed)
    return [
        estimate(on_the_data(statistic, len(strata)), row)
        for statistic, row in zip(statistics, values, strict=True)
    ]


def estimate(value: float, values: Floats) -> Estimate:
    """Give a figure with the interval that its draws span."""
    low, high = np.quantile(values, ((1 - _SHARE) / 2, (1 + _SHARE) / 2))
    return Estimate(value, float(low), float(high))


def _blocks(strata: NDArray[np.int64], draws: int, seed: int) -> Iterator[Floats]:
    generator = np.random.default_rng(seed)
    groups = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    rows = max(1, _BLOCK // max(len(strata), 1))
    for begin in range(0, draws, rows):
        count = min(rows, draws - begin)
        weights = np.empty((count, len(strata)))
        for members in groups:
            size = len(members)
            places = generator.integers(0, size, (count, size))
            places += np.arange(count)[:, None] * size
            weights[:, members] = np.bincount(places.ravel(), minlength=count * size).reshape(count, size)
        yield weights
