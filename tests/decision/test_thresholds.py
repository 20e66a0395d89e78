from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import drawn

from samesay.decision.labels import label_scores
from samesay.decision.thresholds import best_threshold, round_thresholds, threshold_table


@given(st.integers(0, 2**32), st.lists(st.floats(0.7, 1), min_size=1, max_size=10), st.floats(0.7, 1))
@settings(deadline=None)
def test_rows_count_what_is_at_or_above_the_threshold(
    seed: int, thresholds: list[float], reference: float
) -> None:
    labelled = drawn(30, 50, seed)
    before = int((labelled.non_match_scores >= np.float32(reference)).sum())
    for row in threshold_table(labelled, thresholds, reference):
        accepted = labelled.scores >= np.float32(row.threshold)
        wrong = int((accepted & ~labelled.matches).sum())
        assert row.accepted == accepted.mean()
        assert row.recall == labelled.matches[accepted].sum() / 30
        assert row.false_match_rate == wrong / 50
        assert row.precision == (labelled.matches[accepted].mean() if accepted.any() else None)
        assert row.false_recalls_saved == (
            1 - wrong / before if before else None
        ) or row.false_recalls_saved == (pytest.approx(1 - wrong / before))


def test_false_recalls_saved_are_what_the_higher_threshold_no_longer_accepts() -> None:
    labelled = label_scores([0.9, 0.77, 0.76, 0.79, 0.5], [1, 0, 0, 0, 0])
    low, high = threshold_table(labelled, [0.75, 0.78], 0.75)
    assert (low.false_recalls_saved, high.false_recalls_saved) == (0, 2 / 3)
    assert (low.recall, high.recall) == (1, 1)


def test_a_score_equal_to_the_threshold_is_accepted() -> None:
    (row,) = threshold_table(label_scores([0.7, 0.3], [1, 0]), [0.7], 0.7)
    assert (row.recall, row.precision, row.false_recalls_saved) == (1, 1, None)


def test_the_best_threshold_does_not_part_ties() -> None:
    labelled = label_scores([0.9, 0.8, 0.8, 0.8, 0.1], [1, 1, 1, 0, 0])
    assert best_threshold(labelled) == 0.8
    (row,) = threshold_table(labelled, [0.8], 0.8)
    assert (row.recall, row.precision) == (1, 0.75)


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_round_thresholds_are_few_round_and_rising(seed: int) -> None:
    labelled = drawn(30, 50, seed)
    found = round_thresholds(labelled, (0.8123,))
    assert found == sorted(set(found))
    assert 0.8123 in found
    assert 5 <= len(found) <= 27
    assert all(round(one, 3) == one for one in found if one != 0.8123)
