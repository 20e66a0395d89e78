"""What each threshold would have done to the labelled pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samesay.decision.labels import LabelledScores

_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
_ROWS = 24


@dataclass(frozen=True)
class ThresholdRow:
    """The labelled pairs as one threshold parts them; a pair is accepted at or above it.

    Args:
        threshold: A float32 score.
        precision: Share of matches among the accepted; None where nothing is accepted.
        recall: Share of the matches that is accepted.
        false_match_rate: Share of the non-matches that is accepted.
        accepted: Share of all pairs that is accepted.
        false_recalls_saved: Share of the non-matches accepted at the reference that is no longer accepted,
            negative where more are; None where the reference accepts none.
    """

    threshold: float
    precision: float | None
    recall: float
    false_match_rate: float
    accepted: float
    false_recalls_saved: float | None


def threshold_table(
    labelled: LabelledScores, thresholds: Sequence[float], reference: float
) -> list[ThresholdRow]:
    """Give a row for each threshold, compared with the threshold ``reference``."""
    matches, others = np.sort(labelled.match_scores), np.sort(labelled.non_match_scores)

    def counts(threshold: float) -> tuple[int, int]:
        edge = np.float32(threshold)
        right, wrong = (len(s) - int(np.searchsorted(s, edge)) for s in (matches, others))
        return right, wrong

    _, before = counts(reference)
    rows = []
    for threshold in thresholds:
        right, wrong = counts(threshold)
        rows.append(
            ThresholdRow(
                threshold,
                right / (right + wrong) if right + wrong else None,
                right / max(len(matches), 1),
                wrong / max(len(others), 1),
                (right + wrong) / max(len(labelled), 1),
                (before - wrong) / before if before else None,
            )
        )
    return rows


def best_threshold(labelled: LabelledScores) -> float:
    """Give the threshold with the best F1 on the labelled pairs; of equal ones the highest."""
    falling = np.argsort(-labelled.scores, kind="stable")
    scores, right = labelled.scores[falling], np.cumsum(labelled.matches[falling])
    f1 = 2 * right / (np.arange(1, len(scores) + 1) + right[-1])
    f1[:-1][scores[1:] == scores[:-1]] = 0  # a threshold cannot part pairs that tie
    return float(str(scores[int(np.argmax(f1))]))


def round_thresholds(labelled: LabelledScores, also: Sequence[float] = ()) -> list[float]:
    """Give round thresholds over the range of the scores, and those of ``also``, rising."""
    # Few scores far down would leave the range that matters to a row or two.
    low, high = np.quantile(labelled.scores.astype(np.float64), (0.01, 1))
    step = next((one for one in _STEPS if (high - low) / one <= _ROWS), _STEPS[-1])
    first, last = int(np.floor(low / step)), int(np.floor(high / step))
    return sorted({round(place * step, 3) for place in range(first, last + 1)} | set(also))
