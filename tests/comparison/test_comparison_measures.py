from __future__ import annotations

import numpy as np
import pytest
from comparison_samples import scores_and_matches
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import pearsonr, rankdata, spearmanr

from samesay.comparison import measures
from samesay.comparison.resampling import Statistic, on_the_data
from samesay.decision.certifying import certify_false_match_rate
from samesay.decision.labels import LabelledScores, label_scores
from samesay.decision.measures import area_under_curve
from samesay.decision.thresholds import best_threshold

# Few values, so that many tie.
TIED = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=4, max_size=40).filter(
    lambda pairs: 0 < sum(match for _, match in pairs) < len(pairs)
)


def arrays(pairs: list[tuple[int, bool]]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    scores = np.array([score / 5 for score, _ in pairs], np.float32)
    return scores, np.array([match for _, match in pairs])


def repeated(statistic: Statistic, weights: NDArray[np.int64]) -> float:
    return float(statistic(weights[None].astype(np.float64))[0])


@given(TIED)
def test_area_counts_ties_half(pairs: list[tuple[int, bool]]) -> None:
    scores, matches = arrays(pairs)
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in scores[matches] for b in scores[~matches]]
    found = on_the_data(measures.area_under_curve(scores, matches), len(scores))
    assert found == pytest.approx(np.mean(wins))
    assert found == pytest.approx(area_under_curve(scores, matches))


def test_area_of_scores_that_are_all_equal_is_chance() -> None:
    scores, matches = np.full(10, 0.5, np.float32), np.arange(10) < 3
    assert on_the_data(measures.area_under_curve(scores, matches), 10) == pytest.approx(0.5)
    assert on_the_data(measures.average_precision(scores, matches), 10) == pytest.approx(0.3)


@given(TIED)
def test_average_precision_takes_ties_together(pairs: list[tuple[int, bool]]) -> None:
    scores, matches = arrays(pairs)
    by_hand, before = 0.0, 0.0
    for level in np.unique(scores)[::-1]:
        accepted = scores >= level
        recall = matches[accepted].sum() / matches.sum()
        by_hand += (recall - before) * matches[accepted].mean()
        before = float(recall)
    assert on_the_data(measures.average_precision(scores, matches), len(scores)) == pytest.approx(by_hand)


@given(TIED)
def test_best_threshold_is_that_of_the_calibration(pairs: list[tuple[int, bool]]) -> None:
    scores, matches = arrays(pairs)
    labelled = LabelledScores(scores, matches, "")
    found = on_the_data(measures.best_f1_threshold(scores, matches), len(scores))
    assert found == pytest.approx(best_threshold(labelled), abs=1e-6)
    accepted = scores >= np.float32(found)
    f1 = 2 * matches[accepted].sum() / (accepted.sum() + matches.sum())
    assert on_the_data(measures.best_f1(scores, matches), len(scores)) == pytest.approx(f1)


def test_certified_recall_is_the_share_of_matches_above_the_certificate() -> None:
    scores, matches = scores_and_matches(400, 1, 2.0)
    scores = np.tanh(scores)
    certificate = certify_false_match_rate(label_scores(scores, list(matches)))
    assert hasattr(certificate, "threshold")
    above = scores[matches] >= np.float32(certificate.threshold)
    # 200 non-matches allow five errors at 0.05 with confidence 0.95, by the exact binomial.
    assert int((scores[~matches] >= np.float32(certificate.threshold)).sum()) <= 5
    allowed = int((scores[~matches] >= np.float32(certificate.threshold)).sum())
    found = on_the_data(measures.recall_with_allowed(scores, matches, allowed), len(scores))
    assert found == pytest.approx(above.mean())


@given(TIED)
def test_correlations_are_those_of_scipy(pairs: list[tuple[int, bool]]) -> None:
    scores = arrays(pairs)[0]
    grades = np.array([(7 * place) % 4 for place in range(len(pairs))], float)
    found = on_the_data(measures.spearman(scores, grades), len(scores))
    if len(np.unique(scores)) == 1 or len(np.unique(grades)) == 1:
        assert found == 0
        return
    assert found == pytest.approx(spearmanr(rankdata(scores), rankdata(grades)).statistic, abs=1e-9)
    linear = on_the_data(measures.pearson(scores, grades), len(scores))
    assert linear == pytest.approx(pearsonr(scores.astype(float), grades).statistic, abs=1e-6)


@settings(max_examples=60)
@given(TIED, st.data())
def test_a_weight_is_the_same_as_so_many_copies(pairs: list[tuple[int, bool]], data: st.DataObject) -> None:
    scores, matches = arrays(pairs)
    copies = st.lists(st.integers(0, 3), min_size=len(pairs), max_size=len(pairs))
    weights = np.array(data.draw(copies))
    places = np.repeat(np.arange(len(pairs)), weights)
    if not 0 < matches[places].sum() < len(places):
        return
    grades = (np.arange(len(pairs)) % 3).astype(np.float64)
    drawn, their = scores[places], matches[places]
    allowed = int((~their).sum()) - 1
    compared: list[tuple[Statistic, Statistic]] = [
        (make(scores, matches), make(drawn, their))
        for make in (
            measures.area_under_curve,
            measures.average_precision,
            measures.best_f1,
            measures.best_f1_threshold,
        )
    ]
    compared += [
        (measures.spearman(scores, grades), measures.spearman(drawn, grades[places])),
        (measures.mean_where(scores, matches), measures.mean_where(drawn, their)),
        (
            measures.recall_with_allowed(scores, matches, allowed),
            measures.recall_with_allowed(drawn, their, allowed),
        ),
    ]
    for weighted, copied in compared:
        assert repeated(weighted, weights) == pytest.approx(on_the_data(copied, len(places)), abs=1e-9)


def test_roc_points_enclose_the_area() -> None:
    scores, matches = scores_and_matches(300, 2, 1.0)
    wrong, right = measures.roc_points(scores.round(1), matches)
    assert (wrong[0], right[0], wrong[-1], right[-1]) == (0, 0, 1, 1)
    assert (np.diff(wrong) >= 0).all()
    assert (np.diff(right) >= 0).all()
    area = float(((right[1:] + right[:-1]) / 2 * np.diff(wrong)).sum())
    assert area == pytest.approx(area_under_curve(scores.round(1), matches))
