"""Curves from a score to the probability that two texts match. Each rises, or stays, as the score rises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Method = Literal["platt", "beta", "isotonic"]

# Beta calibration takes logarithms of a score moved to 0..1: the ends are as far as a float32 can tell.
_EDGE = 1e-7


class Curve(Protocol):
    """A fitted curve."""

    @property
    def method(self) -> Method:
        """How it was fitted."""

    def probabilities(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Give the probability of a match at each score, in the shape of the scores."""


@dataclass(frozen=True)
class PlattCurve:
    """A logistic curve: 1 / (1 + exp(-(slope * score + intercept))), slope >= 0 (Platt 1999)."""

    slope: float
    intercept: float
    method: Literal["platt"] = "platt"

    def probabilities(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Give the probability of a match at each score."""
        return sigmoid(self.slope * np.asarray(scores, np.float64) + self.intercept)


@dataclass(frozen=True)
class BetaCurve:
    """The beta curve of Kull, Silva Filho and Flach (2017) over x = (1 + score) / 2.

    Its log odds are a * ln(x) - b * ln(1 - x) + c, with a, b >= 0.
    """

    a: float
    b: float
    c: float
    method: Literal["beta"] = "beta"

    def probabilities(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Give the probability of a match at each score."""
        rising, falling = beta_features(np.asarray(scores, np.float64))
        return sigmoid(self.a * rising + self.b * falling + self.c)


@dataclass(frozen=True)
class IsotonicCurve:
    """A curve through points with straight lines between them, level before the first and after the last.

    Args:
        scores: Where the points are, rising.
        values: The probability at each, not falling.
    """

    scores: tuple[float, ...]
    values: tuple[float, ...]
    method: Literal["isotonic"] = "isotonic"

    def probabilities(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Give the probability of a match at each score."""
        return np.asarray(np.interp(np.asarray(scores, np.float64), self.scores, self.values), np.float64)


def beta_features(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give ln(x) and -ln(1 - x) of x = (1 + score) / 2, both rising with the score."""
    x = np.clip((1 + scores) / 2, _EDGE, 1 - _EDGE)
    return np.log(x), -np.log1p(-x)


def sigmoid(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the probability of log odds, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * log_odds)), np.float64)


def score_at(curve: Curve, probability: float) -> float | None:
    """Give the lowest float32 score from -1 to 1 whose probability reaches ``probability``, or None."""
    low, high = np.float32(-1), np.float32(1)
    if float(curve.probabilities(high)) < probability:
        return None
    if float(curve.probabilities(low)) >= probability:
        return float(low)
    while (middle := np.float32((float(low) + float(high)) / 2)) not in (low, high):
        if float(curve.probabilities(middle)) >= probability:
            high = middle
        else:
            low = middle
    return float(high)
