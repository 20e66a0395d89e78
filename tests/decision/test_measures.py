from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import drawn

from samesay.decision.measures import (
    area_under_curve,
    brier_score,
    calibration_error,
    log_loss,
    reliability,
)

PAIRS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80)


@given(PAIRS)
def test_bins_hold_every_pair_once_and_give_the_error(pairs: list[tuple[float, bool]]) -> None:
    probabilities = np.array([one for one, _ in pairs])
    matches = np.array([match for _, match in pairs])
    bins = reliability(probabilities, matches)
    assert sum(one.pairs for one in bins) == len(pairs)
    assert sum(one.matches for one in bins) == matches.sum()
    assert all(one.low - 1e-9 <= one.predicted <= one.high + 1e-9 for one in bins if one.pairs)
    gaps = sum(abs(one.matches - one.pairs * one.predicted) for one in bins)
    assert calibration_error(probabilities, matches) == pytest.approx(gaps / len(pairs))


def test_measures_of_known_cases() -> None:
    matches = np.array([True, False, True, False])
    certain = matches.astype(float)
    assert log_loss(certain, matches) == brier_score(certain, matches) == 0
    assert calibration_error(certain, matches) == 0
    half = np.full(4, 0.5)
    assert log_loss(half, matches) == pytest.approx(np.log(2))
    assert brier_score(half, matches) == 0.25
    assert calibration_error(half, matches) == 0
    assert calibration_error(1 - certain, matches) == 1
    assert np.isfinite(log_loss(1 - certain, matches))


def test_the_area_is_the_share_of_pairs_of_pairs_in_order() -> None:
    labelled = drawn(40, 60)
    wins = labelled.match_scores[:, None] - labelled.non_match_scores
    assert area_under_curve(labelled.scores, labelled.matches) == pytest.approx(
        ((np.sign(wins) + 1) / 2).mean()
    )
    assert area_under_curve(np.zeros(4), np.array([True, False, False, True])) == 0.5
