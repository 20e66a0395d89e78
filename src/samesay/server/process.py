"""The server as a process: its address, its signals, its end."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import gc
import logging
import os
import resource
import socket
import time
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn

from samesay.errors import ServerError
from samesay.server.app import connections_of, create_app, services_in
from samesay.server.hosts import with_hosts
from samesay.server.plans import CollectionPlan, IntentsPlan, ModelPlan
from samesay.server.reporting import describe_address, describe_model
from samesay.server.served_models import ServedModel
from samesay.server.services import Services
from samesay.server.settings import ServerSettings

Notice = Callable[[str], None]

_BACKLOG = 1024
# Files that the process needs beside its connections.
_OTHER_FILES = 100
# Time for answers of the last moment that are written but not yet sent, and for those of requests that were
# given up.
_WRITE_OUT_SECONDS = 5
_LAST_WORDS_SECONDS = 1
# Time after the last answer in which requests are still refused in words: clients learn of the end only so.
_REFUSING_SECONDS = 0.5
_LOOK_SECONDS = 0.05
_ALLOCATIONS_BETWEEN_COLLECTIONS = 10_000


def run_server(
    plans: Sequence[ModelPlan],
    settings: ServerSettings,
    *,
    host: str,
    port: int,
    notice: Notice,
    collections: Sequence[CollectionPlan] = (),
    intents: Sequence[IntentsPlan] = (),
) -> int:
    """Serve until a signal ends it.

    Args:
        plans: What is to be served.
        settings: What an operator set.
        host: The address to listen at.
        port: The port; 0 for any that is free.
        notice: Is told, in lines, what is served and what happens.
        collections: What is to be searched.
        intents: What texts are matched with.

    Returns:
        0 when everything that was accepted is answered, 1 otherwise.

    Raises:
        ServerError: When it cannot listen there.
        SamesayError: When a model cannot be served.
    """
    _allow_connections(settings.limits.connections)
    with listening_socket(host, port) as listener:
        return _serve(
            plans, with_hosts(settings, listener.getsockname()[0]), listener, notice, collections, intents
        )


def _serve(
    plans: Sequence[ModelPlan],
    settings: ServerSettings,
    listener: socket.socket,
    notice: Notice,
    collections: Sequence[CollectionPlan],
    intents: Sequence[IntentsPlan],
) -> int:
    failures: list[Exception] = []

    def ready(served: ServedModel, seconds: float) -> None:
        _spare_what_is_loaded()
        notice(describe_model(served, seconds))

    def failed(error: Exception) -> None:
        failures.append(error)
        server.should_exit = True

    app = create_app(
        plans, settings, ready=ready, failed=failed, collections=collections, opened=notice, intents=intents
    )
    config = uvicorn.Config(
        app,
        http=connections_of(app),
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.limits.keep_alive_seconds,
        timeout_graceful_shutdown=_WRITE_OUT_SECONDS,
    )
    server = _Server(config, services_in(app), notice)
    for line in describe_address(listener, plans, settings):
        notice(line)
    server.run(sockets=[listener])
    if failures:
        raise failures[0]
    for served in services_in(app).models:
        _leave_to_the_system(served.model.checkpoint.tokenizer)
    return server.exit_code


def listening_socket(host: str, port: int) -> socket.socket:
    """Open a port.

    Raises:
        ServerError: When that is not possible.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except socket.gaierror:
        raise ServerError(f"{host!r} is no address of this machine; give one with --host") from None
    except PermissionError:
        raise ServerError(
            f"port {port} is for the administrator; choose one above 1023 with --port"
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ServerError(
                f"port {port} of {host} is in use; end what uses it, or choose another with --port"
            ) from None
        raise ServerError(f"cannot listen at {host}, port {port}: {error.strerror}") from None


class _Server(uvicorn.Server):
    """Ends when all accepted requests are answered; a second signal ends it at once.

    Args:
        config: Of uvicorn.
        services: The parts of the application.
        notice: Is told what happens.
    """

    def __init__(self, config: uvicorn.Config, services: Services, notice: Notice) -> None:
        super().__init__(config)
        self.exit_code = 0
        self._services = services
        self._draining = services.draining
        self._notice = notice
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Take a signal."""
        if self._draining.begun or self._loop is None:
            os.write(2, b"samesay: ended at once\n")
            os._exit(128 + sig)
        self._draining.begin()
        self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._drain()))

    async def _drain(self) -> None:
        left = self._draining.in_flight
        if left:
            self._notice(f"stopping; still to be answered: {left} requests; a second signal ends at once")
        seconds = self._services.settings.drain_seconds
        end = time.monotonic() + seconds
        if not await self._draining.idle(seconds):
            self._give_up(f"not answered within {seconds:g} seconds: {self._draining.in_flight} requests")
            self._services.models.stop()
        elif not await self._sent(end):
            left = self._services.unsent.connections
            self._give_up(f"not read by their clients within {seconds:g} seconds: {left} answers")
        else:
            await asyncio.sleep(_REFUSING_SECONDS)
        self.should_exit = True

    def _give_up(self, why: str) -> None:
        self.exit_code = 1
        self._notice(why)
        # What is left is cancelled, and uvicorn would tell of each task with a traceback.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self.config.timeout_graceful_shutdown = _LAST_WORDS_SECONDS

    async def _sent(self, end: float) -> bool:
        """Wait until clients have read their answers, but not longer than that; say whether they have."""
        while self._services.unsent.connections:
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True


def _spare_what_is_loaded() -> None:
    # The garbage collector took an eighth of the event loop's time: it looked again and again at what was
    # loaded, and at requests that wait. Requests leave nothing to it, so it may come by less often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)


def _leave_to_the_system(vocabulary: object) -> None:
    # The interpreter would take the vocabulary apart at its end, entry by entry, for a second or two.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(vocabulary))


def _allow_connections(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise ServerError(
            f"{count} connections need {wanted} open files and this process may have {hard}: "
            "lower --max-connections or raise the limit (ulimit -n)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
