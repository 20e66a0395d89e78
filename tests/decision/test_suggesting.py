from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from samesay.decision.suggesting import suggest_pairs

SCORES = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=60)


@given(SCORES, st.integers(1, 80), st.floats(-1, 1, width=32), st.floats(-1, 1))
def test_suggestions_are_different_pairs_nearest_first(
    scores: list[float], count: int, floor: float, near: float
) -> None:
    chosen = suggest_pairs(scores, count, floor, near)
    assert len(chosen) == len(set(chosen)) == min(count, len(scores))
    away = [abs(np.float32(scores[place]) - near) for place in chosen]
    assert away == sorted(away)
    above = sum(score >= floor for score in scores)
    assert sum(scores[place] >= floor for place in chosen) == min(count, above)


def test_pairs_high_above_the_threshold_are_as_likely_as_those_near_it() -> None:
    # A certificate from labels of the nearest alone would promise too much.
    scores = np.linspace(0, 1, 1001)
    drawn = [
        scores[place]
        for seed in range(200)
        for place in suggest_pairs(scores, 5, floor=0.5, near=0.6, seed=seed)
    ]
    assert min(drawn) >= 0.5
    shares, _ = np.histogram(drawn, bins=5, range=(0.5, 1))
    assert (np.abs(shares / len(drawn) - 0.2) < 0.05).all()


def test_the_same_pairs_are_suggested_again() -> None:
    scores = np.random.default_rng(0).uniform(-1, 1, 100)
    assert suggest_pairs(scores, 5, 0.0, 0.2) == suggest_pairs(scores, 5, 0.0, 0.2)
