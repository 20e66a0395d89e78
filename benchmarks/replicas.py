"""Three of our servers behind one remote model: one is killed, one hangs, both come back, under steady load.

    python benchmarks/replicas.py --json benchmarks/results/replicas.json

Sentences are sent one by one at a steady rate, whatever is answered. A time is taken from the moment at
which a sentence was to be sent, so that a client that falls behind shows. Every vector is compared, to the
bit, with that of the model in this process. Client and servers share the processor.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

import machine
import samesay
from result_file import write_result
from samesay.remote.model import RemoteModel
from serverload.running import Server, running_server
from workloads import batch_lengths, sentences

WINDOW = 0.25
BEFORE, AFTER = 1.0, 3.0
# Latency is called normal while a window's p99 is at most so many times that of the time before all faults.
NORMAL = 3.0
KILL, STOP, CONTINUE, RESTART, END = 6.0, 12.0, 18.0, 22.0, 34.0


@dataclass
class Course:
    """What happened to the requests.

    Attributes:
        requests: For each the moment it was to be sent, from the beginning, and the seconds until its vector.
        failed: Errors, in words.
        other_bits: Vectors that were not those of the model here.
    """

    requests: list[tuple[float, float]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    other_bits: int = 0


@dataclass
class Fleet:
    """The servers, and what is done to them."""

    stack: contextlib.ExitStack
    arguments: list[str]
    servers: list[Server] = field(default_factory=list)

    def start(self, port: int = 0) -> Server:
        server = self.stack.enter_context(running_server([*self.arguments, "--port", str(port)]))
        self.servers.append(server)
        return server

    def kill(self) -> None:
        self.servers[0].process.kill()

    def stop(self) -> None:
        os.kill(self.servers[1].process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.servers[1].process.pid, signal.SIGCONT)

    def restart(self) -> None:
        self.start(self.servers[0].port)


@contextlib.contextmanager
def fleet(threads: int) -> Iterator[Fleet]:
    """Start three servers; at the end nothing is left of them, nor stopped."""
    with contextlib.ExitStack() as stack:
        found = Fleet(stack, ["--model", "bundled", "--threads", str(threads)])
        for _ in range(3):
            found.start()
        try:
            yield found
        finally:
            found.resume()


def drive(
    model: RemoteModel,
    texts: list[str],
    right: np.ndarray,
    rate: float,
    events: dict[float, Callable[[], None]],
) -> tuple[Course, dict[str, float]]:
    """Send sentences at the rate until the end, and do what is to be done in between."""
    course, done = Course(), dict[str, float]()
    lock = threading.Lock()
    begun = time.perf_counter()

    def ask(number: int, at: float) -> None:
        try:
            vector = model.encode(texts[number % len(texts)])
        except Exception as error:
            with lock:
                course.failed.append(f"{at:.2f} s: {error}")
            return
        took = time.perf_counter() - begun - at
        same = np.array_equal(vector, right[number % len(texts)])
        with lock:
            course.requests.append((at, took))
            course.other_bits += not same

    def act() -> None:
        for at, action in events.items():
            time.sleep(max(begun + at - time.perf_counter(), 0))
            done[action.__name__] = time.perf_counter() - begun
            action()

    actor = threading.Thread(target=act)
    actor.start()
    with ThreadPoolExecutor(128) as pool:
        for number in range(int(END * rate)):
            at = number / rate
            time.sleep(max(begun + at - time.perf_counter(), 0))
            pool.submit(ask, number, at)
    actor.join()
    return course, done


def quantiles(seconds: list[float]) -> dict[str, float | int | None]:
    """Count, p50, p99 and maximum, in ms."""
    if not seconds:
        return {"count": 0, "p50_ms": None, "p99_ms": None, "max_ms": None}
    p50, p99 = (round(float(np.quantile(seconds, q)) * 1000, 1) for q in (0.5, 0.99))
    return {"count": len(seconds), "p50_ms": p50, "p99_ms": p99, "max_ms": round(max(seconds) * 1000, 1)}


def around(course: Course, event: float, normal_p99_ms: float) -> dict[str, object]:
    """The windows around an event, and when the last of them ended whose p99 was not normal."""
    windows: list[dict[str, object]] = []
    normal_after = 0.0
    for place in range(round(-BEFORE / WINDOW), round(AFTER / WINDOW)):
        begin = place * WINDOW
        inside = [took for at, took in course.requests if begin <= at - event < begin + WINDOW]
        found = quantiles(inside)
        windows.append({"from_s": begin, **found})
        p99 = found["p99_ms"]
        if begin >= 0 and p99 is not None and p99 > NORMAL * normal_p99_ms:
            normal_after = begin + WINDOW
    return {"at_s": round(event, 3), "normal_after_s": normal_after, "windows": windows}


def main() -> None:
    """Start, drive, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=60.0, help="sentences a second")
    parser.add_argument("--threads", type=int, default=1, help="threads of each server")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    load_before = machine.load_average()
    local = samesay.load("bundled", threads=1)
    texts = sentences(batch_lengths(3, 40, 14), 7)
    right = local.encode(texts)
    with fleet(arguments.threads) as servers:
        name = ",".join(f"http://127.0.0.1:{one.port}/v1" for one in servers.servers)
        model = samesay.load(f"{name}#multilingual-e5-small")
        assert isinstance(model, RemoteModel)
        model.encode(texts[:64])
        events = {
            KILL: servers.kill, STOP: servers.stop, CONTINUE: servers.resume, RESTART: servers.restart,
        }  # fmt: skip
        course, done = drive(model, texts, right, arguments.rate, events)
        states = [state.__dict__ for state in model.replicas]
        retries, requests = model.usage.retries, model.usage.requests
        model.close()
    normal = quantiles([took for at, took in course.requests if 1.0 <= at < KILL - WINDOW])
    assert normal["p99_ms"] is not None
    result = {
        "date": date.today().isoformat(),
        "command": f"python benchmarks/replicas.py --rate {arguments.rate:g} --threads {arguments.threads}"
        " --json benchmarks/results/replicas.json",
        "hardware": machine.hardware(),
        "versions": machine.versions(["samesay", "httpx", "uvicorn"]),
        "load_average": [load_before, machine.load_average()],
        "model": "multilingual-e5-small, int8",
        "replicas": 3,
        "rate_per_second": arguments.rate,
        "sentences": len(course.requests) + len(course.failed),
        "failed": len(course.failed),
        "failures": course.failed[:10],
        "other_bits": course.other_bits,
        "requests_sent": requests,
        "retries": retries,
        "before_all_faults": normal,
        "normal_means": f"p99 of a window at most {NORMAL:g} times that before all faults",
        "events": {name: around(course, at, normal["p99_ms"]) for name, at in done.items()},
        "in_the_end": states,
    }
    print(json.dumps({key: value for key, value in result.items() if key != "hardware"}, indent=1))
    if arguments.json:
        write_result(arguments.json, result)


if __name__ == "__main__":
    main()
