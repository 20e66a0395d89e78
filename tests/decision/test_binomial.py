from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from samesay.decision.binomial import (
    allowed_errors,
    at_most,
    check_share,
    least_trials,
    lower_bound,
    upper_bound,
)
from samesay.errors import CalibrationError

SHARES = st.floats(0.005, 0.5)


@pytest.mark.parametrize(("trials", "errors"), [(59, 0), (93, 1), (124, 2), (153, 3), (181, 4)])
def test_the_rule_allows_what_the_exact_table_says(trials: int, errors: int) -> None:
    assert allowed_errors(trials, 0.05, 0.05) == errors
    assert allowed_errors(trials - 1, 0.05, 0.05) == errors - 1
    assert least_trials(errors, 0.05, 0.05) == trials


@given(st.integers(1, 3000), SHARES, SHARES)
def test_allowed_errors_are_the_most_that_the_binomial_permits(
    trials: int, rate: float, delta: float
) -> None:
    most = allowed_errors(trials, rate, delta)
    assert most == -1 or binom.cdf(most, trials, rate) <= delta * (1 + 1e-9)
    assert binom.cdf(most + 1, trials, rate) > delta * (1 - 1e-9)


@given(st.integers(1, 2000), SHARES, SHARES)
def test_more_trials_allow_no_fewer_errors_and_stricter_rates_no_more(
    trials: int, rate: float, delta: float
) -> None:
    here = allowed_errors(trials, rate, delta)
    assert here <= allowed_errors(trials + 1, rate, delta) <= here + 1
    assert allowed_errors(trials, rate / 2, delta) <= here
    assert allowed_errors(trials, rate, delta / 2) <= here


@given(st.integers(1, 500), st.data(), SHARES)
def test_a_bound_is_where_the_tail_is_delta(trials: int, data: st.DataObject, delta: float) -> None:
    errors = data.draw(st.integers(0, trials - 1))
    bound = upper_bound(errors, trials, delta)
    assert errors / trials < bound < 1
    assert at_most(errors, trials, bound) == pytest.approx(delta, rel=1e-6)
    assert lower_bound(trials - errors, trials, delta) == pytest.approx(1 - bound, abs=1e-12)


def test_no_errors_at_all_bound_nothing_from_below() -> None:
    assert upper_bound(5, 5, 0.05) == 1
    assert lower_bound(0, 5, 0.05) == 0
    assert at_most(-1, 5, 0.5) == 0
    assert at_most(5, 5, 0.5) == 1


@pytest.mark.parametrize("value", [0, 1, -0.1, 5, float("nan")])
def test_a_share_lies_between_0_and_1(value: float) -> None:
    with pytest.raises(CalibrationError, match="alpha must be between 0 and 1"):
        check_share(value, "alpha")


def test_without_scipy_a_calibration_applies_and_a_fit_names_the_extra() -> None:
    program = """
import sys
sys.modules["scipy"] = None
import numpy as np
import samesay.decision.calibration, samesay.decision.calibration_file
from samesay.decision.bands import Bands
from samesay.decision.curves import BetaCurve, score_at
assert Bands(0.9, 0.8).of(0.85) == "middle"
assert abs(score_at(BetaCurve(1.0, 1.0, 0.0), 0.5)) < 1e-6
from samesay.decision.certifying import certify_false_match_rate
from samesay.decision.labels import label_scores
from samesay.errors import MissingExtraError
try:
    certify_false_match_rate(label_scores(np.linspace(0, 1, 200), [0] * 100 + [1] * 100))
except MissingExtraError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.stdout == "calibrating needs the extra 'decisions': pip install 'samesay[decisions]'\n"
