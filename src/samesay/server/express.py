"""Small requests for embeddings, answered without what ASGI does around a request.

A request of one sentence costs the event loop more in the layers around its route than in everything else.
Here its head and body go to a thread as they are; that thread reads and tokenizes all that wait at once, and
the answer is written when the vectors are there. Whatever is unusual about a request, such as a large body, a
missing key, or the end of the server, is left to the application; so are all other routes.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesay.errors import SamesayError
from samesay.server.access_log import RequestRecord
from samesay.server.authentication import Authentication
from samesay.server.batcher import Job
from samesay.server.departure import Departure
from samesay.server.hosts import Hosts
from samesay.server.observing import CLIENT_GONE, Observer
from samesay.server.preparing import Composed, Prepared
from samesay.server.problems import Problem, bug, problem_of
from samesay.server.routers.embeddings import (
    Draft,
    Embedding,
    draft,
    finished,
    is_quickly_rendered,
    render,
)
from samesay.server.served_models import ServedModel
from samesay.server.services import SMALL_BODY, Services

_PATH = "/v1/embeddings"
_JSON = b"application/json"
# With one of these a request is for the application.
_UNUSUAL = frozenset({b"content-encoding", b"transfer-encoding", b"expect", b"origin", b"upgrade"})
# Digits of a Content-Length; more are zeros that nobody needs, or a body that is not small.
_LONGEST_LENGTH = 9
# Bytes of bodies that are prepared together, so that the first of them do not wait long for the last.
_TOGETHER = 32 << 10

Headers = Sequence[tuple[bytes, bytes]]
Reply = Callable[[int, Headers, bytes], object]


@dataclass(eq=False)
class Errand:
    """A request on its way.

    Attributes:
        scope: Its head, as ASGI has it.
        body: Its body.
        record: What the access log will say of it.
        departure: Whether its client has gone.
        reply: Takes the answer.
        loop: The event loop.
        embedded: Called once in the loop with the errand and its vectors, or an error.
        work: What it asks for, when that is known.
        job: Its place in the queue, when it has one.
        ended: Whether it waits no more: its vectors are there, it failed, or its client has gone.
    """

    scope: Mapping[str, Any]
    body: bytes
    record: RequestRecord
    departure: Departure
    reply: Reply
    loop: asyncio.AbstractEventLoop
    embedded: Callable[[Errand, NDArray[np.float32] | BaseException], object]
    work: Embedding | None = None
    job: Job | None = None
    ended: bool = False

    def settle(self, result: NDArray[np.float32] | BaseException) -> None:
        """Take the vectors or an error, unless it has ended; for the event loop to call."""
        if not self.ended:
            self.ended = True
            self.job = None  # it holds this errand, and only the garbage collector frees what goes in circles
            self.departure.then(None)
            self.embedded(self, result)

    def fail(self, error: BaseException) -> None:
        """Let the request end with an error, soon; for a thread."""
        self.loop.call_soon_threadsafe(self.settle, error)

    def withdraw(self) -> None:
        """Forget what waits of it."""
        job, self.job = self.job, None
        if self.work is not None and job is not None:
            self.work.served.batcher.withdraw(job)


class Express:
    """Answers small requests for embeddings.

    Args:
        services: The parts of the server.
        observer: Is told of every request.
        authentication: Knows the keys.
        hosts: Knows the names of the server.
    """

    def __init__(
        self, services: Services, observer: Observer, authentication: Authentication, hosts: Hosts
    ) -> None:
        self._services = services
        self._observer = observer
        self._authentication = authentication
        self._hosts = hosts
        self._waiting: SimpleQueue[Errand | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._prepare, name="samesay-express", daemon=True)
        self._thread.start()

    @property
    def open(self) -> bool:
        """Whether requests are answered here: not while the server stops, which the application tells of."""
        return not self._services.draining.begun

    def takes(self, scope: Mapping[str, Any]) -> bool:
        """Say whether a request is answered here, by its head."""
        if scope["path"] != _PATH or scope["method"] != "POST" or not self.open:
            return False
        kind = length = key = None
        for name, value in scope["headers"]:
            if name in _UNUSUAL:
                return False
            if name == b"content-type":
                kind = value
            elif name == b"content-length":
                length = value
            elif name == b"host":
                if not self._hosts.allow(value):
                    return False
            elif name == b"authorization" and key is None:
                key = value
        if kind != _JSON or length is None or not length.isdigit():
            return False
        if len(length) > _LONGEST_LENGTH or int(length) > SMALL_BODY:
            return False
        return self._authentication.problem(key and key.decode("latin-1")) is None

    def ask(self, scope: Mapping[str, Any], body: bytes, departure: Departure, reply: Reply) -> None:
        """Answer a request that is there as a whole.

        Args:
            scope: Its head; ``takes`` has said yes to it.
            body: Its body.
            departure: Whether its client has gone.
            reply: Is given status, headers and body of the answer, unless the client goes before.
        """
        services = self._services
        services.draining.enter()
        loop = asyncio.get_running_loop()
        errand = Errand(scope, body, self._observer.begin(), departure, reply, loop, self._embedded)
        try:
            services.admission.enter()
        except Problem as problem:
            self._send_problem(errand, problem)
            self._leave(errand, problem.status)
            return
        departure.then(partial(self._gone, errand))
        self._waiting.put(errand)

    def stop(self, seconds: float) -> None:
        """End the thread, without waiting longer than that."""
        self._waiting.put(None)
        self._thread.join(seconds)

    def _gone(self, errand: Errand) -> None:
        errand.ended = True
        errand.withdraw()
        self._end(errand, CLIENT_GONE)

    def _embedded(self, errand: Errand, found: NDArray[np.float32] | BaseException) -> None:
        work = errand.work
        if isinstance(found, BaseException):
            self._fail(errand, found)
        elif work is None:
            self._fail(errand, None)
        elif is_quickly_rendered(work, found):
            self._render(errand, work, found, self._answer, self._fail)
        else:
            # Writing numbers takes long, so a thread does it.
            soon, vectors = errand.loop.call_soon_threadsafe, found
            self._services.pool.submit(
                lambda: self._render(
                    errand,
                    work,
                    vectors,
                    lambda *answer: soon(self._answer, *answer),
                    lambda *failure: soon(self._fail, *failure),
                )
            )

    def _render(
        self,
        errand: Errand,
        work: Embedding,
        vectors: NDArray[np.float32],
        answer: Callable[[Errand, Embedding, bytes], object],
        fail: Callable[[Errand, BaseException], object],
    ) -> None:
        try:
            content = render(work, vectors)
        except Exception as error:
            fail(errand, error)
        else:
            answer(errand, work, content)

    def _answer(self, errand: Errand, work: Embedding, content: bytes) -> None:
        self._services.count(work)
        problem = self._services.unsent.problem(len(content))
        if problem is not None:
            self._fail(errand, problem)
            return
        self._send(errand, 200, ((b"content-type", _JSON),), content)
        self._end(errand, 200)

    def _fail(self, errand: Errand, error: BaseException | None) -> None:
        problem = _problem(error)
        self._send_problem(errand, problem)
        self._end(errand, problem.status)

    def _end(self, errand: Errand, status: int) -> None:
        self._services.admission.leave()
        self._leave(errand, status)

    def _send_problem(self, errand: Errand, problem: Problem) -> None:
        response = problem.response()
        headers = [header for header in response.raw_headers if header[0] != b"content-length"]
        self._send(errand, problem.status, headers, bytes(response.body))

    def _send(self, errand: Errand, status: int, headers: Headers, content: bytes) -> None:
        errand.reply(status, (*headers, (b"x-request-id", errand.record.request_id.encode())), content)

    def _leave(self, errand: Errand, status: int) -> None:
        if errand.work is not None:
            self._services.note(errand.record, errand.work)
        self._observer.end(errand.scope, errand.record, status)
        self._services.draining.leave()

    def _prepare(self) -> None:
        while (first := self._waiting.get()) is not None:
            together, size = [first], len(first.body)
            while size < _TOGETHER:
                try:
                    further = self._waiting.get_nowait()
                except Empty:
                    break
                if further is None:
                    self._waiting.put(None)
                    break
                together.append(further)
                size += len(further.body)
            try:
                self._submit(together)
            except BaseException as error:
                for errand in together:
                    errand.fail(error)
            del first, together

    def _submit(self, errands: Sequence[Errand]) -> None:
        """Read and tokenize requests, and let them wait for their vectors."""
        by_model: dict[ServedModel, list[tuple[Errand, Draft]]] = {}
        for errand in errands:
            if errand.ended:  # its client has gone
                continue
            try:
                begun = draft(self._services, errand.body)
            except Exception as error:
                errand.fail(error)
                continue
            by_model.setdefault(begun.served, []).append((errand, begun))
        for served, drafts in by_model.items():
            ready: list[tuple[Errand, Prepared]] = []
            for errand, begun, prepared in _prepared(served, drafts):
                if isinstance(prepared, Exception):
                    errand.fail(prepared)
                    continue
                try:
                    errand.work = finished(self._services, begun, prepared)
                except Exception as error:
                    errand.fail(error)
                    continue
                ready.append((errand, prepared))
            _let_wait(served, ready)


def _prepared(
    served: ServedModel, drafts: Sequence[tuple[Errand, Draft]]
) -> list[tuple[Errand, Draft, Prepared | Exception]]:
    composed = [begun.inputs for _, begun in drafts if isinstance(begun.inputs, Composed)]
    tokenized = iter(served.preparing.several(composed))
    return [
        (errand, begun, begun.inputs if isinstance(begun.inputs, Prepared) else next(tokenized))
        for errand, begun in drafts
    ]


def _let_wait(served: ServedModel, ready: Sequence[tuple[Errand, Prepared]]) -> None:
    jobs = served.batcher.submit_several([(prepared, errand) for errand, prepared in ready])
    for (errand, _), job in zip(ready, jobs, strict=True):
        if isinstance(job, Problem):
            errand.fail(job)
            continue
        errand.job = job
        if errand.ended:
            # Its client may have gone meanwhile, before the job was there to be withdrawn.
            errand.withdraw()


def _problem(error: BaseException | None) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, SamesayError):
        return problem_of(error)
    logging.getLogger("uvicorn.error").error("Exception in the server", exc_info=error)
    return bug()
