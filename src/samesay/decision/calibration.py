"""A calibration: what the scores of one key mean, and what can be promised about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samesay.checkpoint.prompts import PairMode
from samesay.decision.bands import Bands, Decision, cosines
from samesay.decision.certificate import Certificate, NoCertificate
from samesay.decision.curves import BetaCurve, IsotonicCurve, Method, PlattCurve
from samesay.decision.key import Key, require_same_key
from samesay.decision.labels import LabelledPair, LabelledScores
from samesay.decision.measures import ReliabilityBin
from samesay.errors import CalibrationError

if TYPE_CHECKING:
    from samesay.decision.calibrating import CalibrationSettings
    from samesay.text_model import TextModel


@dataclass(frozen=True)
class CurveLoss:
    """The cross-validated log loss of one kind of curve, in nats."""

    method: Method
    log_loss: float


@dataclass(frozen=True)
class Evidence:
    """What a calibration rests on. All figures are of pairs that the curve was not fitted to.

    Args:
        matches: Labelled matches.
        non_matches: Labelled non-matches.
        data: SHA-256 of the labelled pairs.
        area: The probability that a match scores above a non-match.
        log_loss: In nats.
        brier: The Brier score.
        calibration_error: The expected calibration error over ten bins.
        raw_log_loss: The log loss of the cosine itself, taken for a probability.
        raw_brier: Its Brier score.
        raw_calibration_error: Its expected calibration error.
        compared: The kinds of curve that were tried.
        reliability: The bins of the reliability diagram.
    """

    matches: int
    non_matches: int
    data: str
    area: float
    log_loss: float
    brier: float
    calibration_error: float
    raw_log_loss: float
    raw_brier: float
    raw_calibration_error: float
    compared: tuple[CurveLoss, ...]
    reliability: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class Calibration:
    """From the scores of one key to probabilities, bands and promises.

    Applying it takes NumPy only; making one takes the extra ``decisions``.

    Args:
        key: What scores it is for.
        curve: From a score to a probability.
        bands: Where the bands begin.
        certificates: The promises that could be given.
        refused: Those that could not, and why.
        evidence: What it rests on.
        made: The day, YYYY-MM-DD.
        note: Where the labels come from and what they do not cover, for people.
    """

    key: Key
    curve: PlattCurve | BetaCurve | IsotonicCurve
    bands: Bands
    certificates: tuple[Certificate, ...]
    refused: tuple[NoCertificate, ...]
    evidence: Evidence
    made: str
    note: str = ""

    @classmethod
    def fit(
        cls,
        model: TextModel,
        pairs: Iterable[LabelledPair | tuple[str, str, object]],
        *,
        cut: float | None = None,
        mode: PairMode = "symmetric",
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Literal["error", "truncate"] = "error",
        settings: CalibrationSettings | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> Calibration:
        """Score labelled pairs with a model and calibrate its scores.

        Args:
            model: The model whose scores it will be for.
            pairs: Labelled pairs, or (text_a, text_b, label); copies of a pair count once.
            cut: The grade from which on two texts match, where labels are grades.
            mode: As for ``TextModel.similarity``.
            task: As for ``TextModel.similarity``.
            dimensions: As for ``TextModel.similarity``.
            overlength: As for ``TextModel.similarity``.
            settings: What is to be promised, and where bands begin.
            progress: Called with the number of pairs scored.

        Raises:
            CalibrationError: The labels are too few, of one kind, contradictory or not labels.
            MissingExtraError: The extra ``decisions`` is not installed.
            SamesayError: As for ``TextModel.similarity``.
        """
        from samesay.decision.calibrating import calibrate, score_pairs
        from samesay.decision.key import key_of

        key = key_of(model, mode=mode, task=task, dimensions=dimensions)
        labelled = score_pairs(
            model, pairs, key, cut=cut, task=task, overlength=overlength, progress=progress
        )
        return calibrate(labelled, key, settings)

    @classmethod
    def fit_scores(
        cls, labelled: LabelledScores, key: Key, settings: CalibrationSettings | None = None
    ) -> Calibration:
        """Calibrate scores that are there already; ``label_scores`` checks them.

        Raises:
            CalibrationError: As for ``fit``.
            MissingExtraError: As for ``fit``.
        """
        from samesay.decision.calibrating import calibrate

        return calibrate(labelled, key, settings)

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Read a calibration file.

        Raises:
            CalibrationFileError: It cannot be read, was changed, or is of a newer samesay.
        """
        from samesay.decision.calibration_file import read_calibration

        return read_calibration(Path(path))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write a calibration file, whole or not at all.

        Raises:
            OutputFileError: The name does not end in ``.calibration.json``, the file exists, or it cannot
                be written.
        """
        from samesay.decision.calibration_file import write_calibration

        write_calibration(self, Path(path), overwrite=overwrite)

    def require(self, key: Key) -> None:
        """Refuse scores of another key.

        Raises:
            CalibrationKeyError: The message names both keys and what they differ in.
        """
        require_same_key(self.key, key)

    def probabilities(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Give the probability of a match at each score, shape (n,); the caller vouches for the key.

        Raises:
            CalibrationError: A score is not a cosine.
        """
        return self.curve.probabilities(cosines(scores))

    def decide(self, scores: ArrayLike, key: Key) -> list[Decision]:
        """Give the decision about each score of that key.

        Raises:
            CalibrationKeyError: The scores are of another key.
            CalibrationError: A score is not a cosine.
        """
        self.require(key)
        values = cosines(scores)
        promise = self.certificate_of_high
        decisions = []
        for score, probability in zip(values, self.curve.probabilities(values).tolist(), strict=True):
            band = self.bands.of(score)
            decisions.append(Decision(float(score), probability, band, promise if band == "high" else None))
        return decisions

    @property
    def certificate_of_high(self) -> Certificate | None:
        """The promise that holds where the high band begins: of a precision if there is one, or of a rate."""
        found = self.certificates_at(self.bands.high)
        return next((one for one in found if one.kind == "precision"), next(iter(found), None))

    def certificates_at(self, threshold: float | None) -> tuple[Certificate, ...]:
        """Give the promises that hold for pairs at or above a threshold."""
        if threshold is None:
            return ()
        return tuple(one for one in self.certificates if one.covers(threshold))

    def with_bands(self, high: float | None, middle: float | None) -> Calibration:
        """Give the same calibration with bands of the user's own."""
        from dataclasses import replace

        if high is None and middle is None:
            raise CalibrationError("bands need at least one edge")
        return replace(self, bands=Bands(high, middle, "given"))
