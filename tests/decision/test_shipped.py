from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from samesay import load
from samesay.checkpoint.locate import locate
from samesay.decision.calibration_file import SUFFIX, read_calibration
from samesay.decision.key import key_of
from samesay.decision.shipped import FOLDER, shipped_calibration
from samesay.engine.cpu import revision_of
from samesay.errors import ModelNotFoundError

FILES = sorted(FOLDER.glob(f"*{SUFFIX}"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_ships_is_whole_certified_and_found_by_its_key(path: Path) -> None:
    calibration = read_calibration(path)
    assert shipped_calibration(calibration.key) == calibration
    assert {one.kind for one in calibration.certificates} == {"false-match-rate", "precision"}
    assert set(calibration.certificates_at(calibration.bands.high)) == set(calibration.certificates)
    assert "says nothing sure about other languages" in calibration.note
    other = replace(calibration.key, mode="plain", left="", right="")
    assert shipped_calibration(other) is None


def test_every_instruction_set_of_a_common_processor_has_one() -> None:
    # A machine uses the best it has, and its scores differ in the last bits; Arm has the portable path only.
    assert {path.name.split(".")[1] for path in FILES} == {"avx2", "avxvnni", "avx512", "avx512bf16", "amx"}
    engines = {read_calibration(path).key.identity.engine for path in FILES}
    assert engines == {revision_of(path.name.split(".")[1]) for path in FILES}


def test_the_bundled_model_has_one_where_its_instruction_set_was_calibrated() -> None:
    try:
        locate("bundled")
    except ModelNotFoundError as error:
        pytest.skip(str(error))
    key = key_of(load("bundled", threads=1))
    known = {path.name.split(".")[1] for path in FILES}
    assert known
    instruction_set = key.identity.engine.rpartition("-")[2]
    if instruction_set not in known:
        pytest.skip(f"no calibration ships for {instruction_set}")
    assert shipped_calibration(key) is not None, (
        f"the calibration for {instruction_set} is of another revision of the engine or the model: "
        "run benchmarks/shipped_calibration.py"
    )
