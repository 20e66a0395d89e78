"""How good probabilities are: log loss, Brier score, calibration error, and the bins of a diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]
Matches = NDArray[np.bool_]

BINS = 10
# A probability of 0 that comes true would cost infinitely much.
_LEAST = 1e-12


@dataclass(frozen=True)
class ReliabilityBin:
    """Pairs with probabilities of one tenth of the scale.

    Args:
        low: Where the bin begins.
        high: Where it ends.
        pairs: How many pairs are in it.
        matches: How many of them match.
        predicted: Their mean probability; 0 where there are none.
    """

    low: float
    high: float
    pairs: int
    matches: int
    predicted: float

    @property
    def observed(self) -> float:
        """The share that matches; 0 where there are no pairs."""
        return self.matches / self.pairs if self.pairs else 0.0


def log_losses(probabilities: Probabilities, matches: Matches) -> NDArray[np.float64]:
    """Give the loss of each pair, in nats."""
    given = np.where(matches, probabilities, 1 - probabilities)
    return np.asarray(-np.log(np.clip(given, _LEAST, 1)), np.float64)


def log_loss(probabilities: Probabilities, matches: Matches) -> float:
    """Give the mean loss of the pairs, in nats."""
    return float(log_losses(probabilities, matches).mean())


def brier_score(probabilities: Probabilities, matches: Matches) -> float:
    """Give the mean square of probability minus outcome."""
    return float(np.mean((probabilities - matches) ** 2))


def reliability(probabilities: Probabilities, matches: Matches) -> tuple[ReliabilityBin, ...]:
    """Sort the pairs into ten bins of equal width by their probability."""
    place = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    pairs = np.bincount(place, minlength=BINS)
    matching = np.bincount(place, weights=matches, minlength=BINS)
    means = np.bincount(place, weights=probabilities, minlength=BINS) / np.maximum(pairs, 1)
    return tuple(
        ReliabilityBin(i / BINS, (i + 1) / BINS, int(pairs[i]), int(matching[i]), float(means[i]))
        for i in range(BINS)
    )


def calibration_error(probabilities: Probabilities, matches: Matches) -> float:
    """Give the expected calibration error: |observed - predicted| over ten bins, weighed by their pairs."""
    bins = reliability(probabilities, matches)
    return sum(one.pairs * abs(one.observed - one.predicted) for one in bins) / len(probabilities)


def area_under_curve(scores: NDArray[np.floating], matches: Matches) -> float:
    """Give the probability that a match scores above a non-match; ties count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(matches.sum())
    negatives = len(matches) - positives
    return float((ranks[matches].sum() - positives * (positives + 1) / 2) / (positives * negatives))
