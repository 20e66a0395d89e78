from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from samples import KEY, drawn, key_with

from samesay.decision.bands import Bands
from samesay.decision.calibration import Calibration
from samesay.decision.deciding import decide, decider_for
from samesay.decision.key import key_of
from samesay.errors import CalibrationError, CalibrationKeyError
from samesay.model import load


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return Calibration.fit_scores(drawn(200, 200), KEY)


def test_a_calibration_decides_and_says_what_it_stands_on(calibration: Calibration) -> None:
    decider = decider_for(KEY, calibration)
    scores = np.linspace(0.5, 1, 30, dtype=np.float32)
    assert decider.decide(scores) == calibration.decide(scores, KEY)
    assert decider.reason is None
    about = decider.about()
    assert about["bands"] == {
        "high": calibration.bands.high,
        "middle": calibration.bands.middle,
        "source": "certificate",
    }
    assert about["uncalibrated"] is None


def test_a_calibration_for_something_else_is_refused(calibration: Calibration) -> None:
    with pytest.raises(CalibrationKeyError, match="differ in"):
        decider_for(key_with(precision="fp32"), calibration)


def test_without_a_calibration_a_score_is_uncalibrated_and_the_reason_says_why() -> None:
    decider = decider_for(KEY)
    (decision,) = decider.decide(0.99)
    assert (decision.band, decision.probability, decision.certificate) == ("uncalibrated", None, None)
    assert decider.reason is not None
    assert str(KEY) in decider.reason
    assert "samesay calibrate" in decider.reason


def test_bands_of_ones_own_need_no_calibration_and_promise_nothing(calibration: Calibration) -> None:
    bands = Bands(0.85, 0.75)
    decider = decider_for(KEY, bands=bands)
    found = decider.decide([0.85, 0.84, 0.75, 0.74])
    assert [one.band for one in found] == ["high", "middle", "middle", "low"]
    assert {(one.probability, one.certificate) for one in found} == {(None, None)}
    assert decider.reason is None
    with_both = decider_for(KEY, calibration, bands).decide([0.85, 0.84])
    assert [one.band for one in with_both] == ["high", "middle"]
    assert all(one.probability is not None and one.certificate is None for one in with_both)


def test_what_is_no_cosine_is_refused_with_bands_alone_too() -> None:
    for wrong in (float("nan"), 1.5):
        with pytest.raises(CalibrationError, match="a score is a cosine"):
            decider_for(KEY, bands=Bands(0.85, 0.75)).decide([0.5, wrong])


@pytest.mark.usefixtures("isolated_cache")
def test_decide_scores_with_the_model_and_demotes_where_that_is_asked_for(fixtures: Path) -> None:
    model = load(fixtures / "bert-mean", precision="fp32", threads=1)
    left, right = ["It costs 30 dollars.", "a cat"], ["It costs 40 dollars.", "a cat"]
    made = Calibration.fit_scores(drawn(200, 200), key_of(model))
    plain = decide(model, left, right, calibration=made, bands=Bands(-1.0, -1.0))
    scores = model.similarity(left, right).tolist()
    assert [(one.score, one.band) for one in plain] == [(score, "high") for score in scores]
    demoted = decide(model, left, right, calibration=made, bands=Bands(-1.0, -1.0), demote_on=["number"])
    assert [one.band for one in demoted] == ["middle", "high"]
    assert decide(model, "a cat", "a cat")[0].band == "uncalibrated"
    with pytest.raises(CalibrationKeyError):
        decide(model, left, right, calibration=made, mode="plain")
