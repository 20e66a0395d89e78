"""Promises about a threshold, and why one could not be given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["false-match-rate", "precision"]
Reason = Literal["too few labels", "out of reach"]


@dataclass(frozen=True)
class Certificate:
    """A promise about all pairs that score at or above a threshold.

    ``"false-match-rate"``: of the pairs that do not match, at most the share ``target`` is accepted.
    ``"precision"``: of the accepted pairs, at least the share ``target`` matches. Either holds with
    confidence 1 - ``delta`` over the drawing of the labelled pairs, for pairs that are drawn as they were.

    Args:
        kind: What is promised.
        target: The share that is promised, alpha of a false-match rate.
        delta: The probability that the labelled pairs mislead.
        threshold: A pair is accepted where its score is at or above this float32 number.
        thresholds: All thresholds that the promise was shown for at once, falling; a false-match rate
            holds above ``threshold`` everywhere, a precision only at these.
        n: The pairs that it rests on: non-matches, or accepted pairs of the part kept for the proof.
        errors: The non-matches among them at or above the threshold.
        bound: The exact bound on the share at this threshold alone, with the same confidence.
        made: The day, as YYYY-MM-DD.
        data: SHA-256 of the labelled pairs.
        key: The digest of the key that the scores are of.
    """

    kind: Kind
    target: float
    delta: float
    threshold: float
    thresholds: tuple[float, ...]
    n: int
    errors: int
    bound: float
    made: str
    data: str
    key: str

    def covers(self, threshold: float) -> bool:
        """Whether the promise holds for pairs at or above that threshold."""
        if self.kind == "false-match-rate":
            return threshold >= self.threshold
        return threshold in self.thresholds

    def __str__(self) -> str:
        confidence = f"with {1 - self.delta:.4g} confidence"
        if self.kind == "false-match-rate":
            promise = (
                f"at most {self.target:.4g} of non-matches score {self.threshold:.4f} or more, {confidence}"
            )
            return f"{promise} ({self.errors} of {self.n} labelled non-matches do; bound {self.bound:.4f})"
        promise = (
            f"at least {self.target:.4g} of pairs that score {self.threshold:.4f} or more match, {confidence}"
        )
        return f"{promise} ({self.n - self.errors} of {self.n} kept apart do; bound {self.bound:.4f})"


@dataclass(frozen=True)
class NoCertificate:
    """Why a promise is not given.

    Args:
        kind: What was to be promised.
        target: The share that was asked for.
        delta: The probability of being misled that was asked for.
        reason: Whether more labels would help.
        message: The same for people, with the numbers.
        further: About how many more labels it takes (for a false-match rate: of non-matches); None where
            no number of them is likely to help.
    """

    kind: Kind
    target: float
    delta: float
    reason: Reason
    message: str
    further: int | None
