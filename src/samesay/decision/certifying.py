"""Certifying a threshold from labelled scores.

Whatever the scores and labels look like, a promise that does not hold is issued with probability delta at
most, where the labelled pairs are independent draws of the pairs that decisions are for.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from samesay.decision.binomial import (
    allowed_errors,
    at_most,
    check_share,
    least_trials,
    lower_bound,
    upper_bound,
)
from samesay.decision.certificate import Certificate, NoCertificate
from samesay.decision.labels import LabelledScores

# The part of the labels that only says where a precision may be worth testing.
EXPLORED = 0.2

# Thresholds tested one after the other, at most.
_STEPS = 40
# Fewer accepted pairs say too little to plan with.
_LEAST_TO_PLAN = 10
# Thresholds that are planned for, at most.
_PLANNED = 12
_MANY = 10_000_000


def certify_false_match_rate(
    labelled: LabelledScores,
    alpha: float = 0.05,
    delta: float = 0.05,
    *,
    key: str = "",
    made: str | None = None,
) -> Certificate | NoCertificate:
    """Find the lowest threshold that at most the share ``alpha`` of non-matches reaches.

    Of m labelled non-matches the largest k with P(Binomial(m, alpha) <= k) <= delta may be accepted, and the
    threshold is the next float32 above the (k + 1)-th highest of their scores. Non-matches that tie with it
    are left out together. The rate falls as the threshold rises, so this one test is enough, and all
    non-matches serve it.

    Args:
        labelled: Labelled scores; only the non-matches carry the promise.
        alpha: The highest false-match rate.
        delta: The probability of a broken promise.
        key: The digest of the key that the scores are of.
        made: The day, YYYY-MM-DD; today by default.

    Raises:
        CalibrationError: alpha or delta is not between 0 and 1.
    """
    check_share(alpha, "alpha")
    check_share(delta, "delta")
    falling = np.sort(labelled.non_match_scores)[::-1]
    m = len(falling)
    allowed = allowed_errors(m, alpha, delta)
    if allowed < 0:
        needed = least_trials(0, alpha, delta)
        message = (
            f"a false-match rate of {alpha:.4g} with {1 - delta:.4g} confidence takes {needed} labelled "
            f"non-matches and there are {m}: label {needed - m} more"
        )
        return NoCertificate("false-match-rate", alpha, delta, "too few labels", message, needed - m)
    threshold = np.nextafter(falling[allowed], np.float32(np.inf))
    best = labelled.match_scores.max(initial=-np.inf)
    if best < threshold:
        return _no_false_match_rate(labelled, alpha, delta, float(threshold), float(best))
    return Certificate(
        kind="false-match-rate",
        target=alpha,
        delta=delta,
        threshold=shortest(threshold),
        thresholds=(shortest(threshold),),
        n=m,
        errors=int(np.count_nonzero(falling >= threshold)),
        bound=upper_bound(allowed, m, delta),
        made=made or today(),
        data=labelled.data,
        key=key,
    )


def certify_precision(
    labelled: LabelledScores,
    target: float,
    delta: float = 0.05,
    *,
    seed: int = 0,
    key: str = "",
    made: str | None = None,
) -> Certificate | NoCertificate:
    """Find a low threshold above which at least the share ``target`` of pairs matches.

    Precision need not rise with the threshold, so one test is not enough: this is fixed-sequence testing as
    in Learn then Test (Angelopoulos et al., arXiv 2110.01052). A part of the labels chosen at random gives
    the thresholds and the one to begin with. On the other part each is tested in turn, downwards, by the
    exact binomial test at level delta, up to the first that fails. All that passed hold together.

    Args:
        labelled: Labelled scores of pairs drawn as they will be met: precision depends on how many match.
        target: The lowest precision.
        delta: The probability of a broken promise.
        seed: Which random part is used for what. Trying several and keeping the best breaks the promise.
        key: As for ``certify_false_match_rate``.
        made: As for ``certify_false_match_rate``.

    Raises:
        CalibrationError: target or delta is not between 0 and 1.
    """
    check_share(target, "the precision")
    check_share(delta, "delta")
    explored = np.zeros(len(labelled), bool)
    order = np.random.default_rng(seed).permutation(len(labelled))
    explored[order[: round(EXPLORED * len(labelled))]] = True
    sequence = _sequence(labelled.scores[explored], labelled.matches[explored], target)
    scores, matches = labelled.scores[~explored], labelled.matches[~explored]
    certified: list[np.float32] = []
    counts = (0, 0)
    for threshold in sequence:
        accepted = scores >= threshold
        n = int(np.count_nonzero(accepted))
        errors = int(np.count_nonzero(accepted & ~matches))
        if n == 0 or at_most(errors, n, 1 - target) > delta:
            break
        certified.append(threshold)
        counts = (n, errors)
    if not certified:
        return _no_precision(labelled, target, delta)
    n, errors = counts
    return Certificate(
        kind="precision",
        target=target,
        delta=delta,
        threshold=shortest(certified[-1]),
        thresholds=tuple(map(shortest, certified)),
        n=n,
        errors=errors,
        bound=lower_bound(n - errors, n, delta),
        made=made or today(),
        data=labelled.data,
        key=key,
    )


def shortest(score: np.floating) -> float:
    """Give the shortest decimal that is this float32 to the bit."""
    return float(str(np.float32(score)))


def today() -> str:
    """Give the day in UTC, YYYY-MM-DD."""
    return datetime.now(timezone.utc).date().isoformat()


def _sequence(scores: NDArray[np.float32], matches: NDArray[np.bool_], target: float) -> NDArray[np.float32]:
    """Give the thresholds to test, falling, from the one that looks surest on these scores."""
    candidates = np.unique(scores)[::-1]
    if len(candidates) > _STEPS:
        candidates = candidates[np.linspace(0, len(candidates) - 1, _STEPS).round().astype(int)]
    rising = np.sort(scores)
    wrong = np.sort(scores[~matches])
    accepted = len(rising) - np.searchsorted(rising, candidates)
    errors = len(wrong) - np.searchsorted(wrong, candidates)
    chances = [at_most(int(e), int(n), 1 - target) for e, n in zip(errors, accepted, strict=True)]
    return candidates[int(np.argmin(chances)) :] if chances else candidates


def _no_false_match_rate(
    labelled: LabelledScores, alpha: float, delta: float, threshold: float, best: float
) -> NoCertificate:
    m = int(np.count_nonzero(~labelled.matches))
    above = int(np.count_nonzero(labelled.non_match_scores >= best)) if np.isfinite(best) else m
    needed = _trials_for(above / m, alpha, delta)
    said = (
        f"a false-match rate of {alpha:.4g} takes a threshold of {threshold:.4f}, which none of the "
        f"{int(labelled.matches.sum())} labelled matches reaches"
    )
    if needed is None or needed <= m:
        message = f"{said}: these non-matches score as high as the matches, and more labels will not help"
        return NoCertificate("false-match-rate", alpha, delta, "out of reach", message, None)
    message = f"{said}; with about {needed - m} more labelled non-matches it may be lower"
    return NoCertificate("false-match-rate", alpha, delta, "too few labels", message, needed - m)


def _no_precision(labelled: LabelledScores, target: float, delta: float) -> NoCertificate:
    """Say what stands in the way of a precision, and estimate how many labels would remove it."""
    order = np.argsort(-labelled.scores, kind="stable")
    errors = np.cumsum(~labelled.matches[order])
    accepted = np.arange(1, len(order) + 1)
    # A threshold cannot part pairs that tie.
    ends = np.flatnonzero(
        np.append(np.diff(labelled.scores[order]) != 0, True) & (accepted >= _LEAST_TO_PLAN)
    )
    best = float((1 - errors[ends] / accepted[ends]).max(initial=0))
    needed = _MANY
    for place in ends[np.linspace(0, len(ends) - 1, min(len(ends), _PLANNED)).astype(int)]:
        n, wrong = int(accepted[place]), int(errors[place])
        trials = _trials_for(wrong / n, 1 - target, delta)
        if trials is not None:
            needed = min(needed, math.ceil(trials * len(order) / n / (1 - EXPLORED)))
    asked = f"a precision of {target:.4g} with {1 - delta:.4g} confidence"
    if needed == _MANY:
        message = f"{asked} is out of reach: the best precision of the labelled pairs is {best:.3f}"
        if len(order) < 2 * _LEAST_TO_PLAN:
            message = f"{asked} cannot be shown with {len(order)} labelled pairs"
        return NoCertificate("precision", target, delta, "out of reach", message, None)
    further = max(needed - len(order), math.ceil(0.1 * len(order)))
    message = f"{asked} could not be shown with {len(order)} labelled pairs: about {further} more may do"
    return NoCertificate("precision", target, delta, "too few labels", message, further)


def _trials_for(rate: float, target: float, delta: float) -> int | None:
    """Estimate how many trials show a rate below ``target`` when it is ``rate``, five times in six."""
    if rate >= target:
        return None

    def enough(trials: int) -> bool:
        expected = trials * rate + math.sqrt(trials * rate * (1 - rate))
        return allowed_errors(trials, target, delta) >= expected

    high = least_trials(0, target, delta)
    while not enough(high):
        high *= 2
        if high > _MANY:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
