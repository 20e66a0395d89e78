"""The pairs that models place most differently."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from samesay.comparison.data import PairSet
from samesay.comparison.report import Disagreement

MOST = 8


def disagreements(
    data: PairSet, scores: Mapping[str, NDArray[np.float32]], *, with_texts: bool, most: int = MOST
) -> list[Disagreement]:
    """Give the pairs with the widest spread of ranks over the models, widest first.

    Scores of two models are not on one scale: what is compared is the share of the set's pairs that a model
    scores lower.

    Args:
        data: The pairs.
        scores: Of each model by its label, shape (n,).
        with_texts: Whether to give the texts with them.
        most: How many to give.
    """
    if len(scores) < 2:
        return []
    labels = tuple(scores)
    ranks = np.array([_ranks(one) for one in scores.values()])
    spread = ranks.max(axis=0) - ranks.min(axis=0)
    widest = np.argsort(-spread, kind="stable")[:most]
    return [
        Disagreement(
            data=data.name,
            place=data.places[place],
            text_a=data.left[place] if with_texts else None,
            text_b=data.right[place] if with_texts else None,
            label=float(data.grades[place]),
            models=labels,
            scores=tuple(float(str(one[place])) for one in scores.values()),
            ranks=tuple(float(one) for one in ranks[:, place]),
        )
        for place in widest
        if spread[place] > 0
    ]


def _ranks(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give the share of scores below each, those equal to it counted half."""
    rising = np.sort(scores)
    below, through = np.searchsorted(rising, scores), np.searchsorted(rising, scores, side="right")
    return np.asarray((below + through) / (2 * len(scores)), np.float64)
