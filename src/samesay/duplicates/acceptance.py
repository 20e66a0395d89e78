"""From which score on two texts count as the same, and what can be promised of that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from samesay.decision.calibration import Calibration
from samesay.decision.certificate import Certificate
from samesay.decision.key import Key
from samesay.decision.shipped import shipped_calibration
from samesay.errors import DuplicatesError


@dataclass(frozen=True)
class Acceptance:
    """A threshold, and what stands behind it.

    Args:
        threshold: A pair is accepted where its score is at or above this float32 number.
        certificates: The promises that hold there; none where it is uncertified.
        calibration: The calibration that it is from, or that speaks of it; None where none fits.
    """

    threshold: float
    certificates: tuple[Certificate, ...]
    calibration: Calibration | None

    @property
    def certified(self) -> bool:
        """Whether anything is promised."""
        return bool(self.certificates)


def acceptance(
    key: Key, calibration: Calibration | None = None, threshold: float | None = None
) -> Acceptance:
    """Choose the threshold for scores of a key.

    Args:
        key: What the scores are of.
        calibration: Whose high band counts; by default the one that comes with samesay, where it fits.
        threshold: A score of the user's own, instead; promises hold where they cover it.

    Raises:
        CalibrationKeyError: The calibration is for other scores.
        DuplicatesError: There is neither a threshold nor a calibration that has one.
    """
    if calibration is not None:
        calibration.require(key)
    known = shipped_calibration(key) if calibration is None else calibration
    if threshold is not None:
        if not -1 <= threshold <= 1:
            raise DuplicatesError(f"the threshold is {threshold}; a score is a cosine, from -1 to 1")
        edge = float(str(np.float32(threshold)))
        return Acceptance(edge, () if known is None else known.certificates_at(edge), known)
    if known is None:
        raise DuplicatesError(
            f"no calibration is for scores of {key}, so nothing says from which score on texts are the same: "
            "make one from labelled pairs (samesay calibrate) and give it (--calibration), or give a "
            "threshold (--threshold)"
        )
    if known.bands.high is None:
        raise DuplicatesError(
            "the calibration has no high band: on its labels no score was sure enough; label more pairs, or "
            "give a threshold (--threshold)"
        )
    return Acceptance(known.bands.high, known.certificates_at(known.bands.high), known)
