"""Fitting curves to labelled scores, by maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from samesay.decision.curves import (
    BetaCurve,
    Curve,
    IsotonicCurve,
    Method,
    PlattCurve,
    beta_features,
    sigmoid,
)
from samesay.errors import MissingExtraError

Scores = NDArray[np.float32]
Matches = NDArray[np.bool_]

_STEPS = 100
_HALVINGS = 40
_FLAT = 1e-10

Fitter = Callable[[Scores, Matches], Curve]


def fit_platt(scores: Scores, matches: Matches) -> PlattCurve:
    """Fit a logistic curve, of two parameters."""
    (slope,), intercept = _logistic((scores.astype(np.float64),), matches)
    return PlattCurve(slope, intercept)


def fit_beta(scores: Scores, matches: Matches) -> BetaCurve:
    """Fit a beta curve, of three parameters; both slopes are kept at 0 or above, so that it never falls."""
    (a, b), c = _logistic(beta_features(scores.astype(np.float64)), matches)
    return BetaCurve(a, b, c)


def fit_isotonic(scores: Scores, matches: Matches) -> IsotonicCurve:
    """Fit a curve that only has to rise.

    Its ends are kept as far from 0 and 1 as n labels can tell: by 1 / (n + 2).
    """
    try:
        from scipy.optimize import isotonic_regression
    except ImportError:
        raise MissingExtraError("calibrating", "decisions") from None
    places, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    shares = np.bincount(inverse, weights=matches) / counts
    fitted = isotonic_regression(shares, weights=counts.astype(np.float64))
    least = 1 / (len(scores) + 2)
    values = np.clip(fitted.x, least, 1 - least)
    # Of a level stretch the two ends say all.
    kept = np.ones(len(values), bool)
    kept[1:-1] = (values[1:-1] != values[:-2]) | (values[1:-1] != values[2:])
    return IsotonicCurve(tuple(map(float, places[kept])), tuple(map(float, values[kept])))


# From few parameters to many.
FITTERS: Mapping[Method, Fitter] = MappingProxyType(
    {"platt": fit_platt, "beta": fit_beta, "isotonic": fit_isotonic}
)


def _logistic(features: tuple[NDArray[np.float64], ...], matches: Matches) -> tuple[tuple[float, ...], float]:
    """Fit log odds that are linear in the features, with slopes of 0 or above; give slopes and intercept.

    The targets are Platt's: a little inside 0 and 1, so that classes without overlap have a finite best fit.
    The loss is convex, so where a slope would be negative the best fit has some slopes at 0: with one or two
    features every choice of these is tried.
    """
    columns = np.stack(features)
    centers, spreads = columns.mean(1), columns.std(1)
    spreads[spreads == 0] = 1
    scaled = (columns - centers[:, None]) / spreads[:, None]
    positives = int(matches.sum())
    negatives = len(matches) - positives
    targets = np.where(matches, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    every = tuple(range(len(features)))
    found = _newton(scaled, targets)
    if found[1][:-1].min() < 0:
        fewer = [kept for size in range(len(every)) for kept in combinations(every, size)]
        fits = [(kept, *_newton(scaled[list(kept)], targets)) for kept in fewer]
        kept, loss, parameters = min(
            (fit for fit in fits if fit[2][:-1].min(initial=0) >= 0), key=lambda fit: fit[1]
        )
        spread_out = np.zeros(len(features) + 1)
        spread_out[[*kept, -1]] = parameters
        found = (loss, spread_out)
    slopes = found[1][:-1] / spreads
    return tuple(map(float, slopes)), float(found[1][-1] - (slopes * centers).sum())


def _newton(features: NDArray[np.float64], targets: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Give the least mean cross entropy and the slopes and intercept that reach it.

    Newton's method, with halved steps where a whole one does not lower the loss. Written out because
    cross-validation fits hundreds of curves of two or three parameters.
    """
    rows = np.vstack([features, np.ones(features.shape[1])])
    parameters = np.zeros(len(rows))
    parameters[-1] = np.log(targets.mean() / (1 - targets.mean()))
    loss, log_odds = _loss(rows, targets, parameters)
    for _ in range(_STEPS):
        given = sigmoid(log_odds)
        # Not with @: on rows this short the threads of a matrix library cost more than they save.
        gradient = np.einsum("pn,n->p", rows, given - targets) / len(targets)
        if np.abs(gradient).max() < _FLAT:
            break
        curvature = np.einsum("pn,n,qn->pq", rows, given * (1 - given), rows) / len(targets)
        step = np.linalg.solve(curvature + 1e-12 * np.eye(len(rows)), gradient)
        for _ in range(_HALVINGS):
            new_loss, new_log_odds = _loss(rows, targets, parameters - step)
            if new_loss <= loss:
                break
            step /= 2
        else:
            break
        parameters, loss, log_odds = parameters - step, new_loss, new_log_odds
    return loss, parameters


def _loss(
    rows: NDArray[np.float64], targets: NDArray[np.float64], parameters: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    log_odds = np.einsum("p,pn->n", parameters, rows)
    return float(np.mean(np.logaddexp(0, log_odds) - targets * log_odds)), log_odds
