"""Which curve to take: cross-validated log loss, and few parameters where the difference is noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.decision.curves import Method
from samesay.decision.fitting import FITTERS
from samesay.decision.labels import LabelledScores
from samesay.decision.measures import area_under_curve, log_losses
from samesay.errors import CalibrationError

# Fewer of either kind say next to nothing about a curve.
LEAST_OF_EACH = 10
# Below this an isotonic curve follows the noise of its labels.
LEAST_FOR_ISOTONIC = 1000

_FOLDS = 5
_REPEATS = 4
_LARGE = 5000


@dataclass(frozen=True, eq=False)
class Candidate:
    """A kind of curve on pairs that it was not fitted to.

    Args:
        method: How the curve is fitted.
        log_loss: Mean over all pairs and repeats, in nats.
        behind: How much more it is than the best candidate's.
        noise: The standard error of that difference.
        probabilities: Of each pair by a curve that did not see it, shape (n,), from the first repeat.
    """

    method: Method
    log_loss: float
    behind: float
    noise: float
    probabilities: NDArray[np.float64]


def check_counts(matches: Sequence[bool]) -> None:
    """Refuse too few labels of a kind, before anything is scored.

    Raises:
        CalibrationError: The message gives the counts.
    """
    positives = sum(matches)
    negatives = len(matches) - positives
    if len(matches) >= 2 * LEAST_OF_EACH and min(positives, negatives) == 0:
        said, other = ("match", "do not") if positives else ("do not match", "do")
        raise CalibrationError(
            f"all {len(matches)} labels say that the pairs {said}; a calibration needs at least "
            f"{LEAST_OF_EACH} pairs that {other}"
        )
    if min(positives, negatives) < LEAST_OF_EACH:
        raise CalibrationError(
            f"there are {positives} matches and {negatives} non-matches; a calibration needs at least "
            f"{LEAST_OF_EACH} of each: label more pairs"
        )


def check_labels(labelled: LabelledScores) -> None:
    """Refuse labels that no calibration can be made from.

    Raises:
        CalibrationError: Too few of a kind, constant scores, or scores that do not rise with the labels.
    """
    check_counts(labelled.matches.tolist())
    if labelled.scores.min() == labelled.scores.max():
        raise CalibrationError(
            f"all {len(labelled)} scores are {labelled.scores[0]}: they tell no pair from another"
        )
    area = area_under_curve(labelled.scores, labelled.matches)
    if area <= 0.5:
        raise CalibrationError(
            f"matches do not score above non-matches (AUROC {area:.3f}, where 0.5 is chance): either the "
            "labels are turned round, or this model and mode cannot tell these pairs apart"
        )


def compare_curves(labelled: LabelledScores, seed: int = 0) -> tuple[Candidate, ...]:
    """Cross-validate the kinds of curve that this many labels allow, from few parameters to many."""
    methods = [m for m in FITTERS if m != "isotonic" or len(labelled) >= LEAST_FOR_ISOTONIC]
    generator = np.random.default_rng(seed)
    repeats = 1 if len(labelled) >= _LARGE else _REPEATS
    losses = {method: np.zeros(len(labelled)) for method in methods}
    first: dict[Method, NDArray[np.float64]] = {}
    for _ in range(repeats):
        folds = _folds(labelled.matches, generator)
        for method in methods:
            predicted = _out_of_fold(labelled, method, folds)
            losses[method] += log_losses(predicted, labelled.matches) / repeats
            first.setdefault(method, predicted)
    best = min(losses.values(), key=lambda one: float(one.mean()))
    candidates = []
    for method in methods:
        behind = losses[method] - best
        noise = float(behind.std(ddof=1) / np.sqrt(len(labelled)))
        candidates.append(
            Candidate(method, float(losses[method].mean()), float(behind.mean()), noise, first[method])
        )
    return tuple(candidates)


def choose(candidates: tuple[Candidate, ...]) -> Candidate:
    """Give the first candidate, and so the simplest, that is within one standard error of the best."""
    return next(one for one in candidates if one.behind <= one.noise)


def _folds(matches: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.int64]:
    # Each fold has its share of both kinds.
    folds = np.empty(len(matches), np.int64)
    for kind in (True, False):
        places = generator.permutation(np.flatnonzero(matches == kind))
        folds[places] = np.arange(len(places)) % _FOLDS
    return folds


def _out_of_fold(labelled: LabelledScores, method: Method, folds: NDArray[np.int64]) -> NDArray[np.float64]:
    predicted = np.empty(len(labelled))
    for fold in range(_FOLDS):
        left_out = folds == fold
        curve = FITTERS[method](labelled.scores[~left_out], labelled.matches[~left_out])
        predicted[left_out] = curve.probabilities(labelled.scores[left_out])
    return predicted
