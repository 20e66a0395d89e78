from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from samples import drawn
from scipy.optimize import minimize

from samesay.decision.choosing import LEAST_FOR_ISOTONIC, check_labels, choose, compare_curves
from samesay.decision.curves import Curve, Method, score_at
from samesay.decision.fitting import FITTERS
from samesay.decision.labels import LabelledScores, label_scores
from samesay.decision.measures import log_loss
from samesay.errors import CalibrationError

METHODS = list(FITTERS)
# libm promises one unit in the last place, not that neighbours keep their order.
ROUNDING = 1e-12


@st.composite
def labelled_scores(draw: st.DrawFn) -> LabelledScores:
    count = draw(st.integers(4, 60))
    scores = draw(st.lists(st.floats(-1, 1, width=32), min_size=count, max_size=count))
    labels = draw(st.lists(st.booleans(), min_size=count - 2, max_size=count - 2))
    return label_scores(scores, [True, False, *labels])


@pytest.mark.parametrize("method", METHODS)
@given(labelled=labelled_scores(), asked=st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=30))
@settings(deadline=None)
def test_a_higher_score_is_never_less_probable(
    method: Method, labelled: LabelledScores, asked: list[float]
) -> None:
    curve = FITTERS[method](labelled.scores, labelled.matches)
    given_ = curve.probabilities(np.sort(np.array(asked, np.float32)))
    assert np.isfinite(given_).all()
    assert (given_ >= 0).all()
    assert (given_ <= 1).all()
    assert (np.diff(given_) >= -ROUNDING).all()


@pytest.mark.parametrize("method", METHODS)
@given(labelled=labelled_scores())
@settings(deadline=None)
def test_the_order_of_pairs_changes_nothing(method: Method, labelled: LabelledScores) -> None:
    order = np.random.default_rng(0).permutation(len(labelled))
    places = np.linspace(-1, 1, 21)
    one = FITTERS[method](labelled.scores, labelled.matches).probabilities(places)
    other = FITTERS[method](labelled.scores[order], labelled.matches[order]).probabilities(places)
    # Where the loss is flat, the last digits of the best fit are noise.
    assert one == pytest.approx(other, abs=1e-4)


@given(labelled=labelled_scores())
@settings(deadline=None, max_examples=50)
def test_a_logistic_fit_is_as_likely_as_a_general_optimiser_finds(labelled: LabelledScores) -> None:
    matches = labelled.matches
    positives, negatives = int(matches.sum()), int((~matches).sum())
    targets = np.where(matches, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    scores = labelled.scores.astype(np.float64)

    def loss(parameters: NDArray[np.float64]) -> float:
        log_odds = parameters[0] * scores + parameters[1]
        return float(np.mean(np.logaddexp(0, log_odds) - targets * log_odds))

    general = minimize(loss, [1.0, 0.0], method="L-BFGS-B", bounds=[(0, None), (None, None)])
    curve = FITTERS["platt"](labelled.scores, matches)
    odds = curve.probabilities(labelled.scores)
    ours = float(np.mean(-targets * np.log(odds) - (1 - targets) * np.log1p(-odds)))
    assert ours <= general.fun + 1e-7


@pytest.mark.parametrize("method", METHODS)
def test_classes_without_overlap_stay_short_of_certainty(method: Method) -> None:
    labelled = label_scores(np.r_[np.linspace(0.2, 0.4, 20), np.linspace(0.7, 0.9, 20)], [0] * 20 + [1] * 20)
    low, high = FITTERS[method](labelled.scores, labelled.matches).probabilities([0.2, 0.9])
    assert 0.001 < low < 0.1
    assert 0.9 < high < 0.999


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_the_shares_they_say(method: Method) -> None:
    fitted, judged = drawn(3000, 3000), drawn(3000, 3000, seed=1)
    curve = FITTERS[method](fitted.scores, fitted.matches)
    given_ = curve.probabilities(judged.scores)
    for low in np.arange(0, 1, 0.2):
        chosen = (given_ >= low) & (given_ < low + 0.2)
        assert abs(judged.matches[chosen].mean() - given_[chosen].mean()) < 0.05


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("probability", [0.05, 0.2, 0.5, 0.9])
def test_score_at_is_the_first_score_that_reaches_a_probability(method: Method, probability: float) -> None:
    labelled = drawn(500, 500)
    curve: Curve = FITTERS[method](labelled.scores, labelled.matches)
    score = score_at(curve, probability)
    assert score is not None
    below = np.nextafter(np.float32(score), np.float32(-2))
    assert curve.probabilities(score) >= probability > curve.probabilities(below)


def test_a_probability_that_is_never_reached_has_no_score() -> None:
    labelled = drawn(100, 100)
    curve = FITTERS["isotonic"](labelled.scores, labelled.matches)
    assert score_at(curve, 0.9999) is None
    assert score_at(curve, 1e-9) == -1


def test_few_labels_get_few_parameters() -> None:
    tried = compare_curves(drawn(30, 30))
    assert [one.method for one in tried] == ["platt", "beta"]
    assert choose(tried).method == "platt"
    many = compare_curves(drawn(LEAST_FOR_ISOTONIC // 2, LEAST_FOR_ISOTONIC // 2))
    assert [one.method for one in many] == ["platt", "beta", "isotonic"]
    # The scores are normal with equal spread, where the logistic curve is the truth.
    assert choose(many).method == "platt"


def test_a_shape_that_no_logistic_curve_has_is_seen_with_labels_enough() -> None:
    generator = np.random.default_rng(3)
    scores = generator.uniform(-1, 1, 4000).astype(np.float32)
    steps = np.where(scores < -0.3, 0.02, np.where(scores < 0.5, 0.5, 0.98))
    labelled = LabelledScores(scores, generator.random(4000) < steps, "")
    tried = compare_curves(labelled)
    assert choose(tried).method == "isotonic"
    assert log_loss(tried[2].probabilities, labelled.matches) < log_loss(
        tried[0].probabilities, labelled.matches
    )


def test_one_class_and_few_pairs_are_refused_with_their_numbers() -> None:
    with pytest.raises(
        CalibrationError, match=r"all 40 labels say that the pairs do not match.*at least 10 pairs that do"
    ):
        check_labels(drawn(0, 40))
    with pytest.raises(CalibrationError, match="2 matches and 1 non-matches"):
        check_labels(drawn(2, 1))


def test_constant_scores_are_refused() -> None:
    with pytest.raises(CalibrationError, match=r"all 40 scores are 0\.5"):
        check_labels(label_scores([0.5] * 40, [0, 1] * 20))


def test_labels_turned_round_are_refused() -> None:
    labelled = drawn(50, 50)
    with pytest.raises(CalibrationError, match="turned round"):
        check_labels(LabelledScores(labelled.scores, ~labelled.matches, ""))
