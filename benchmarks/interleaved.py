"""Engines in turn on the same work, so that the drift of a shared machine falls on all of them alike.

Every engine lives in a process of its own and waits, without computing, while another has its turn. A round
takes the workloads one by one and gives every engine a turn on each, in an order drawn anew.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import numpy as np
from numpy.typing import NDArray

from children import Child, EngineFailedError, opened
from machine import Limits, busy_cpu_seconds, measure_limits
from models import Model
from peers.registry import ENGINES, REFERENCE, Engine
from workloads import FIDELITY, Workload, fidelity_workload

Say = Callable[[str], None]

# Threads that wait for more work in a loop give up in this time.
_SETTLE_SECONDS = 0.05
# Below this, a repetition before the timed ones fills the caches that the engine before had.
_WARM_BELOW_TOKENS = 100
STARTS = 3


@dataclass
class Measured:
    """What was measured of one engine.

    Attributes:
        samples: Seconds, by workload: for every round the repetitions of that turn.
        batch_size: The one used for each workload.
        batch_trials: Seconds with each batch size that was tried.
        fidelity: Cosines to the reference's vectors.
        starts: Seconds to the first vector in a fresh process, with and without the interpreter's start.
        memory: Resident memory in MB of a fresh process after all workloads.
        idle_cpu_share: Processor time used while others had their turn, as a share of one core.
    """

    samples: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    batch_size: dict[str, int] = field(default_factory=dict)
    batch_trials: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    fidelity: list[float] = field(default_factory=list)
    starts: list[tuple[float, float]] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)
    idle_cpu_share: float = 0.0

    def seconds(self, workload: str) -> float | None:
        """The median over rounds of the median of a turn."""
        turns = self.samples.get(workload)
        return median(median(turn) for turn in turns) if turns else None


@dataclass
class Noise:
    """Processor time that went to others while an engine had its turn.

    Attributes:
        foreign_cpu_share: Used by processes that are not part of the comparison, as a share of all cores.
    """

    wall: float = 0.0
    foreign: float = 0.0

    def share(self, cores: int) -> float:
        """Of all cores, over all turns."""
        return self.foreign / (self.wall * cores) if self.wall else 0.0


class Comparison:
    """Engines that wait in their processes, and what was measured of them."""

    def __init__(
        self, model: Model, workloads: list[Workload], threads: int, batch_size: int | None, say: Say
    ) -> None:
        self.model = model
        self.workloads = workloads
        self.threads = threads
        self.measured: dict[str, Measured] = {}
        self.failed: dict[str, str] = {}
        self.noise = Noise()
        self.limits: list[Limits] = []
        self._children: dict[str, Child] = {}
        self._offered: dict[str, list[str]] = {}
        self._idle: dict[str, float] = defaultdict(float)
        self._waited: dict[str, float] = defaultdict(float)
        self._batch_size = batch_size
        self._say = say

    def open(self, engine: Engine, prepared: Path) -> None:
        """Start an engine and find its best batch sizes."""
        self._say(f"{engine.name}: loading")
        try:
            child = Child(engine, self.model, prepared, self.threads)
            self._children[engine.name] = child
            measured = self.measured[engine.name] = Measured()
            self._offered[engine.name], _ = child.ask("offers")
            for workload in self.workloads:
                if workload.name in self._offered[engine.name]:
                    best, trials = self._best_batch_size(child, workload)
                    measured.batch_size[workload.name] = best
                    measured.batch_trials[workload.name] = trials
        except EngineFailedError as error:
            self._drop(engine.name, error)

    def run(self, rounds: int, limits_program: Path | None) -> None:
        """Take all turns of all rounds."""
        order = random.Random(1)
        for turn in range(rounds):
            self._say(f"round {turn + 1} of {rounds}")
            self.limits.append(measure_limits(limits_program, self.threads))
            for workload in self.workloads:
                names = list(self._children)
                order.shuffle(names)
                for name in names:
                    if workload.name in self._offered[name]:
                        self._take_turn(name, workload, turn)
        for name, measured in self.measured.items():
            measured.idle_cpu_share = self._idle[name] / max(self._waited[name], 1e-9)

    def compare_vectors(self, reference: NDArray[np.float32]) -> None:
        """Take the cosine of every engine's vectors to the reference's."""
        for name in list(self._children):
            try:
                vectors = self._children[name].ask("vectors", FIDELITY, 0, 1)
            except EngineFailedError as error:
                self._drop(name, error)
                continue
            self.measured[name].fidelity = _cosines(vectors, reference)

    def close(self) -> None:
        """End all processes."""
        for child in self._children.values():
            child.close()
        self._children.clear()

    def start_afresh(self, prepared: dict[str, Path]) -> None:
        """Start every engine a few times more, each alone, and let the last run all workloads."""
        for attempt in range(STARTS):
            for name in [*self.measured]:
                if name in self.failed:
                    continue
                try:
                    with opened(ENGINES[name], self.model, prepared[name], self.threads) as child:
                        self.measured[name].starts.append((child.start_seconds, child.load_seconds))
                        if attempt == STARTS - 1:
                            self._fill(child)
                            self.measured[name].memory = child.ask("memory")
                except EngineFailedError as error:
                    self._drop(name, error)

    def _best_batch_size(self, child: Child, workload: Workload) -> tuple[int, dict[int, list[float]]]:
        if workload.items == 1 or self._batch_size is not None:
            return min(workload.items, self._batch_size or 1), {}
        found: tuple[int, dict[int, list[float]]] = child.ask("best_batch_size", workload.name)
        return found

    def _fill(self, child: Child) -> None:
        name = child.engine.name
        for workload in self.workloads:
            if workload.name in self._offered[name]:
                child.ask("vectors", workload.name, 0, self.measured[name].batch_size[workload.name])

    def _take_turn(self, name: str, workload: Workload, turn: int) -> None:
        sleep(_SETTLE_SECONDS)
        before = {other: child.cpu_seconds() for other, child in self._children.items()}
        busy, began = busy_cpu_seconds(), perf_counter()
        size = self.measured[name].batch_size[workload.name]
        short = workload.items == 1 and (workload.tokens or 0) < _WARM_BELOW_TOKENS
        warm = short or (turn == 0 and not workload.asked)
        try:
            seconds = self._children[name].ask("time", workload.name, turn, size, warm)
        except EngineFailedError as error:
            self._drop(name, error)
            return
        wall, busy = perf_counter() - began, busy_cpu_seconds() - busy
        used = {other: child.cpu_seconds() - before[other] for other, child in self._children.items()}
        self.measured[name].samples[workload.name].append(seconds)
        self.noise.wall += wall
        self.noise.foreign += max(0.0, busy - sum(used.values()))
        for other in self._children:
            if other != name:
                self._idle[other] += used[other]
                self._waited[other] += wall

    def _drop(self, name: str, error: EngineFailedError) -> None:
        self._say(f"skipped: {error}")
        self.failed[name] = str(error)
        self._children.pop(name, None)
        self.measured.pop(name, None)


def _cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> list[float]:
    # What is made in bfloat16 has not quite length 1.
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines: list[float] = (np.einsum("nd,nd->n", a, b) / lengths).tolist()
    return cosines


def reference_vectors(model: Model, prepared: Path, threads: int) -> NDArray[np.float32]:
    """The vectors of the reference, from a process that ends with it.

    Raises:
        EngineFailedError: When it cannot be loaded.
    """
    with opened(ENGINES[REFERENCE], model, prepared, threads) as child:
        vectors: NDArray[np.float32] = child.ask("vectors", fidelity_workload(model).name, 0, 1)
    return vectors
