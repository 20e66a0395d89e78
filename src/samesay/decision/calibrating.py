"""Making a calibration: scores, curve, certificates, bands."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from numpy.typing import NDArray

from samesay.decision.bands import Bands
from samesay.decision.calibration import Calibration, CurveLoss, Evidence
from samesay.decision.certificate import Certificate, NoCertificate
from samesay.decision.certifying import certify_false_match_rate, certify_precision, today
from samesay.decision.choosing import Candidate, check_counts, check_labels, choose, compare_curves
from samesay.decision.curves import BetaCurve, Curve, IsotonicCurve, PlattCurve, score_at
from samesay.decision.fitting import FITTERS
from samesay.decision.key import Key
from samesay.decision.labels import (
    LabelledPair,
    LabelledScores,
    distinct_pairs,
    hash_of_pairs,
    label_scores,
    parse_label,
)
from samesay.decision.measures import (
    area_under_curve,
    brier_score,
    calibration_error,
    log_loss,
    reliability,
)
from samesay.errors import CalibrationError, TruncationWarning

if TYPE_CHECKING:
    from samesay.text_model import TextModel

_CHUNK = 64


@dataclass(frozen=True)
class CalibrationSettings:
    """What a calibration is to promise, and where its bands begin.

    Args:
        alpha: The highest false-match rate; None asks for no such certificate.
        precision: The lowest precision among accepted pairs; None asks for no such certificate.
        delta: The probability that a promise is broken; each certificate has its own.
        floor: The match probability below which a pair is low.
        sure: Where there is no certificate, the match probability from which on a pair is high.
        bands: Bands of the user's own, instead of those that follow from the rest.
        seed: Of the folds of cross-validation and the parts of a precision certificate.
        note: Where the labels come from and what they do not cover; kept with the calibration.
    """

    alpha: float | None = 0.05
    precision: float | None = None
    delta: float = 0.05
    floor: float = 0.2
    sure: float = 0.9
    bands: Bands | None = None
    seed: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.floor <= self.sure < 1:
            raise CalibrationError(
                f"the floor of the middle band and the probability of the high one are {self.floor} and "
                f"{self.sure}; they must lie between 0 and 1, the floor below"
            )


def calibrate(labelled: LabelledScores, key: Key, settings: CalibrationSettings | None = None) -> Calibration:
    """Fit the curve that cross-validation chooses, certify, and set the bands.

    Raises:
        CalibrationError: See ``check_labels``.
        MissingExtraError: scipy is not installed.
    """
    settings = settings or CalibrationSettings()
    check_labels(labelled)
    made = today()
    candidates = compare_curves(labelled, settings.seed)
    chosen = choose(candidates)
    curve = cast(
        "PlattCurve | BetaCurve | IsotonicCurve", FITTERS[chosen.method](labelled.scores, labelled.matches)
    )
    outcomes = _certify(labelled, key.digest, settings, made)
    certificates = tuple(one for one in outcomes if isinstance(one, Certificate))
    return Calibration(
        key=key,
        curve=curve,
        bands=settings.bands or _bands(curve, certificates, settings),
        certificates=certificates,
        refused=tuple(one for one in outcomes if isinstance(one, NoCertificate)),
        evidence=_evidence(labelled, candidates, chosen),
        made=made,
        note=settings.note,
    )


def score_pairs(
    model: TextModel,
    pairs: Iterable[LabelledPair | tuple[str, str, object]],
    key: Key,
    *,
    cut: float | None = None,
    task: str | None = None,
    overlength: Literal["error", "truncate"] = "error",
    progress: Callable[[int], object] | None = None,
) -> LabelledScores:
    """Score labelled pairs, each pair once; see ``Calibration.fit``.

    Raises:
        CalibrationError: A label is missing or unclear, or a pair is labelled both ways.
        SamesayError: As for ``TextModel.similarity``.
    """
    given = [_labelled_pair(pair, cut, f"pair {place}") for place, pair in enumerate(pairs)]
    kept = distinct_pairs(given, symmetric=key.mode != "query-document")
    check_counts([pair.match for pair in kept])
    texts = [(pair.text_a, pair.text_b) for pair in kept]
    scores = pair_scores(model, texts, key, task=task, overlength=overlength, progress=progress)
    return label_scores(scores, [pair.match for pair in kept], data=hash_of_pairs(kept))


def pair_scores(
    model: TextModel,
    pairs: Sequence[tuple[str, str]],
    key: Key,
    *,
    task: str | None = None,
    overlength: Literal["error", "truncate"] = "error",
    progress: Callable[[int], object] | None = None,
) -> NDArray[np.float32]:
    """Give the score of each pair, shape (n,), some pairs at a time.

    Texts that are cut are told once, with ``TruncationWarning``.

    Raises:
        SamesayError: As for ``TextModel.similarity``.
    """
    scores = np.empty(len(pairs), np.float32)
    cut = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)  # told once, for all pairs together
        for begin in range(0, len(pairs), _CHUNK):
            chunk = pairs[begin : begin + _CHUNK]
            scores[begin : begin + len(chunk)] = model.similarity(
                [text_a for text_a, _ in chunk],
                [text_b for _, text_b in chunk],
                mode=key.mode,
                task=task,
                dimensions=key.identity.dimensions,
                overlength=overlength,
            )
            if overlength == "truncate":
                left = [key.left + text_a for text_a, _ in chunk]
                right = [key.right + text_b for _, text_b in chunk]
                cut += int(model.too_long(left + right).sum())
            if progress:
                progress(begin + len(chunk))
    if cut:
        message = f"{cut} of {2 * len(pairs)} texts were cut to {model.max_tokens} tokens"
        warnings.warn(message, TruncationWarning, stacklevel=2)
    return scores


def _labelled_pair(
    pair: LabelledPair | tuple[str, str, object], cut: float | None, place: str
) -> LabelledPair:
    if isinstance(pair, LabelledPair):
        return pair
    text_a, text_b, label = pair
    known = parse_label(label, cut, place)
    if known is None:
        raise CalibrationError(f"{place} has no label")
    return LabelledPair(text_a, text_b, known, place)


def _certify(
    labelled: LabelledScores, key: str, settings: CalibrationSettings, made: str
) -> list[Certificate | NoCertificate]:
    outcomes: list[Certificate | NoCertificate] = []
    if settings.alpha is not None:
        outcomes.append(
            certify_false_match_rate(labelled, settings.alpha, settings.delta, key=key, made=made)
        )
    if settings.precision is not None:
        outcomes.append(
            certify_precision(
                labelled, settings.precision, settings.delta, seed=settings.seed, key=key, made=made
            )
        )
    return outcomes


def _bands(curve: Curve, certificates: tuple[Certificate, ...], settings: CalibrationSettings) -> Bands:
    """Let the high band begin where every certificate holds and a match is more likely than not.

    Raising the threshold of a false-match rate keeps its promise. A precision is kept at its own thresholds
    only; where none of them is high enough for the rate, the rate alone is kept.
    """
    rates = [one.threshold for one in certificates if one.kind == "false-match-rate"]
    precise = [
        one
        for certificate in certificates
        if certificate.kind == "precision"
        for one in certificate.thresholds
        if one >= max(rates, default=-1.0)
    ]
    even = score_at(curve, 0.5)
    high: float | None
    if precise:
        high = min(precise)
    elif rates:
        high = None if even is None else max(rates[0], _decimal(even))
    else:
        sure = score_at(curve, settings.sure)
        high = None if sure is None else _decimal(sure)
    middle = score_at(curve, settings.floor)
    if middle is not None:
        middle = _decimal(middle)
        if high is not None and middle >= high:
            middle = None
    return Bands(high, middle, "certificate" if certificates else "probability")


def _decimal(score: float) -> float:
    # The shortest decimal of this float32.
    return float(str(np.float32(score)))


def _evidence(labelled: LabelledScores, candidates: tuple[Candidate, ...], chosen: Candidate) -> Evidence:
    matches = labelled.matches
    raw = np.clip(labelled.scores.astype(np.float64), 0, 1)
    return Evidence(
        matches=int(matches.sum()),
        non_matches=int((~matches).sum()),
        data=labelled.data,
        area=area_under_curve(labelled.scores, matches),
        log_loss=log_loss(chosen.probabilities, matches),
        brier=brier_score(chosen.probabilities, matches),
        calibration_error=calibration_error(chosen.probabilities, matches),
        raw_log_loss=log_loss(raw, matches),
        raw_brier=brier_score(raw, matches),
        raw_calibration_error=calibration_error(raw, matches),
        compared=tuple(CurveLoss(one.method, one.log_loss) for one in candidates),
        reliability=reliability(chosen.probabilities, matches),
    )
