from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from samples import IDENTITY, KEY, drawn, key_with

from samesay import load
from samesay.decision.bands import Bands, uncalibrated
from samesay.decision.calibrating import CalibrationSettings
from samesay.decision.calibration import Calibration
from samesay.decision.key import Key, key_of
from samesay.decision.labels import LabelledPair, hash_of_pairs, label_scores
from samesay.errors import CalibrationError, CalibrationKeyError, PromptError


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return Calibration.fit_scores(drawn(400, 400), KEY, CalibrationSettings(precision=0.8))


def test_the_high_band_stands_under_every_certificate(calibration: Calibration) -> None:
    assert {one.kind for one in calibration.certificates} == {"false-match-rate", "precision"}
    assert set(calibration.certificates_at(calibration.bands.high)) == set(calibration.certificates)
    assert all(one.key == KEY.digest for one in calibration.certificates)
    assert all(one.data == calibration.evidence.data for one in calibration.certificates)


def test_bands_follow_the_score(calibration: Calibration) -> None:
    high, middle = calibration.bands.high, calibration.bands.middle
    assert high is not None
    assert middle is not None
    edges = [
        -1,
        np.nextafter(np.float32(middle), np.float32(-1)),
        middle,
        np.nextafter(np.float32(high), np.float32(-1)),
        high,
        1,
    ]
    decisions = calibration.decide(edges, KEY)
    assert [one.band for one in decisions] == ["low", "low", "middle", "middle", "high", "high"]
    given = [one.probability for one in decisions]
    assert all(one is not None for one in given)
    assert given == sorted(given, key=float)  # type: ignore[arg-type]
    assert [one.certificate is None for one in decisions] == [True] * 4 + [False] * 2
    assert all(one.calibrated for one in decisions)


def test_the_high_band_is_more_likely_a_match_than_not_even_where_the_rate_would_allow_less() -> None:
    # Half of all non-matches may pass: the certified threshold lies where hardly anything matches.
    made = Calibration.fit_scores(drawn(100, 900), KEY, CalibrationSettings(alpha=0.5))
    (certificate,) = made.certificates
    assert made.bands.high is not None
    assert made.bands.high > certificate.threshold
    assert made.probabilities(made.bands.high)[0] >= 0.5
    assert made.certificate_of_high == certificate


def test_without_a_certificate_high_is_by_probability_and_says_so() -> None:
    made = Calibration.fit_scores(drawn(40, 40), KEY)
    assert made.certificates == ()
    assert [one.reason for one in made.refused] == ["too few labels"]
    assert made.bands.source == "probability"
    assert made.bands.high is not None
    assert made.probabilities(made.bands.high)[0] >= 0.9
    assert made.decide(1.0, KEY)[0].certificate is None


def test_bands_of_the_user_carry_a_certificate_only_where_it_covers_them(calibration: Calibration) -> None:
    rate = next(one for one in calibration.certificates if one.kind == "false-match-rate")
    above = calibration.with_bands(rate.threshold + 0.01, 0.5)
    below = calibration.with_bands(rate.threshold - 0.01, 0.5)
    assert above.decide(0.999, KEY)[0].certificate == rate
    assert below.decide(0.999, KEY)[0].certificate is None
    assert [one.band for one in below.decide([0.2, 0.6, 0.999], KEY)] == ["low", "middle", "high"]


def test_bands_in_the_wrong_order_or_off_the_scale_are_refused(calibration: Calibration) -> None:
    with pytest.raises(CalibrationError, match="swap them"):
        calibration.with_bands(0.5, 0.6)
    with pytest.raises(CalibrationError, match=r"begins at 1\.5"):
        Bands(1.5, 0.5)
    with pytest.raises(CalibrationError, match="at least one edge"):
        calibration.with_bands(None, None)
    assert Bands(None, 0.5).of(0.9) == "middle"
    assert Bands(0.9, None).of(0.8) == "low"


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (key_with(model="other", weights="x" * 64), "weights"),
        (key_with(precision="bf16"), "precision"),
        (key_with(dimensions=128), "dimensions"),
        (key_with(engine="cpu-9-avx512"), "engine"),
        (replace(KEY, mode="query-document", right="passage: "), "mode"),
        (replace(KEY, task="Find laws", left="Instruct: Find laws", right="Instruct: Find laws"), "task"),
    ],
)
def test_scores_of_another_key_are_refused_naming_both(
    calibration: Calibration, other: Key, named: str
) -> None:
    with pytest.raises(CalibrationKeyError) as caught:
        calibration.decide([0.9], other)
    message = str(caught.value)
    assert str(KEY) in message
    assert str(other) in message
    assert f"differ in {named};" in message


def test_the_name_of_a_model_is_no_part_of_the_key(calibration: Calibration) -> None:
    assert calibration.decide(0.9, key_with(model="the same by another name"))[0].calibrated


def test_what_is_no_cosine_gets_no_decision(calibration: Calibration) -> None:
    with pytest.raises(CalibrationError, match="a score is nan"):
        calibration.decide([0.5, float("nan")], KEY)
    with pytest.raises(CalibrationError, match=r"a score is 1\.5"):
        uncalibrated([1.5])


def test_without_a_calibration_a_score_is_only_a_score() -> None:
    (decision,) = uncalibrated(0.5)
    assert (decision.score, decision.band, decision.probability) == (0.5, "uncalibrated", None)
    assert not decision.calibrated


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(CalibrationError, match="the floor below"):
        CalibrationSettings(floor=0.9, sure=0.5)
    with pytest.raises(CalibrationError, match="alpha must be between"):
        Calibration.fit_scores(drawn(50, 50), KEY, CalibrationSettings(alpha=1.5))


def test_held_out_figures_are_better_than_those_of_the_cosine(calibration: Calibration) -> None:
    evidence = calibration.evidence
    assert (evidence.matches, evidence.non_matches) == (400, 400)
    assert evidence.log_loss < evidence.raw_log_loss
    assert evidence.calibration_error < evidence.raw_calibration_error
    assert sum(one.pairs for one in evidence.reliability) == 800
    assert sum(one.matches for one in evidence.reliability) == 400


def test_fit_scores_pairs_with_the_model_and_keeps_its_key(fixtures: Path, isolated_cache: Path) -> None:
    model = load(fixtures / "qwen3-gqa2", precision="fp32", threads=1)
    left = [f"the cat number {place}" for place in range(80)]
    right = [one if place % 2 else f"stock {place} fell" for place, one in enumerate(left)]
    rows = [(a, b, place % 2) for place, (a, b) in enumerate(zip(left, right, strict=True))]
    seen: list[int] = []
    made = Calibration.fit(model, [*rows, rows[0]], task="bitext", dimensions=32, progress=seen.append)
    assert made.key == key_of(model, task="bitext", dimensions=32)
    assert made.key.identity == model.identity_at(32)
    assert seen == [64, 80]
    scores = model.similarity(left, right, task="bitext", dimensions=32)
    again = Calibration.fit_scores(label_scores(scores, [label for _, _, label in rows]), made.key)
    assert made.curve == again.curve
    assert made.evidence.data == hash_of_pairs([LabelledPair(a, b, bool(label)) for a, b, label in rows])
    made.require(key_of(model, task="Retrieve parallel sentences", dimensions=32))
    with pytest.raises(CalibrationKeyError, match="differ in task"):
        made.require(key_of(model, dimensions=32))
    with pytest.raises(CalibrationError, match="there are 1 matches and 1 non-matches"):
        Calibration.fit(model, rows[:2], progress=seen.append)
    assert seen == [64, 80]
    with pytest.raises(CalibrationError, match="pair 1 has no label"):
        Calibration.fit(model, [rows[0], ("a", "b", "")])
    with pytest.raises(PromptError):
        Calibration.fit(model, rows, mode="plain", task="bitext")


def test_the_key_reads_as_the_model_and_the_mode() -> None:
    assert str(KEY) == f"{IDENTITY}, mode symmetric"
