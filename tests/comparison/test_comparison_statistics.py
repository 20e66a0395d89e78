from __future__ import annotations

import numpy as np
import pytest
from comparison_samples import scores_and_matches
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from samesay.comparison import measures
from samesay.comparison.ranking import ndcg, recall, reciprocal_rank, voted_right
from samesay.comparison.resampling import Floats, drawn, estimates, on_the_data
from samesay.comparison.testing import draws_for, holm, paired


def test_draws_keep_the_strata_and_depend_on_the_seed_only() -> None:
    strata = np.array([0, 1, 0, 1, 1])
    kept: list[Floats] = []

    def keep(weights: Floats) -> Floats:
        kept.append(weights)
        return np.asarray(weights.sum(axis=1))

    first = drawn([keep], strata, 500, 7)
    again = drawn([keep], strata, 500, 7)
    assert (first == 5).all()
    weights = kept[0]
    assert (weights[:, strata == 1].sum(axis=1) == 3).all()
    assert np.array_equal(weights, kept[1])
    assert np.array_equal(first, again)
    assert not np.array_equal(weights, (drawn([keep], strata, 500, 8), kept[-1])[1])
    # Each item is drawn once on average.
    assert weights.mean(axis=0) == pytest.approx(np.ones(5), abs=0.15)


def test_many_items_are_drawn_in_blocks_like_few() -> None:
    values = np.arange(3000.0)
    found = drawn([measures.mean_of(values)], np.zeros(3000, np.int64), 700, 1)
    assert found.shape == (1, 700)
    assert found.mean() == pytest.approx(values.mean(), rel=0.01)
    assert found.std() == pytest.approx(values.std() / np.sqrt(3000), rel=0.15)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    # AUROC of two normal distributions one apart is known; 200 samples of 120 pairs.
    truth = float(norm.cdf(1 / np.sqrt(2)))
    hits = 0
    for seed in range(200):
        scores, matches = scores_and_matches(120, 1000 + seed, 1.0)
        statistic = measures.area_under_curve(scores, matches)
        found = estimates([statistic], matches.astype(np.int64), 300, seed)[0]
        assert found.low <= found.value <= found.high
        hits += found.low <= truth <= found.high
    # 95 % of 200 is 190; below 178 or of 200 would each be a chance of less than one in a thousand.
    assert 178 <= hits <= 199


def test_a_paired_test_is_symmetric_and_sees_what_there_is() -> None:
    scores, matches = scores_and_matches(300, 5, 1.5)
    noise = np.random.default_rng(1).normal(0, 1.5, 300).astype(np.float32)
    statistics = [
        measures.area_under_curve(scores, matches),
        measures.area_under_curve(scores + noise, matches),
        measures.area_under_curve(scores, matches),
    ]
    values = drawn(statistics, matches.astype(np.int64), 2000, 0)
    sides = [(on_the_data(one, 300), row) for one, row in zip(statistics, values, strict=True)]
    better, worse, same = sides
    one, other = paired(better, worse), paired(worse, better)
    assert one.p == other.p < 0.01
    assert one.difference.value == -other.difference.value > 0
    assert one.difference.low == pytest.approx(-other.difference.high)
    assert one.difference.low > 0
    equal = paired(better, same)
    assert equal.p == 1
    assert equal.difference.value == equal.difference.low == equal.difference.high == 0


def test_models_that_do_not_differ_are_seldom_told_apart() -> None:
    called = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        matches = np.arange(100) % 2 == 0
        base = generator.normal(0, 1, 100) + matches
        sides = []
        statistics = [
            measures.area_under_curve((base + generator.normal(0, 0.7, 100)).astype(np.float32), matches)
            for _ in range(2)
        ]
        values = drawn(statistics, matches.astype(np.int64), 400, seed)
        sides = [(on_the_data(one, 100), row) for one, row in zip(statistics, values, strict=True)]
        called += paired(sides[0], sides[1]).p <= 0.05
    assert called <= 13  # 5 are expected; more than 13 has a chance below one in a thousand


@pytest.mark.parametrize(
    ("given", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # Holm's own rule by hand
        ([0.5], [0.5]),
        ([], []),
        ([0.9, 0.9], [1.0, 1.0]),
    ],
)
def test_holm_by_hand(given: list[float], adjusted: list[float]) -> None:
    assert holm(given) == pytest.approx(adjusted)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_the_order_and_lies_between_nothing_and_bonferroni(given: list[float]) -> None:
    adjusted = holm(given)
    assert all(p <= q + 1e-12 <= min(1, len(given) * p) + 2e-12 for p, q in zip(given, adjusted, strict=True))
    ordered = [adjusted[place] for place in np.argsort(given, kind="stable")]
    assert ordered == sorted(ordered)


def test_draws_are_enough_to_call_the_strongest_of_a_family() -> None:
    for tests in (1, 6, 42, 501, 5000):
        smallest = 2 / (draws_for(tests) + 1)
        assert holm([smallest] + [1.0] * (tests - 1))[0] < (0.02 if tests < 200 else 0.03)


def test_ranking_measures_by_hand() -> None:
    ranking = np.array([[2, 0, 1], [1, 2, 0]])
    relevance = [{0: 1.0}, {1: 1.0, 0: 2.0}]
    best = 2 + 1 / np.log2(3)
    assert ndcg(ranking, relevance) == pytest.approx([1 / np.log2(3), (1 + 2 / np.log2(4)) / best])
    assert recall(ranking, relevance, 1) == pytest.approx([0, 0.5])
    assert recall(ranking, relevance, 3) == pytest.approx([1, 1])
    assert reciprocal_rank(ranking, relevance) == pytest.approx([0.5, 1])


def test_neighbours_vote_by_the_sum_of_their_scores() -> None:
    intents = np.array([0, 0, 1, 1])
    neighbours = np.array([[1, 2, 3], [2, 0, 3], [3, 0, 1], [0, 1, 2]])
    scores = np.array([[0.9, 0.4, 0.4], [0.5, 0.9, 0.1], [0.9, 0.8, 0.8], [0.5, 0.5, 0.9]], np.float32)
    # The second votes for 1 with 0.6 and for 0 with 0.9; the third for 1 with 0.9 and for 0 with 1.6.
    assert voted_right(neighbours, scores, intents).tolist() == [1, 1, 0, 0]
