"""Recall and discounted gain of rankings, with bootstrap intervals over questions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrieving.corpora import Question

CUTS = (1, 3, 5, 10)
NAMES = (*(f"recall@{cut}" for cut in CUTS), "ndcg@10")
DEPTH = max(CUTS)
_DRAWS = 2000
_SEED = 0
Judged = NDArray[np.float64]


def judged(questions: Sequence[Question], rankings: Sequence[Sequence[str]]) -> Judged:
    """Give the measures of each ranking, in the order of ``NAMES``; shape (questions, measures).

    Recall is the share of the answering documents among the first ones; gain is binary.
    """
    discounts = 1 / np.log2(np.arange(2, DEPTH + 2))
    rows = []
    for question, ranking in zip(questions, rankings, strict=True):
        hits = np.array([one in question.answers for one in ranking[:DEPTH]] + [False] * DEPTH)[:DEPTH]
        recalls = [hits[:cut].sum() / len(question.answers) for cut in CUTS]
        rows.append([*recalls, discounts[hits].sum() / discounts[: len(question.answers)].sum()])
    return np.array(rows)


def summary(values: Judged) -> dict[str, object]:
    """Give the mean of each measure with the ends of its 95 % interval."""
    means, low, high = _interval(values)
    return {
        "questions": len(values),
        **{
            name: [round(float(one), 4) for one in (means[place], low[place], high[place])]
            for place, name in enumerate(NAMES)
        },
    }


def difference(values: Judged, others: Judged) -> dict[str, object]:
    """Give by how much the first is better in each measure, question by question, with 95 % intervals."""
    return summary(values - others)


def recall(values: Judged, cut: int) -> float:
    """Give the mean recall at a cut."""
    return float(values[:, CUTS.index(cut)].mean())


def _interval(values: Judged) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    generator = np.random.default_rng(_SEED)
    draws = generator.multinomial(len(values), np.full(len(values), 1 / len(values)), _DRAWS)
    low, high = np.quantile(draws @ values / len(values), (0.025, 0.975), axis=0)
    return values.mean(axis=0), low, high
