"""Measures of pairs, computed on all bootstrap draws at once.

Each function prepares the scores once and gives a statistic: from weights of shape (draws, n) to one number
a draw. With weights of one it is the measure on the data. Ties count as they do in the field: half for the
area, together for precision, mean ranks for Spearman.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.comparison.resampling import Floats, Statistic

Scores = NDArray[np.float32]
Matches = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Falling:
    """Items by falling score, and where each group of equal scores begins."""

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    levels: Floats
    matches: Floats

    def groups(self, weights: Floats) -> tuple[Floats, Floats]:
        """Give the weight of matches and of all items in each group, shape (draws, groups)."""
        sorted_weights = weights[:, self.order]
        everything = np.add.reduceat(sorted_weights, self.starts, axis=1)
        matching = np.add.reduceat(sorted_weights * self.matches, self.starts, axis=1)
        return matching, everything


def mean_where(scores: Scores, chosen: Matches) -> Statistic:
    """Give the mean score of the chosen pairs."""
    values, mask = np.where(chosen, scores, 0).astype(np.float64), chosen.astype(np.float64)
    return lambda weights: np.asarray((weights @ values) / (weights @ mask))


def mean_of(values: Floats) -> Statistic:
    """Give the mean of a value that each item has, such as 1 where a query is answered."""
    return lambda weights: np.asarray((weights @ values) / weights.sum(axis=1))


def area_under_curve(scores: Scores, matches: Matches) -> Statistic:
    """Give the probability that a match scores above a non-match; ties count half."""
    falling = _falling(scores, matches)

    def statistic(weights: Floats) -> Floats:
        matching, everything = falling.groups(weights)
        others = everything - matching
        above = np.cumsum(others, axis=1) - others / 2
        total = others.sum(axis=1)
        return np.asarray(1 - (matching * above).sum(axis=1) / (matching.sum(axis=1) * total))

    return statistic


def average_precision(scores: Scores, matches: Matches) -> Statistic:
    """Give the mean precision over the matches, where a threshold takes equal scores together."""
    falling = _falling(scores, matches)

    def statistic(weights: Floats) -> Floats:
        matching, everything = falling.groups(weights)
        right, accepted = np.cumsum(matching, axis=1), np.cumsum(everything, axis=1)
        return np.asarray((matching * right / np.maximum(accepted, 1)).sum(axis=1) / right[:, -1])

    return statistic


def best_f1(scores: Scores, matches: Matches) -> Statistic:
    """Give the highest F1 that any threshold reaches."""
    falling = _falling(scores, matches)
    return lambda weights: _f1(falling, weights).max(axis=1)


def best_f1_threshold(scores: Scores, matches: Matches) -> Statistic:
    """Give the threshold of the best F1; of equal ones the highest."""
    falling = _falling(scores, matches)
    return lambda weights: falling.levels[_f1(falling, weights).argmax(axis=1)]


def recall_with_allowed(scores: Scores, matches: Matches, allowed: int) -> Statistic:
    """Give the share of matches above the (allowed + 1)-th highest non-match: what a certificate accepts.

    Args:
        scores: Shape (n,).
        matches: Shape (n,), with more than ``allowed`` non-matches.
        allowed: Non-matches that may score higher.
    """
    falling = _falling(scores, matches)

    def statistic(weights: Floats) -> Floats:
        matching, everything = falling.groups(weights)
        others = np.cumsum(everything - matching, axis=1)
        edge = (others > allowed).argmax(axis=1)
        right = np.cumsum(matching, axis=1)
        rows = np.arange(len(weights))
        return np.asarray((right[rows, edge] - matching[rows, edge]) / right[:, -1])

    return statistic


def spearman(scores: Scores, grades: Floats) -> Statistic:
    """Give Spearman's rank correlation, equal values with their mean rank."""
    rank_scores, rank_grades = _ranks(scores), _ranks(grades)
    return lambda weights: _correlation(weights, rank_scores(weights), rank_grades(weights))


def pearson(scores: Scores, grades: Floats) -> Statistic:
    """Give Pearson's correlation."""
    a, b = scores.astype(np.float64)[None], grades[None]
    return lambda weights: _correlation(weights, a, b)


def roc_points(scores: Scores, matches: Matches) -> tuple[Floats, Floats]:
    """Give false-match rate and recall at every threshold, rising from 0 to 1."""
    falling = _falling(scores, matches)
    matching, everything = falling.groups(np.ones((1, len(scores))))
    right, wrong = np.cumsum(matching[0]), np.cumsum(everything[0] - matching[0])
    zero = np.zeros(1)
    return np.concatenate([zero, wrong / wrong[-1]]), np.concatenate([zero, right / right[-1]])


def _falling(scores: Scores, matches: Matches) -> _Falling:
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.append(True, np.diff(ordered) != 0))
    return _Falling(order, starts, ordered[starts].astype(np.float64), matches[order].astype(np.float64))


def _f1(falling: _Falling, weights: Floats) -> Floats:
    matching, everything = falling.groups(weights)
    right = np.cumsum(matching, axis=1)
    accepted = np.cumsum(everything, axis=1)
    f1: Floats = 2 * right / (accepted + right[:, -1:])
    return f1


def _ranks(values: NDArray[np.floating]) -> Statistic:
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(values[order]) != 0))
    group = np.empty(len(values), np.int64)
    group[order] = np.searchsorted(starts, np.arange(len(values)), side="right") - 1

    def statistic(weights: Floats) -> Floats:
        sizes = np.add.reduceat(weights[:, order], starts, axis=1)
        middle = np.cumsum(sizes, axis=1) - sizes / 2
        return np.asarray(middle[:, group], np.float64)

    return statistic


def _correlation(weights: Floats, a: Floats, b: Floats) -> Floats:
    total = weights.sum(axis=1, keepdims=True)
    a = a - (weights * a).sum(axis=1, keepdims=True) / total
    b = b - (weights * b).sum(axis=1, keepdims=True) / total
    together = (weights * a * b).sum(axis=1)
    spread = np.sqrt((weights * a * a).sum(axis=1) * (weights * b * b).sum(axis=1))
    # Constant scores correlate with nothing.
    return np.asarray(np.divide(together, spread, out=np.zeros_like(together), where=spread > 0))
