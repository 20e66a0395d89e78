from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import KEY, drawn

from samesay.checkpoint.fingerprint import digest
from samesay.decision.calibrating import CalibrationSettings
from samesay.decision.calibration import Calibration
from samesay.decision.choosing import LEAST_FOR_ISOTONIC
from samesay.decision.curves import IsotonicCurve
from samesay.decision.fitting import FITTERS
from samesay.decision.labels import label_scores
from samesay.errors import CalibrationFileError, OutputFileError

NAME = "support.calibration.json"


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return Calibration.fit_scores(
        drawn(400, 400), KEY, CalibrationSettings(precision=0.99999, note="ours, 客服")
    )


@pytest.fixture
def file(calibration: Calibration, tmp_path: Path) -> Path:
    calibration.save(tmp_path / NAME)
    return tmp_path / NAME


def stepped() -> Calibration:
    """A calibration whose curve is isotonic."""
    generator = np.random.default_rng(3)
    scores = generator.uniform(-1, 1, 3 * LEAST_FOR_ISOTONIC)
    steps = np.where(scores < -0.3, 0.02, np.where(scores < 0.5, 0.5, 0.98))
    return Calibration.fit_scores(label_scores(scores, generator.random(len(scores)) < steps), KEY)


def test_what_was_saved_is_what_is_loaded(calibration: Calibration, file: Path) -> None:
    loaded = Calibration.load(file)
    assert loaded == calibration
    assert loaded.note == "ours, 客服"
    scores = np.linspace(-1, 1, 401)
    assert loaded.decide(scores, KEY) == calibration.decide(scores, KEY)
    assert [one.kind for one in loaded.refused] == ["precision"]
    assert [path.name for path in file.parent.iterdir()] == [NAME]


def test_every_kind_of_curve_comes_back_to_the_bit(tmp_path: Path) -> None:
    made = stepped()
    assert isinstance(made.curve, IsotonicCurve)
    labelled = drawn(50, 50)
    for place, curve in enumerate(
        [made.curve, *(fit(labelled.scores, labelled.matches) for fit in FITTERS.values())]
    ):
        changed = replace(made, curve=curve)  # type: ignore[arg-type]
        changed.save(tmp_path / f"{place}.calibration.json")
        assert Calibration.load(tmp_path / f"{place}.calibration.json") == changed


def test_the_file_says_in_words_what_it_is_for(file: Path) -> None:
    value = json.loads(file.read_text("utf-8"))
    assert value["for"] == str(KEY)
    assert value["calibration"]["key"]["identity"]["precision"] == "int8"


def test_a_file_that_is_cut_anywhere_is_refused(file: Path) -> None:
    content = file.read_bytes()
    for length in [0, 1, *range(10, len(content) - 2, 97), len(content) - 3]:
        file.write_bytes(content[:length])
        with pytest.raises(CalibrationFileError, match=NAME):
            Calibration.load(file)


def test_any_changed_digit_is_noticed(file: Path) -> None:
    text = file.read_text("utf-8")
    begin = text.index('"curve"')
    digits = [place for place in range(begin, len(text)) if text[place].isdigit()]
    for place in digits[:: max(1, len(digits) // 40)]:
        changed = "1" if text[place] != "1" else "2"
        file.write_text(text[:place] + changed + text[place + 1 :], "utf-8")
        with pytest.raises(CalibrationFileError, match=r"cut short or edited|newer one"):
            Calibration.load(file)


def test_other_line_ends_and_spaces_are_no_change(file: Path, calibration: Calibration) -> None:
    value = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(value), "utf-8")
    assert Calibration.load(file) == calibration


def rewrite(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a file and give it the right hash, as someone would who means it."""
    value = json.loads(file.read_text("utf-8"))
    del value["sha256"]
    change(value)
    file.write_text(json.dumps(value | {"sha256": digest(value)}), "utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda value: value["calibration"].pop("bands"), "has no 'bands'"),
        (lambda value: value["calibration"].update(more=1), "has 'more', which does not belong"),
        (lambda value: value["calibration"]["bands"].update(high="0.9"), "bands.high should be a number"),
        (lambda value: value["calibration"]["bands"].update(high=0.1), "above the high band"),
        (lambda value: value["calibration"]["bands"].update(high=True), "bands.high"),
        (
            lambda value: value["calibration"]["evidence"].update(matches=1.5),
            "matches should be a whole number",
        ),
        (lambda value: value["calibration"]["key"].update(mode="sideways"), "mode is 'sideways'"),
        (lambda value: value["calibration"]["key"]["identity"].update(dimensions=99), "for another key"),
        (lambda value: value["calibration"].update(curve={"method": "magic"}), "curve is none of"),
        (
            lambda value: value["calibration"].update(
                curve={"method": "platt", "slope": -1.0, "intercept": 0.0}
            ),
            "its curve falls",
        ),
        (
            lambda value: value["calibration"].update(
                curve={"method": "isotonic", "scores": [0.1, 0.2], "values": [0.9, 0.1]}
            ),
            "its curve falls",
        ),
        (
            lambda value: value["calibration"].update(
                curve={"method": "isotonic", "scores": [], "values": []}
            ),
            "its curve falls",
        ),
        (lambda value: value.pop("calibration"), "calibration should be an object"),
        (lambda value: value.update(format=0), "its format is 0"),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused_even_with_the_right_hash(
    file: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    rewrite(file, change)
    with pytest.raises(CalibrationFileError, match=said):
        Calibration.load(file)


def test_a_newer_format_asks_for_a_newer_samesay(file: Path) -> None:
    rewrite(file, lambda value: value.update(format=2))
    with pytest.raises(CalibrationFileError, match="format 2; this samesay reads 1: install a newer one"):
        Calibration.load(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not whole JSON"),
        (b"\xff\xfe", "not text"),
        (b"[1, 2]", "is not a calibration of samesay"),
        (b'{"kind": "something else"}', "is not a calibration of samesay"),
        (b'{"kind": "samesay calibration", "format": NaN}', "it holds NaN"),
        (b"[" * 100_000, "not whole JSON"),
        (b'{"kind": "samesay calibration", "format": 1}', "does not have the hash"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(CalibrationFileError, match=said):
        Calibration.load(tmp_path / NAME)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationFileError, match="is not there; samesay calibrate makes one"):
        Calibration.load(tmp_path / NAME)
    with pytest.raises(CalibrationFileError, match="cannot be read"):
        Calibration.load(tmp_path)


def test_a_file_is_replaced_only_where_that_was_asked_for(calibration: Calibration, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(OutputFileError, match="exists; give another name"):
        stepped().save(file)
    assert file.read_bytes() == before
    stepped().save(file, overwrite=True)
    assert Calibration.load(file).curve.method == "isotonic"


@pytest.mark.parametrize("name", ["support.json", ".calibration.json", "support.calibration.json.bak"])
def test_a_name_that_does_not_say_calibration_is_refused(
    calibration: Calibration, tmp_path: Path, name: str
) -> None:
    with pytest.raises(OutputFileError, match=r"must end in \.calibration\.json"):
        calibration.save(tmp_path / name)
    with pytest.raises(OutputFileError, match="there is no folder"):
        calibration.save(tmp_path / "nowhere" / NAME)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    calibration: Calibration, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputFileError, match="No space left on device"):
        stepped().save(file, overwrite=True)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [NAME]
