"""What a process that holds one engine can be asked to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from models import Model
from peers.base import Peer, Vectors
from peers.registry import ENGINES, Engine
from workloads import Workload, fidelity_workload, workloads_of

# Batch sizes that take at most as many times as long as the best deserve a second look.
_CLOSE = 1.15
# Its tokens are those of no timed turn.
_WARM_TURN = 1_000_000


def read_model(text: str) -> Model:
    """Turn the parent's description of the model back into one."""
    fields: dict[str, Any] = json.loads(text)
    for name, value in fields.items():
        fields[name] = tuple(value) if isinstance(value, list) else value
    fields["folder"] = Path(fields["folder"])
    return Model(**fields)


class Worker:
    """An engine and the workloads of its model."""

    def __init__(self, engine: Engine, peer: Peer, workloads: list[Workload]) -> None:
        self._peer = peer
        self._workloads = {one.name: one for one in workloads if one.texts or engine.takes_tokens}

    def offers(self) -> tuple[list[str], tuple[int, ...]]:
        """Workloads that the engine can do, and the batch sizes worth trying."""
        return list(self._workloads), self._peer.batch_sizes

    def vectors(self, name: str, turn: int, batch_size: int) -> Vectors:
        """Embed what a workload has for a turn."""
        workload = self._workloads[name]
        return self._embed(workload, workload.make(turn), batch_size)

    def time(self, name: str, turn: int, batch_size: int, warm: bool) -> list[float]:
        """Seconds of each repetition of a workload; each has its own tokens."""
        workload = self._workloads[name]
        turns = [turn * workload.repeats + i for i in range(workload.repeats)]
        given = [workload.make(one) for one in turns]
        if warm:
            self._embed(workload, workload.make(_WARM_TURN + turn), batch_size)
        seconds = []
        for one in given:
            begin = perf_counter()
            self._embed(workload, one, batch_size)
            seconds.append(perf_counter() - begin)
        return seconds

    def best_batch_size(self, name: str) -> tuple[int, dict[int, list[float]]]:
        """The batch size with which a workload takes least time, and the times of all that were tried.

        Those close to the best are tried again, so that one bad moment does not decide.
        """
        workload = self._workloads[name]
        sizes = [size for size in self._peer.batch_sizes if size <= workload.items]
        if len(sizes) < 2:
            return max(self._peer.batch_sizes), {}
        took = {size: self.time(name, 0, size, False) for size in sizes}
        best = min(map(min, took.values()))
        close = [size for size in sizes if min(took[size]) < _CLOSE * best]
        for size in close if len(close) > 1 else ():
            took[size] += self.time(name, 1, size, False)
        return min(took, key=lambda size: min(took[size])), took

    def memory(self) -> dict[str, float]:
        """Resident memory in MB: the most there was, and what is held now, files mapped or not."""
        status = Path("/proc/self/status").read_text("ascii")
        fields = dict(line.split(":", 1) for line in status.splitlines())
        names = {"peak": "VmHWM", "now": "VmRSS", "anonymous": "RssAnon", "files": "RssFile"}
        return {name: int(fields[field].split()[0]) / 1000 for name, field in names.items()}

    def first(self) -> None:
        """Embed the first workload once."""
        self.vectors(next(iter(self._workloads)), 0, 1)

    def _embed(self, workload: Workload, given: Any, batch_size: int) -> Vectors:
        if workload.texts:
            return self._peer.embed_texts(given, batch_size)
        return self._peer.embed(given, batch_size, workload.shared)


def prepare(name: str, described: str, folder: str) -> None:
    """Write what the engine loads."""
    engine = ENGINES[name]
    engine.load_module().prepare(read_model(described), engine.variant, Path(folder))


def serve(interpreter_ready: float, arguments: Sequence[str]) -> None:
    """Load the engine, embed once, tell when that was done, then answer until the parent hangs up."""
    name, described, folder, threads, socket = arguments
    engine, model = ENGINES[name], read_model(described)
    peer = engine.load_module().load(model, engine.variant, Path(folder), int(threads))
    worker = Worker(engine, peer, [*workloads_of(model), fidelity_workload(model)])
    worker.first()
    ready = perf_counter()

    from multiprocessing.connection import Connection

    parent = Connection(int(socket))
    parent.send({"interpreter": interpreter_ready, "first_vector": ready})
    while True:
        try:
            method, values = parent.recv()
        except EOFError:
            return
        parent.send(getattr(worker, method)(*values))
