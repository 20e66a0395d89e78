"""What the routers work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
from fastapi import Request
from numpy.typing import NDArray

from samesay.server.access_log import RequestRecord
from samesay.server.admission import Admission
from samesay.server.draining import Draining
from samesay.server.metrics import ServerMetrics
from samesay.server.observing import RECORD
from samesay.server.preparing import Prepared
from samesay.server.problems import invalid
from samesay.server.served_models import ServedModel, ServedModels
from samesay.server.settings import ServerSettings

Result = TypeVar("Result")
# Bytes of a body that is prepared in a moment.
_SMALL_BODY = 16 << 10


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True)
class Services:
    """The parts of one server.

    Attributes:
        settings: What an operator set.
        models: What is served.
        metrics: What Prometheus is told.
        draining: Whether the server stops.
        admission: How many requests may be in work.
        pool: Threads for what takes time beside the network, but not long.
        large_pool: One thread that prepares large requests, so that small ones never wait for them.
    """

    settings: ServerSettings
    models: ServedModels
    metrics: ServerMetrics
    draining: Draining
    admission: Admission
    pool: ThreadPoolExecutor
    large_pool: ThreadPoolExecutor

    async def beside_the_loop(self, work: Callable[[], Result]) -> Result:
        """Do work in a thread, so that the event loop stays free."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)

    async def prepared(self, request: Request, body: bytes, work: Callable[[], Result]) -> Result:
        """Do what comes before the queue, of which a large request may have a second's work.

        Large ones take turns in a thread of their own; one whose client goes before its turn is forgotten.

        Args:
            request: Whose client is watched.
            body: Its body, whose size decides.
            work: What reads it.

        Raises:
            ClientGoneError: When its client has gone.
        """
        if len(body) <= _SMALL_BODY:
            return await self.beside_the_loop(work)
        # The pool keeps what is cancelled until its turn comes, so it must not be what holds the body.
        waiting = [work]
        done = asyncio.get_running_loop().run_in_executor(self.large_pool, lambda: waiting.pop()())
        try:
            return await _unless_gone(request, done)
        finally:
            done.cancel()
            waiting.clear()

    async def vectors(self, request: Request, served: ServedModel, prepared: Prepared) -> NDArray[np.float32]:
        """Give the vector of each different sequence, shape (sequences, width).

        Raises:
            Problem: When there is no room for the request.
            ClientGoneError: When its client has gone; what waited of it is forgotten.
        """
        job = served.batcher.submit(prepared)
        try:
            return await _unless_gone(request, job.answer)
        finally:
            if not job.answer.done():
                served.batcher.withdraw(job)
                job.answer.cancel()

    def check_size(self, prepared: Prepared, param: str) -> None:
        """Refuse a request with more tokens than one may have.

        Args:
            prepared: The request.
            param: The part of it that has the texts.

        Raises:
            Problem: For such a request.
        """
        most = self.settings.limits.request_tokens
        if prepared.input_tokens > most:
            raise invalid(
                f"the request has {prepared.input_tokens} tokens; one may have {most}: send fewer inputs",
                param,
            )

    def count(self, request: Request, served: ServedModel, prepared: Prepared, texts: list[str]) -> None:
        """Note what a request was, for metrics and the access log."""
        inputs, tokens = len(prepared.places), prepared.input_tokens
        self.metrics.inputs.labels(served.name).inc(inputs)
        self.metrics.input_tokens.labels(served.name).inc(tokens)
        self.metrics.cut_inputs.labels(served.name).inc(prepared.cut_inputs)
        record = record_of(request)
        record.model, record.inputs, record.tokens = served.name, inputs, tokens
        if self.settings.log_texts:
            record.texts = texts


def services_of(request: Request) -> Services:
    """Give the parts of the server that a request came to."""
    return cast(Services, request.app.state.services)


def record_of(request: Request) -> RequestRecord:
    """Give what the access log will say of a request."""
    return cast(RequestRecord, request.scope[RECORD])


def check_inputs(count: int, most: int, name: str, param: str) -> None:
    """Refuse more texts than one request may have.

    Args:
        count: How many there are.
        most: How many there may be.
        name: What people call the part of the request that has them.
        param: That part.

    Raises:
        Problem: When there are more.
    """
    if count > most:
        raise invalid(
            f"{name} has {count} entries; one request may have {most}: send several requests", param
        )


async def _unless_gone(request: Request, result: asyncio.Future[Result]) -> Result:
    gone = asyncio.ensure_future(_gone(request))
    try:
        waited_for: set[asyncio.Future[Any]] = {result, gone}
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        if not result.done():
            raise ClientGoneError
        return result.result()
    finally:
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
