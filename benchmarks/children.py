"""The parent's side of the processes that hold one engine each."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

from machine import versions
from models import Model
from peers.registry import Engine

PROGRAM = Path(__file__).with_name("child.py")
_TICK = os.sysconf("SC_CLK_TCK")


class EngineFailedError(Exception):
    """An engine could not be prepared or loaded, or died; the message ends with what it said last."""


class Child:
    """A process with an engine loaded; it does nothing until it is asked.

    Attributes:
        engine: What it runs.
        start_seconds: From starting the process to the first vector.
        load_seconds: The same without the start of the interpreter.
    """

    def __init__(self, engine: Engine, model: Model, prepared: Path, threads: int) -> None:
        self.engine = engine
        self._log = prepared.with_name(prepared.name + ".load.log")
        here, there = socket.socketpair()
        command = [
            *(sys.executable, str(PROGRAM), "load", engine.name, describe(model), str(prepared)),
            *(str(threads), str(there.fileno())),
        ]
        begin = perf_counter()
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, pass_fds=[there.fileno()], stdout=log, stderr=log, env=environment(threads)
            )
        there.close()
        self._connection = Connection(here.detach())
        told = self._receive()
        self.start_seconds: float = told["first_vector"] - begin
        self.load_seconds: float = told["first_vector"] - told["interpreter"]

    def ask(self, method: str, *values: object) -> Any:
        """Call a method of ``worker.Worker`` there and give its result.

        Raises:
            EngineFailedError: When the process is gone.
        """
        try:
            self._connection.send((method, values))
        except OSError as error:
            raise self._failure() from error
        return self._receive()

    def cpu_seconds(self) -> float:
        """Processor time that the process has used, all threads together."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICK

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _receive(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._failure() from error

    def _failure(self) -> EngineFailedError:
        self.close()
        said = f"{_last_line(self._log)} (all of it: {self._log})"
        return EngineFailedError(f"{self.engine.name} failed: {said}")


@contextmanager
def opened(engine: Engine, model: Model, prepared: Path, threads: int) -> Iterator[Child]:
    """Give a child that is closed at the end."""
    child = Child(engine, model, prepared, threads)
    try:
        yield child
    finally:
        child.close()


def prepare(engine: Engine, model: Model, cache: Path) -> Path:
    """Give the folder with what the engine made of the model; it is made in a process of its own, once.

    Raises:
        EngineFailedError: When that fails.
    """
    told = "-".join(versions(list(engine.distributions)).values()) if engine.name[:4] != "ours" else ""
    folder = cache / "prepared" / f"{engine.name}-{model.name}{'-' * bool(told)}{told}"
    if folder.is_dir():
        return folder
    building = folder.with_name(folder.name + ".building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    log = folder.with_name(folder.name + ".prepare.log")
    command = [sys.executable, str(PROGRAM), "prepare", engine.name, describe(model), str(building)]
    with log.open("w") as stream:
        done = subprocess.run(
            command, stdout=stream, stderr=stream, env=environment(os.cpu_count() or 1), check=False
        )
    if done.returncode:
        raise EngineFailedError(f"{engine.name} cannot be prepared: {_last_line(log)} (all of it: {log})")
    building.rename(folder)
    return folder


def describe(model: Model) -> str:
    """Write the model for the command line of a child."""
    return json.dumps({**asdict(model), "folder": str(model.folder)})


def environment(threads: int) -> dict[str, str]:
    """The environment of a child: as many threads everywhere, and nothing fetched from a hub."""
    wanted = {
        "OMP_NUM_THREADS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    return {**os.environ, **wanted}


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
