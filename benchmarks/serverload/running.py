"""``samesay serve`` as a child process, and what the system and its own metrics tell of it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from serverload.connection import Connection, connect, get

_SERVE = ("-m", "samesay", "serve", "--host", "127.0.0.1", "--port", "0")
_START_SECONDS, _END_SECONDS = 300, 60
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass
class Server:
    """A running server.

    Attributes:
        process: The process.
        host, port: Where it listens.
        told: Lines that it wrote to standard error.
    """

    process: subprocess.Popen[str]
    host: str
    port: int
    told: list[str]

    async def connect(self) -> Connection:
        """Open a connection to it."""
        return await connect(self.host, self.port)

    def resident_mb(self) -> float:
        """Memory that it has now."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()
        return int(fields[1]) * _PAGE_MB

    def cpu_seconds(self) -> dict[int, float]:
        """Processor time of each thread so far; the one with the number of the process is the loop."""
        used = {}
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                fields = (thread / "stat").read_text("ascii").rpartition(")")[2].split()
            except OSError:
                continue
            used[int(thread.name)] = (int(fields[11]) + int(fields[12])) / _TICK
        return used

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self, seconds: float) -> int | None:
        """Give the exit code, or None where it does not end in time."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


@contextmanager
def running_server(arguments: Sequence[str], program: Sequence[str] = _SERVE) -> Iterator[Server]:
    """Start a server on a free port of the loopback, wait until it is ready, and end it."""
    process = subprocess.Popen(
        [sys.executable, *program, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        # Programs of this folder find their neighbours.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    told: list[str] = []
    assert process.stderr is not None
    lines = process.stderr
    ready = threading.Event()

    def read() -> None:
        for line in lines:
            told.append(line.rstrip())
            if " is ready after " in line:
                ready.set()
        ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        ready.wait(_START_SECONDS)
        address = re.search(r"listening at http://([^\s:]+):(\d+)/", "\n".join(told))
        if address is None or process.poll() is not None:
            raise SystemExit("the server did not start:\n" + "\n".join(told))
        yield Server(process, address[1], int(address[2]), told)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(_END_SECONDS)


async def metrics(connection: Connection) -> dict[str, float]:
    """Read the server's metrics, summed over labels."""
    answer = await connection.ask(get("/metrics"))
    found: dict[str, float] = {}
    for line in answer.body.decode().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            short = name.partition("{")[0]
            found[short] = found.get(short, 0.0) + float(value)
    return found


@dataclass
class Watch:
    """What a server was like, noted again and again until cancelled.

    Attributes:
        began: When the watch began.
        health_seconds: Times that ``/health`` took.
        health_failures: How often it failed.
        memory: Seconds since the beginning, and MB.
        metrics: Seconds since the beginning, and metrics.
    """

    began: float
    health_seconds: list[float]
    health_failures: int
    memory: list[tuple[float, float]]
    metrics: list[tuple[float, dict[str, float]]]

    async def run(self, server: Server) -> None:
        """Note ten times a second how long ``/health`` takes, and every second memory and metrics."""
        connection = await server.connect()
        turn = 0
        while True:
            answer = await connection.ask(get("/health"))
            self.health_seconds.append(answer.seconds)
            self.health_failures += answer.status != 200
            if turn % 10 == 0:
                at = perf_counter() - self.began
                self.memory.append((at, server.resident_mb()))
                self.metrics.append((at, await metrics(connection)))
            turn += 1
            await asyncio.sleep(0.1)

    def most(self, name: str) -> float:
        """The largest value of a metric."""
        return max((found.get(name, 0.0) for _, found in self.metrics), default=0.0)


def new_watch() -> Watch:
    """Give an empty one."""
    return Watch(perf_counter(), [], 0, [], [])
