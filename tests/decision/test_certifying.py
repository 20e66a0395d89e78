from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from samples import drawn

from samesay.decision.binomial import allowed_errors, at_most, least_trials
from samesay.decision.certificate import Certificate, NoCertificate
from samesay.decision.certifying import EXPLORED, certify_false_match_rate, certify_precision
from samesay.decision.labels import LabelledScores, label_scores
from samesay.errors import CalibrationError

# Few values, so that ties are the rule.
TIED = st.lists(st.sampled_from([round(0.05 * i, 2) for i in range(20)]), min_size=1, max_size=150)


def labelled_of(matches: list[float], others: list[float]) -> LabelledScores:
    return label_scores([*matches, *others], [True] * len(matches) + [False] * len(others))


@given(TIED, TIED, st.sampled_from([0.05, 0.1, 0.3]), st.sampled_from([0.05, 0.2]))
@settings(deadline=None)
def test_no_more_non_matches_are_accepted_than_the_rule_allows(
    matches: list[float], others: list[float], alpha: float, delta: float
) -> None:
    labelled = labelled_of(matches, others)
    allowed = allowed_errors(len(others), alpha, delta)
    outcome = certify_false_match_rate(labelled, alpha, delta)
    if isinstance(outcome, NoCertificate):
        if allowed < 0:
            assert outcome.reason == "too few labels"
            assert outcome.further == least_trials(0, alpha, delta) - len(others)
        else:
            # The threshold would be above the highest match.
            boundary = sorted(labelled.non_match_scores, reverse=True)[allowed]
            assert max(labelled.match_scores) <= boundary
        return
    accepted = labelled.non_match_scores >= np.float32(outcome.threshold)
    assert accepted.sum() == outcome.errors <= allowed
    assert outcome.n == len(others)
    assert outcome.bound <= alpha
    # It is the lowest such threshold: one step of float32 down, ties and all, too many are accepted.
    below = np.nextafter(np.float32(outcome.threshold), np.float32(-2))
    assert (labelled.non_match_scores >= below).sum() > allowed


def test_pairs_that_tie_with_the_boundary_are_left_out_together() -> None:
    others = [0.9, *[0.8] * 5, *[0.1] * 118]  # 124 of them allow two
    outcome = certify_false_match_rate(labelled_of([0.95, 0.85], others))
    assert isinstance(outcome, Certificate)
    assert outcome.errors == 1
    assert np.float32(outcome.threshold) == np.nextafter(np.float32(0.8), np.float32(1))


def test_too_few_non_matches_say_how_many_more() -> None:
    outcome = certify_false_match_rate(drawn(200, 40))
    assert isinstance(outcome, NoCertificate)
    assert (outcome.reason, outcome.further) == ("too few labels", 19)
    assert "takes 59 labelled non-matches and there are 40: label 19 more" in outcome.message
    assert isinstance(certify_false_match_rate(drawn(200, 40 + 19)), Certificate)


def test_non_matches_as_high_as_the_best_match_are_out_of_reach() -> None:
    outcome = certify_false_match_rate(labelled_of([0.5] * 50, [0.9] * 30 + [0.1] * 70))
    assert isinstance(outcome, NoCertificate)
    assert (outcome.reason, outcome.further) == ("out of reach", None)
    assert "none of the 50 labelled matches reaches" in outcome.message


def test_more_non_matches_can_bring_a_rate_within_reach_and_as_many_as_said_do() -> None:
    # One non-match in 60 scores above every match; 60 of them allow no error.
    outcome = certify_false_match_rate(labelled_of([0.5] * 50, [0.9] + [0.1] * 59))
    assert isinstance(outcome, NoCertificate)
    assert outcome.reason == "too few labels"
    assert outcome.further is not None
    times = -(-(60 + outcome.further) // 60)
    again = certify_false_match_rate(labelled_of([0.5] * 50, ([0.9] + [0.1] * 59) * times))
    assert isinstance(again, Certificate)


@given(st.integers(0, 2**32), st.integers(20, 400), st.sampled_from([0.6, 0.8, 0.9]))
@settings(deadline=None, max_examples=60)
def test_a_certified_precision_passed_its_test_on_labels_that_did_not_choose_it(
    seed: int, count: int, target: float
) -> None:
    labelled = drawn(count, count, seed)
    outcome = certify_precision(labelled, target)
    if isinstance(outcome, NoCertificate):
        assert outcome.further is None or outcome.further > 0
        return
    assert outcome.n <= round((1 - EXPLORED) * len(labelled))
    assert at_most(outcome.errors, outcome.n, 1 - target) <= outcome.delta
    assert outcome.bound >= target - 1e-12
    assert list(outcome.thresholds) == sorted(outcome.thresholds, reverse=True)
    assert outcome.threshold == outcome.thresholds[-1]
    accepted = labelled.scores >= np.float32(outcome.threshold)
    assert outcome.n <= accepted.sum()


def test_fewer_accepted_than_the_rule_needs_certify_no_precision() -> None:
    outcome = certify_precision(labelled_of([0.9] * 60, [0.1] * 60), 0.95)
    assert isinstance(outcome, NoCertificate)  # 48 of 60 are kept for the proof, and 59 are needed
    assert outcome.reason == "too few labels"
    assert outcome.further is not None
    enough = 60 + outcome.further
    assert isinstance(certify_precision(labelled_of([0.9] * enough, [0.1] * enough), 0.95), Certificate)


def test_a_precision_above_that_of_any_threshold_is_out_of_reach() -> None:
    mixed = [0.1 + 0.004 * place for place in range(200)]
    outcome = certify_precision(labelled_of(mixed, mixed), 0.9)
    assert isinstance(outcome, NoCertificate)
    assert (outcome.reason, outcome.further) == ("out of reach", None)
    assert "the best precision of the labelled pairs is 0." in outcome.message


def test_the_same_labels_and_seed_give_the_same_certificate() -> None:
    labelled = drawn(300, 300)
    one, other = (certify_precision(labelled, 0.8, seed=1, made="2026-01-01") for _ in range(2))
    assert one == other


@pytest.mark.parametrize(("alpha", "delta"), [(0, 0.05), (0.05, 1), (-1, 0.05), (float("nan"), 0.05)])
def test_shares_outside_0_to_1_are_refused(alpha: float, delta: float) -> None:
    with pytest.raises(CalibrationError, match="between 0 and 1"):
        certify_false_match_rate(drawn(50, 50), alpha, delta)
    with pytest.raises(CalibrationError, match="between 0 and 1"):
        certify_precision(drawn(50, 50), alpha, delta)


def test_a_certificate_covers_what_it_was_shown_for() -> None:
    labelled = drawn(400, 400)
    rate, precision = certify_false_match_rate(labelled), certify_precision(labelled, 0.8)
    assert isinstance(rate, Certificate)
    assert isinstance(precision, Certificate)
    assert rate.covers(rate.threshold)
    assert rate.covers(rate.threshold + 0.01)
    assert not rate.covers(rate.threshold - 0.0001)
    assert all(map(precision.covers, precision.thresholds))
    assert not precision.covers(precision.threshold + 0.0001)


def population() -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """All pairs there are: 5000 scores on a coarse grid, 40 % of them matches."""
    generator = np.random.default_rng(11)
    matches = generator.random(5000) < 0.4
    scores = np.where(matches, generator.normal(0.93, 0.03, 5000), generator.normal(0.86, 0.04, 5000))
    return np.round(np.clip(scores, -1, 1), 3).astype(np.float32), matches


# 400 draws at 5 % are broken 20 times; more than 34 times happens once in a thousand runs, and not by seed.
DRAWS, MOST_BROKEN = 400, 34


@pytest.mark.parametrize("n", [60, 200, 500])
def test_a_certified_false_match_rate_is_broken_no_more_often_than_promised(n: int) -> None:
    scores, matches = population()
    others = scores[~matches]
    generator = np.random.default_rng(n)
    issued = broken = 0
    for _ in range(DRAWS):
        sample = np.concatenate([generator.choice(scores[matches], n), generator.choice(others, n)])
        outcome = certify_false_match_rate(LabelledScores(sample, np.repeat([True, False], n), ""))
        if isinstance(outcome, Certificate):
            issued += 1
            broken += int((others >= np.float32(outcome.threshold)).mean() > 0.05)
    assert issued >= 0.95 * DRAWS
    assert 0 < broken <= MOST_BROKEN


@pytest.mark.parametrize(("n", "least"), [(100, 80), (300, 290), (1000, 390)])
def test_a_certified_precision_is_broken_no_more_often_than_promised(n: int, least: int) -> None:
    scores, matches = population()
    generator = np.random.default_rng(n)
    issued = broken = 0
    for _ in range(DRAWS):
        places = generator.integers(0, len(scores), n)
        outcome = certify_precision(LabelledScores(scores[places], matches[places], ""), 0.75)
        if isinstance(outcome, Certificate):
            issued += 1
            broken += int(matches[scores >= np.float32(outcome.threshold)].mean() < 0.75)
    assert issued >= least
    assert broken <= MOST_BROKEN


def test_where_no_threshold_keeps_the_precision_one_is_certified_no_more_often_than_promised() -> None:
    # Scores say nothing and every threshold is just short of the target: any certificate is a broken promise.
    # Going on past a failure, or testing on the labels that chose where to begin, breaks about 100 of 1000.
    generator = np.random.default_rng(2)
    broken = 0
    for _ in range(1000):
        scores = generator.uniform(0, 1, 400).astype(np.float32)
        matches = generator.random(400) < 0.799
        broken += isinstance(certify_precision(LabelledScores(scores, matches, ""), 0.8), Certificate)
    assert broken <= 72  # of 50 expected at most; more happens once in a thousand runs
