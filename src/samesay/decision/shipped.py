"""The calibrations that come with samesay, for the bundled model in symmetric use."""

from __future__ import annotations

from pathlib import Path

from samesay.decision.calibration import Calibration
from samesay.decision.calibration_file import SUFFIX, read_calibration
from samesay.decision.key import Key

FOLDER = Path(__file__).parent / "shipped_files"


def shipped_calibration(key: Key) -> Calibration | None:
    """Give the calibration that comes with samesay for scores of this key, or None.

    Its ``note`` says what it was made from and what it does not cover.

    Raises:
        CalibrationFileError: The installation is damaged.
    """
    for path in sorted(FOLDER.glob(f"*{SUFFIX}")):
        # The name says enough to leave out the others unread.
        if path.name.removesuffix(SUFFIX).endswith(f".{key.digest[:12]}"):
            calibration = read_calibration(path)
            if calibration.key.digest == key.digest:
                return calibration
    return None
