"""Calibration files: JSON that a person can read, and that is refused where it was changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from samesay.checkpoint.fingerprint import digest
from samesay.decision.calibration import Calibration
from samesay.decision.curves import IsotonicCurve, PlattCurve
from samesay.decision.strict import decode
from samesay.errors import CalibrationError, CalibrationFileError, OutputFileError
from samesay.newfiles import check_new_file, new_file

SUFFIX = ".calibration.json"
FORMAT = 1

_KIND = "samesay calibration"
# A calibration is some kilobytes; what is larger is something else.
_LARGEST = 32 * 2**20


def check_calibration_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a name before any work is done for it.

    Raises:
        OutputFileError: It does not end in ``.calibration.json``, is a folder or in none, or exists.
    """
    if not path.name.endswith(SUFFIX) or path.name == SUFFIX:
        raise OutputFileError(f"{path}: the name of a calibration must end in {SUFFIX}")
    check_new_file(path, overwrite=overwrite)


def write_calibration(calibration: Calibration, path: Path, *, overwrite: bool = False) -> None:
    """Write a calibration, whole or not at all.

    Raises:
        OutputFileError: See ``check_calibration_target``; or the system refuses to write.
    """
    check_calibration_target(path, overwrite=overwrite)
    with new_file(path) as file:
        file.write(calibration_text(calibration).encode("utf-8"))


def calibration_text(calibration: Calibration) -> str:
    """Give the text of a calibration file."""
    value = {
        "kind": _KIND,
        "format": FORMAT,
        "for": str(calibration.key),
        "calibration": asdict(calibration),
    }
    return json.dumps(value | {"sha256": digest(value)}, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def read_calibration(path: Path) -> Calibration:
    """Read a calibration.

    Raises:
        CalibrationFileError: It cannot be read, is no calibration, was changed, or is of a newer samesay.
    """
    try:
        if path.stat().st_size > _LARGEST:
            _refuse(path, "it is far too large to be a calibration")
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise CalibrationFileError(f"{path} is not there; samesay calibrate makes one") from None
    except UnicodeDecodeError:
        _refuse(path, "it is not text")
    except OSError as error:
        raise CalibrationFileError(f"{path} cannot be read: {error.strerror or error}") from None
    return parse_calibration(text, path)


def parse_calibration(text: str, path: Path) -> Calibration:
    """Give the calibration that a text says; messages name its file.

    Raises:
        CalibrationFileError: See ``read_calibration``.
    """
    try:
        value = json.loads(text, parse_constant=lambda name: _refuse(path, f"it holds {name}"))
    except (ValueError, RecursionError) as error:
        _refuse(path, f"it is not whole JSON ({error})")
    if not isinstance(value, dict) or value.get("kind") != _KIND:
        raise CalibrationFileError(f"{path} is not a calibration of samesay")
    version = value.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise CalibrationFileError(
            f"{path} has format {version}; this samesay reads {FORMAT}: install a newer one"
        )
    stated = value.pop("sha256", None)
    try:
        found = digest(value)
    except RecursionError:
        _refuse(path, "it is nested too deeply")
    if stated != found:
        _refuse(path, "its content does not have the hash that it states")
    try:
        if version != FORMAT:
            raise ValueError(f"its format is {version!r}, not {FORMAT}")
        calibration: Calibration = decode(Calibration, value.get("calibration"), "calibration")
        _check(calibration)
    except (ValueError, CalibrationError) as error:
        _refuse(path, str(error))
    return calibration


def _check(calibration: Calibration) -> None:
    """Refuse what has the right shape and cannot be."""
    curve = calibration.curve
    if isinstance(curve, PlattCurve):
        rises = curve.slope >= 0
    elif isinstance(curve, IsotonicCurve):
        rises = (
            0 < len(curve.scores) == len(curve.values)
            and all(a < b for a, b in pairwise(curve.scores))
            and all(a <= b for a, b in pairwise(curve.values))
            and 0 <= curve.values[0] <= curve.values[-1] <= 1
        )
    else:
        rises = curve.a >= 0 and curve.b >= 0
    if not rises:
        raise ValueError("its curve falls where the score rises")
    for certificate in calibration.certificates:
        if certificate.key != calibration.key.digest:
            raise ValueError("a certificate in it is for another key")


def _refuse(path: Path, reason: str) -> NoReturn:
    raise CalibrationFileError(
        f"{path} cannot be used: {reason}. It was cut short or edited; take it from where it was made, or "
        "calibrate again"
    )
