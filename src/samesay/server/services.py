"""What the routers work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
from fastapi import Request
from numpy.typing import NDArray

from samesay.errors import SamesayError
from samesay.server.access_log import RequestRecord
from samesay.server.admission import Admission
from samesay.server.batcher import Job
from samesay.server.departure import departure_of, unless_gone
from samesay.server.draining import Draining
from samesay.server.metrics import ServerMetrics
from samesay.server.observing import RECORD
from samesay.server.preparing import Prepared
from samesay.server.problems import Problem, answered, invalid
from samesay.server.served_models import ServedModel, ServedModels
from samesay.server.settings import ServerSettings
from samesay.server.settling import FutureWaiter, settle
from samesay.server.unsent import UnsentAnswers
from samesay.server.workers import Workers

Result = TypeVar("Result")
# Bytes of a body that is prepared in a moment.
SMALL_BODY = 16 << 10


@dataclass(frozen=True)
class Work:
    """A request that is prepared.

    Attributes:
        served: The model that it is for.
        prepared: Its sequences.
        texts: Its texts.
    """

    served: ServedModel
    prepared: Prepared
    texts: list[str]


Asked = TypeVar("Asked", bound=Work)


@dataclass(frozen=True)
class Services:
    """The parts of one server.

    Attributes:
        settings: What an operator set.
        models: What is served.
        metrics: What Prometheus is told.
        draining: Whether the server stops.
        admission: How many requests may be in work.
        unsent: The answers that clients have not read yet.
        pool: Threads for what takes time beside the network, but not long.
        large_pool: One thread that prepares large requests, so that small ones never wait for them.
        conflicts_pool: One thread that looks for conflicts between texts, which may take seconds a pair.
    """

    settings: ServerSettings
    models: ServedModels
    metrics: ServerMetrics
    draining: Draining
    admission: Admission
    unsent: UnsentAnswers
    pool: Workers
    large_pool: Workers
    conflicts_pool: Workers

    async def beside_the_loop(self, work: Callable[[], Result], pool: Workers | None = None) -> Result:
        """Do work in a thread, of ``pool`` or of those for what does not take long; the loop stays free."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        (pool or self.pool).submit(lambda: _bring_about(answer, lambda: _settle_soon(answer, work())))
        return await answer

    async def prepared(self, request: Request, body: bytes, work: Callable[[], Result]) -> Result:
        """Do what takes no network, in a thread.

        Args:
            request: Whose client is watched.
            body: Its body, whose size decides where the work is done.
            work: What reads it.

        Raises:
            ClientGoneError: When its client has gone.
        """
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        return await self._answered(request, body, answer, lambda: _settle_soon(answer, work()))

    async def embedded(
        self, request: Request, body: bytes, prepare: Callable[[], Asked]
    ) -> tuple[Asked, NDArray[np.float32]]:
        """Prepare a request, and embed its sequences when its turn comes.

        The thread that prepares it puts it into the queue itself: the event loop has nothing to do until the
        vectors are there.

        Args:
            request: Whose client is watched.
            body: Its body, whose size decides where it is prepared.
            prepare: What reads it.

        Returns:
            What was prepared, and the vector of each different sequence, shape (sequences, width).

        Raises:
            Problem: When there is no room for the request.
            ClientGoneError: When its client has gone; what waited of it is forgotten.
        """
        answer: asyncio.Future[NDArray[np.float32]] = asyncio.get_running_loop().create_future()
        prepared: list[Asked] = []
        jobs: list[Job] = []

        def work() -> None:
            asked = prepare()
            prepared.append(asked)
            jobs.append(asked.served.batcher.submit(asked.prepared, FutureWaiter(answer)))
            if answer.done():
                # Its client went meanwhile, perhaps before the job was there to be withdrawn.
                withdraw()

        def withdraw() -> None:
            for job in jobs:
                prepared[0].served.batcher.withdraw(job)

        try:
            vectors = await self._answered(request, body, answer, work)
        except BaseException:
            withdraw()
            raise
        finally:
            for asked in prepared:
                self.note(record_of(request), asked)
        self.count(prepared[0])
        return prepared[0], vectors

    async def _answered(
        self,
        request: Request,
        body: bytes,
        answer: asyncio.Future[Result],
        work: Callable[[], object],
    ) -> Result:
        """Do work in a thread and wait for the answer, which it brings about, unless the client goes.

        A large request may have a second's work before the queue. Such take turns in a thread of their own;
        one whose client goes before its turn is forgotten.
        """
        # The pool keeps its list until the turn comes, so it must not be what holds the body.
        waiting = [work]
        pool = self.pool if len(body) <= SMALL_BODY else self.large_pool

        def run() -> None:
            try:
                now = waiting.pop()
            except IndexError:  # its client has gone
                return
            _bring_about(answer, now)

        pool.submit(run)
        try:
            return await unless_gone(answer, departure_of(request.scope))
        finally:
            answer.cancel()
            waiting.clear()

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

    def note(self, record: RequestRecord, asked: Work) -> None:
        """Say what the access log is to say of a request."""
        prepared = asked.prepared
        self.tell(record, asked.served.name, len(prepared.places), prepared.input_tokens, asked.texts)

    def tell(self, record: RequestRecord, model: str, inputs: int, tokens: int, texts: list[str]) -> None:
        """Say that a request had so many inputs and tokens; its texts only where they are to be logged."""
        record.model, record.inputs, record.tokens = model, inputs, tokens
        if self.settings.log_texts:
            record.texts = texts

    def count(self, asked: Work) -> None:
        """Count a request whose vectors are there."""
        prepared = asked.prepared
        self.metrics.embedded(
            asked.served.name, len(prepared.places), prepared.input_tokens, prepared.cut_inputs
        )


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


def _bring_about(answer: asyncio.Future[Result], work: Callable[[], object]) -> None:
    """Do work that settles the answer; where it fails, the answer is the error."""
    try:
        work()
    except BaseException as error:
        if isinstance(error, Problem | SamesayError):
            answered(error)
        answer.get_loop().call_soon_threadsafe(settle, answer, error)


def _settle_soon(answer: asyncio.Future[Result], result: Result) -> None:
    answer.get_loop().call_soon_threadsafe(settle, answer, result)
