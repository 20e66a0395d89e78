"""Which unlabelled pairs are worth a label."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from samesay.decision.bands import cosines


def suggest_pairs(scores: ArrayLike, count: int, floor: float, near: float, seed: int = 0) -> list[int]:
    """Choose unlabelled pairs whose labels would help most, without harm to a certificate.

    Pairs that score far below any threshold teach little, so the choice is among those at or above ``floor``.
    Among these it is by lot: taking only the nearest to the threshold would leave out the highest, and a
    certificate from such labels would promise too much. Labels of all pairs chosen can join the others.
    Where too few score that high, the highest of the rest join them.

    Args:
        scores: Scores of the unlabelled pairs, shape (n,).
        count: How many to choose.
        floor: The lowest score worth a label, such as the lower edge of the middle band.
        near: The threshold in question; pairs are given nearest first.
        seed: The lot.

    Returns:
        Places in ``scores``, at most ``count``.
    """
    values = cosines(scores)
    falling = np.argsort(-values, kind="stable")
    eligible = falling[: max(int(np.count_nonzero(values >= np.float32(floor))), min(count, len(values)))]
    chosen = np.random.default_rng(seed).permutation(eligible)[:count]
    return [int(place) for place in sorted(chosen, key=lambda one: (abs(values[one] - near), one))]
