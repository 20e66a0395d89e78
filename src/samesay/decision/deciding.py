"""Which calibration speaks about scores of a key, and what it says of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from samesay.checkpoint.prompts import PairMode
from samesay.decision.bands import Bands, Decision, cosines, uncalibrated
from samesay.decision.calibration import Calibration
from samesay.decision.key import Key, key_of
from samesay.decision.shipped import shipped_calibration

if TYPE_CHECKING:
    from samesay.decision.reasons.records import ConflictKind
    from samesay.text_model import Overlength, TextModel


@dataclass(frozen=True)
class Decider:
    """What decides about scores of one key.

    Args:
        key: What the scores are of.
        calibration: What gives them probabilities, or None.
        bands: Bands of the user's own where there is no calibration, or None.
        reason: Why scores stay uncalibrated; None where they do not.
    """

    key: Key
    calibration: Calibration | None
    bands: Bands | None
    reason: str | None

    def decide(self, scores: ArrayLike) -> list[Decision]:
        """Give the decision about each score.

        Raises:
            CalibrationError: A score is not a cosine.
        """
        if self.calibration is not None:
            return self.calibration.decide(scores, self.key)
        if self.bands is None:
            return uncalibrated(scores)
        return [Decision(float(score), None, self.bands.of(score)) for score in cosines(scores)]

    def about(self) -> dict[str, object]:
        """Give what stands behind its decisions, for JSON.

        ``calibration`` is null, or has the day, the note, where the bands begin, and the certificate of the
        high band; ``uncalibrated`` is null, or says why scores are no more than that.
        """
        bands = self.bands if self.calibration is None else self.calibration.bands
        about: dict[str, object] = {"bands": None if bands is None else asdict(bands), "calibration": None}
        if self.calibration is not None:
            certificate = self.calibration.certificate_of_high
            about["calibration"] = {
                "made": self.calibration.made,
                "note": self.calibration.note,
                "certificate": None if certificate is None else asdict(certificate),
            }
        return about | {"uncalibrated": self.reason}


def decider_for(key: Key, calibration: Calibration | None = None, bands: Bands | None = None) -> Decider:
    """Choose what decides about scores of a key.

    Args:
        key: What the scores are of.
        calibration: A calibration for them; by default the one that comes with samesay, where it fits.
        bands: Bands of the user's own, instead of those of the calibration.

    Raises:
        CalibrationKeyError: The calibration is for other scores.
    """
    if calibration is not None:
        calibration.require(key)
    found = shipped_calibration(key) if calibration is None else calibration
    if found is not None:
        return Decider(
            key, found if bands is None else found.with_bands(bands.high, bands.middle), None, None
        )
    reason = None
    if bands is None:
        reason = (
            f"there is no calibration for scores of {key}; samesay calibrate makes one from labelled pairs"
        )
    return Decider(key, None, bands, reason)


def decide(
    model: TextModel,
    left: str | Sequence[str],
    right: str | Sequence[str],
    *,
    calibration: Calibration | None = None,
    bands: Bands | None = None,
    demote_on: Collection[ConflictKind] = (),
    mode: PairMode = "symmetric",
    task: str | None = None,
    dimensions: int | None = None,
    overlength: Overlength = "error",
) -> list[Decision]:
    """Score pairs and decide about each.

    Args:
        model: The model.
        left: n texts; the queries where the mode tells sides apart.
        right: n texts.
        calibration: What scores mean; by default the calibration that comes with samesay, where it fits.
            Without one, decisions are ``"uncalibrated"``.
        bands: Bands of one's own, instead of those of the calibration.
        demote_on: Kinds of conflict that put a pair one band lower; see ``reasons.CONFLICT_KINDS``.
        mode: As for ``TextModel.similarity``.
        task: As for ``TextModel.similarity``.
        dimensions: As for ``TextModel.similarity``.
        overlength: As for ``TextModel.similarity``.

    Raises:
        CalibrationKeyError: The calibration is for other scores.
        SamesayError: As for ``TextModel.similarity``.
    """
    decider = decider_for(key_of(model, mode=mode, task=task, dimensions=dimensions), calibration, bands)
    lefts = [left] if isinstance(left, str) else list(left)
    rights = [right] if isinstance(right, str) else list(right)
    scores = model.similarity(
        lefts, rights, mode=mode, task=task, dimensions=dimensions, overlength=overlength
    )
    decisions = decider.decide(scores)
    if not demote_on:
        return decisions
    from samesay.decision.reasons import demote, find_conflicts

    return [
        demote(decision, find_conflicts(text_a, text_b), demote_on)
        for decision, text_a, text_b in zip(decisions, lefts, rights, strict=True)
    ]
