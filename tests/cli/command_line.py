"""Runs of the real command in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from patience import PATIENCE

COMMAND = (sys.executable, "-m", "samesay")
FIXTURES = Path(__file__).parents[1] / "fixtures"


def changed_command(change: str) -> tuple[str, ...]:
    """The command after some lines of Python, which change what takes too long or is over too soon."""
    return (sys.executable, "-c", f"{change}\nfrom samesay.cli import main\nmain()")


def of(name: str) -> tuple[str, ...]:
    """The options of a small model."""
    return ("--model", str(FIXTURES / name), "--threads", "1", "--precision", "fp32")


MODEL = of("bert-mean")


@dataclass(frozen=True)
class Ended:
    """What a run printed and how it ended."""

    code: int
    out: str
    err: str


def environment(folder: Path, changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment without the person's models and terminal."""
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    return kept | {"SAMESAY_CACHE": str(folder / "cache"), "TERM": "xterm"} | dict(changes or {})


def samesay(
    folder: Path,
    *arguments: str | bytes | Path,
    stdin: bytes = b"",
    changes: Mapping[str, str] | None = None,
) -> Ended:
    """Run the command in ``folder`` to its end."""
    ended = subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        cwd=folder,
        env=environment(folder, changes),
        timeout=120 * PATIENCE,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout.decode("utf-8"), ended.stderr.decode("utf-8"))


def in_terminal(folder: Path, *arguments: str, columns: int = 80) -> Ended:
    """Run the command with standard output in a terminal of that width."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(folder),
    )
    os.close(theirs)
    printed = b""
    try:
        while part := os.read(ours, 65536):
            printed += part
    except OSError:  # how the end of a terminal looks on Linux
        pass
    os.close(ours)
    _, told = process.communicate(timeout=120 * PATIENCE)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed.decode("utf-8")).replace("\r\n", "\n")
    return Ended(process.returncode, plain, told.decode("utf-8"))
