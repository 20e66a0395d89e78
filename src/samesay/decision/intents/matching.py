"""The answer about one text: its intent or none, the score, and other candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from samesay.decision.bands import Band
from samesay.decision.certificate import Certificate

Basis = Literal["certificate", "given", "examples", "nothing"]


@dataclass(frozen=True)
class Threshold:
    """From which score on a text gets an intent.

    Args:
        high: The lowest score of the high band, that gets an intent; None where every text gets one.
        middle: The lowest score of the middle band; None where no score is in the middle.
        basis: Whether ``high`` is certified, given by the user, what most examples reach when left out
            (uncertified), or there is none.
    """

    high: float | None
    middle: float | None
    basis: Basis

    def band(self, score: np.float32) -> Band:
        """Give the band of a score."""
        if self.high is None:
            return "uncalibrated"
        if score >= np.float32(self.high):
            return "high"
        if self.middle is not None and score >= np.float32(self.middle):
            return "middle"
        return "low"


@dataclass(frozen=True)
class Candidate:
    """An intent and how well it fits."""

    intent: str
    score: float
    band: Band


@dataclass(frozen=True)
class IntentMatch:
    """What is said about one text.

    Args:
        intent: The intent that scores best; None where its score is below the threshold: out of scope.
        score: The best score, from -1 to 1. It is no cosine of two texts.
        band: Of that score.
        candidates: The best intents, falling; equal scores in the order of the examples.
        tied: The intents that share the best score, where it is more than one.
        basis: What the threshold rests on.
        certificate: The promise that a given intent stands under; None where there is none.
    """

    intent: str | None
    score: float
    band: Band
    candidates: tuple[Candidate, ...]
    tied: tuple[str, ...]
    basis: Basis
    certificate: Certificate | None


def matches_of(
    scores: NDArray[np.float32],
    intents: tuple[str, ...],
    threshold: Threshold,
    certificate: Certificate | None,
    top: int,
) -> list[IntentMatch]:
    """Give the answer about each text.

    Args:
        scores: Of m texts for K intents, shape (m, K).
        intents: K names.
        threshold: From which score on an intent is given.
        certificate: The promise that holds there.
        top: How many candidates are named.
    """
    found = []
    for row in scores:
        order = np.argsort(-row, kind="stable")[: max(top, 1)]
        best = row[order[0]]
        band = threshold.band(best)
        given = band in ("high", "uncalibrated")
        tied = tuple(intents[place] for place in np.flatnonzero(row == best))
        found.append(
            IntentMatch(
                intent=intents[order[0]] if given else None,
                score=_decimal(best),
                band=band,
                candidates=tuple(
                    Candidate(intents[place], _decimal(row[place]), threshold.band(row[place]))
                    for place in order[:top]
                ),
                tied=tied if len(tied) > 1 else (),
                basis=threshold.basis,
                certificate=certificate if given else None,
            )
        )
    return found


def _decimal(score: np.float32) -> float:
    # The shortest decimal of this float32.
    return float(str(score))
