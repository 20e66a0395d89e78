"""What a request costs beside the network: processor time of a server whose engine computes nothing.

Times of a server that is busy depend on everything else that runs; the processor time of its threads hardly.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter, process_time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from samesay import EmbeddingModel, load
from samesay.engine.base import Engine
from samesay.server.plans import ModelPlan
from samesay.server.process import run_server
from samesay.server.settings import ServerSettings
from serverload.driving import Tally, closed_loop
from serverload.questions import Checker, Corpus
from serverload.running import Server
from serverload.saturation import Load

PROGRAM = (str(Path(__file__)),)
_WARM_SECONDS = 1.0


class IdleEngine:
    """Gives the same vector for every text, at once.

    Args:
        inner: What it stands for.
    """

    def __init__(self, inner: Engine, width: int) -> None:
        self.precision = inner.precision
        self.revision = inner.revision
        self._vector = np.full(width, width**-0.5, np.float32)

    def embed(
        self,
        token_ids: NDArray[np.int32],  # noqa: ARG002
        offsets: NDArray[np.int64],
        dimensions: int,
        prefix: NDArray[np.int32] | None = None,  # noqa: ARG002
        progress: Callable[[float], object] | None = None,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        """Give it."""
        return np.tile(self._vector[:dimensions], (len(offsets) - 1, 1))


class _AnyAnswer(Checker):
    def check(self, question: object, body: bytes) -> bool:  # noqa: ARG002
        self.right += 1
        return True


class Start(Protocol):
    """Starts a server."""

    def __call__(self) -> AbstractContextManager[Server]: ...


def overhead(
    start: Start, corpus: Corpus, loads: Sequence[Load], *, seconds: float, say: Callable[[str], None]
) -> dict[str, object]:
    """Measure the processor time of each kind of request, of the server and of the client."""
    result: dict[str, object] = {}
    with start() as server:
        for load_ in loads:
            asyncio.run(_drive(server, load_, corpus, _WARM_SECONDS))
            before, client, begin = server.cpu_seconds(), process_time(), perf_counter()
            requests = asyncio.run(_drive(server, load_, corpus, seconds))
            after, client, wall = server.cpu_seconds(), process_time() - client, perf_counter() - begin
            used = {thread: cpu - before.get(thread, 0.0) for thread, cpu in after.items()}
            found = {
                "connections": load_.connections,
                "requests": requests,
                "wall_ms": round(wall / requests * 1e3, 4),
                "server_cpu_ms": round(sum(used.values()) / requests * 1e3, 4),
                "event_loop_cpu_ms": round(used[server.process.pid] / requests * 1e3, 4),
                "client_cpu_ms": round(client / requests * 1e3, 4),
            }
            result[load_.name] = found
            say(f"overhead, {load_.name}: {found}")
    return result


async def _drive(server: Server, load_: Load, corpus: Corpus, seconds: float) -> int:
    tally = Tally(_AnyAnswer(corpus))
    await closed_loop(server, load_.questions, tally, load_.connections, seconds)
    if tally.statuses.keys() != {200}:
        raise SystemExit(f"{load_.name}: not every request was answered with 200: {dict(tally.statuses)}")
    return len(tally.accepted)


def main() -> int:
    """Serve a model without its engine."""

    def idle() -> EmbeddingModel:
        model = load(sys.argv[-1])
        assert isinstance(model, EmbeddingModel)
        return EmbeddingModel(model.checkpoint, IdleEngine(model.engine, model.dimensions))

    def notice(line: str) -> None:
        print(f"samesay: {line}", file=sys.stderr, flush=True)

    plan = ModelPlan(load(sys.argv[-1]).name, (), idle)
    return run_server([plan], ServerSettings(), host="127.0.0.1", port=0, notice=notice)


if __name__ == "__main__":
    sys.exit(main())
