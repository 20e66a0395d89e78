"""Servers for tests: in this process with any engine, or as the real command."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import uvicorn
from numpy.typing import NDArray

from samesay import EmbeddingModel, load
from samesay.engine.base import Engine, Precision
from samesay.server.app import connections_of, create_app, express_of, services_in
from samesay.server.express import Express
from samesay.server.plans import CollectionPlan, IntentsPlan, ModelPlan
from samesay.server.process import listening_socket
from samesay.server.services import Services
from samesay.server.settings import ServerSettings

FIXTURES = Path(__file__).parents[1] / "fixtures"
QWEN, BERT = "qwen3-gqa2", "bert-mean"
# The machine that runs the tests may be busy with other things.
PATIENCE = 60.0


def model_of(name: str) -> EmbeddingModel:
    """A small model; fp32, so that nothing is packed and stored."""
    return load(FIXTURES / name, precision="fp32", threads=1)


def plan_of(name: str, engine: Callable[[Engine], Engine] = lambda engine: engine) -> ModelPlan:
    """A small model with its engine, or another around it."""

    def loaded() -> EmbeddingModel:
        model = model_of(name)
        return EmbeddingModel(model.checkpoint, engine(model.engine))

    return ModelPlan(name, (f"test/{name}",), loaded)


@dataclass
class HeldEngine:
    """An engine whose passes wait until they are let go; those before the server is ready are not held.

    Attributes:
        inner: What computes.
        free: Set while passes may go on.
        running: Set while a pass waits or runs.
        passes: The lengths of the texts of every pass that was held.
        given_up: How many passes ended because nobody waited for them.
        holding: Whether the server is ready.
    """

    inner: Engine
    free: threading.Event = field(default_factory=threading.Event)
    running: threading.Event = field(default_factory=threading.Event)
    passes: list[list[int]] = field(default_factory=list)
    given_up: int = 0
    holding: bool = False

    @property
    def precision(self) -> Precision:
        return self.inner.precision

    @property
    def revision(self) -> str:
        return self.inner.revision

    def embed(
        self,
        token_ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        dimensions: int,
        prefix: NDArray[np.int32] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> NDArray[np.float32]:
        if not self.holding:
            return self.inner.embed(token_ids, offsets, dimensions, prefix, progress)
        self.passes.append(np.diff(offsets).tolist())
        self.running.set()
        try:
            while not self.free.wait(0.005):
                if progress is not None:
                    progress(0.5)
        except Exception:
            self.given_up += 1
            raise
        finally:
            self.running.clear()
        return self.inner.embed(token_ids, offsets, dimensions, prefix, progress)


def held() -> tuple[list[HeldEngine], Callable[[Engine], Engine]]:
    """A list that a held engine will be put into, and what makes it."""
    made: list[HeldEngine] = []

    def make(engine: Engine) -> Engine:
        made.append(HeldEngine(engine))
        return made[-1]

    return made, make


@dataclass(frozen=True)
class Serving:
    """A server in this process."""

    url: str
    port: int
    services: Services
    express: Express

    def client(self, timeout: float = PATIENCE) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=timeout)


@contextlib.contextmanager
def serving(
    plans: Sequence[ModelPlan],
    settings: ServerSettings | None = None,
    *,
    wait: bool = True,
    collections: Sequence[CollectionPlan] = (),
    intents: Sequence[IntentsPlan] = (),
    send_buffer: int | None = None,
) -> Iterator[Serving]:
    """Serve in a thread of this process, on a free port; the system sends so many bytes of answers ahead."""
    settings = settings or ServerSettings()
    failures: list[Exception] = []
    app = create_app(
        plans,
        settings,
        ready=lambda *_: None,
        failed=failures.append,
        collections=collections,
        intents=intents,
    )
    config = uvicorn.Config(
        app,
        http=connections_of(app),
        loop="asyncio",
        ws="none",
        log_config=None,
        log_level="error",
        timeout_keep_alive=settings.limits.keep_alive_seconds,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    listener = listening_socket("127.0.0.1", 0)
    if send_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    port = listener.getsockname()[1]
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        there = Serving(f"http://127.0.0.1:{port}", port, services_in(app), express_of(app))
        if wait:
            until(lambda: (there.services.models.ready and app.state.collections.ready) or bool(failures))
            if failures:
                raise failures[0]
            for served in there.services.models:
                if isinstance(served.model.engine, HeldEngine):
                    served.model.engine.holding = True
        yield there
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
        assert not thread.is_alive()


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@dataclass
class ServerProcess:
    """The real command."""

    process: subprocess.Popen[str]
    url: str
    told: list[str]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """The exit code, and everything that was said."""
        code = self.process.wait(PATIENCE)
        return code, "".join(self.told)


@contextlib.contextmanager
def server_process(
    folder: Path, *arguments: str, changes: dict[str, str] | None = None, wait: bool = True
) -> Iterator[ServerProcess]:
    """Run ``samesay serve`` on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "samesay", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=folder,
        env={**os.environ, "SAMESAY_CACHE": str(folder / "cache"), **(changes or {})},
    )
    told: list[str] = []
    assert process.stderr is not None
    lines = process.stderr
    reader = threading.Thread(target=lambda: told.extend(lines), daemon=True)
    reader.start()
    running = ServerProcess(process, "", told)
    try:
        until(lambda: "listening at" in "".join(told) or process.poll() is not None)
        address = re.search(r"listening at (http://\S+)/v1", "".join(told))
        assert address, "".join(told)
        running.url = address[1]
        if wait:
            with running.client() as client:
                until(lambda: client.get("/ready").status_code == 200)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
        reader.join(PATIENCE)
        process.stderr.close()
        assert process.stdout is not None
        process.stdout.close()
