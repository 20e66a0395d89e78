from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from samples import KEY, drawn

from samesay.decision.calibration import Calibration
from samesay.decision.plots import write_plot
from samesay.errors import OutputFileError


def test_a_picture_is_a_png_that_replaces_nothing_unasked(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    labelled = drawn(60, 60)
    calibration = Calibration.fit_scores(labelled, KEY)
    path = tmp_path / "diagram.png"
    write_plot(calibration, labelled, path)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(content[16:20], "big") == 1500
    assert [one.name for one in tmp_path.iterdir()] == ["diagram.png"]
    with pytest.raises(OutputFileError, match="exists"):
        write_plot(calibration, labelled, path)
    with pytest.raises(OutputFileError, match=r"must end in \.png"):
        write_plot(calibration, labelled, tmp_path / "diagram.jpg")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
sys.modules["matplotlib"] = None
from samesay.decision.plots import check_plot_target
from samesay.errors import MissingExtraError
try:
    check_plot_target(Path({str(tmp_path / "a.png")!r}), overwrite=False)
except MissingExtraError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.stderr, ended.stdout) == (
        "",
        "drawing needs the extra 'plots': pip install 'samesay[plots]'\n",
    )
