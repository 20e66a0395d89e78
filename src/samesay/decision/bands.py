"""Bands, and the decision about one pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samesay.decision.certificate import Certificate
from samesay.errors import CalibrationError

Band = Literal["high", "middle", "low", "uncalibrated"]
BandSource = Literal["certificate", "probability", "given"]


@dataclass(frozen=True)
class Bands:
    """Where the bands begin. A score belongs to a band where it is at or above its float32 edge.

    Args:
        high: The lowest score of the high band; None where no score is high.
        middle: The lowest score of the middle band; None where no score is in the middle.
        source: Whether the high band begins where a certificate allows, where the probability is high
            enough, or where the user said.
    """

    high: float | None
    middle: float | None
    source: BandSource = "given"

    def __post_init__(self) -> None:
        for name, edge in (("high", self.high), ("middle", self.middle)):
            if edge is not None and not -1 <= edge <= 1:
                raise CalibrationError(f"the {name} band begins at {edge}; a score is from -1 to 1")
        if self.high is not None and self.middle is not None and self.middle > self.high:
            raise CalibrationError(
                f"the middle band begins at {self.middle}, above the high band at {self.high}; swap them"
            )

    def of(self, score: float | np.floating) -> Literal["high", "middle", "low"]:
        """Give the band of a score."""
        if self.high is not None and np.float32(score) >= np.float32(self.high):
            return "high"
        if self.middle is not None and np.float32(score) >= np.float32(self.middle):
            return "middle"
        return "low"


@dataclass(frozen=True)
class Decision:
    """What is said about one pair.

    Args:
        score: The cosine.
        probability: That the two texts match; None where it is not known.
        band: ``"high"``, ``"middle"``, ``"low"``, or ``"uncalibrated"``.
        certificate: The promise that this high band stands under; None where there is none.
        demoted_from: The band before conflicts lowered it; None where none did.
    """

    score: float
    probability: float | None
    band: Band
    certificate: Certificate | None = None
    demoted_from: Band | None = None

    @property
    def calibrated(self) -> bool:
        """Whether the band means anything."""
        return self.band != "uncalibrated"


def uncalibrated(scores: ArrayLike) -> list[Decision]:
    """Give decisions that say no more than the scores, where there is no calibration for them."""
    return [Decision(score, None, "uncalibrated") for score in cosines(scores).tolist()]


def cosines(scores: ArrayLike) -> NDArray[np.float32]:
    """Give scores as a row of float32.

    Raises:
        CalibrationError: One of them is not a cosine.
    """
    values = np.atleast_1d(np.asarray(scores, np.float32))
    if not (np.abs(values) <= 1.001).all():
        wrong = values[~(np.abs(values) <= 1.001)][0]
        raise CalibrationError(f"a score is {wrong}; a score is a cosine, from -1 to 1")
    return values
