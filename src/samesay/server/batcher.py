"""A thread that runs one model, fed with batches of whatever waits, and one that hands the vectors over."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from samesay.engine.base import Engine
from samesay.errors import CheckpointError, SamesayError
from samesay.server.fair_queue import FairQueue, Item, Room
from samesay.server.metrics import ModelMetrics
from samesay.server.preparing import Prepared
from samesay.server.problems import Problem, overloaded, unavailable
from samesay.server.settling import Waiter
from samesay.server.workers import Workers
from samesay.vectors import have_length_one

_SHORTEST_WAIT, _LONGEST_WAIT = 1, 300
# How long a pass may take to hold more than the tokens that an operator set, and how many times as many of
# short and of long texts.
_MOMENT_SECONDS = 0.15
_MOST_SHORT, _MOST_LONG = 8, 4
# What a pass still counts in the measured speed after a full one.
_FADING = 0.9
_DAMAGED = "the model gave a vector that is not finite or has no length: its weights are damaged"


# Who takes vectors.
Vectors = Waiter[NDArray[np.float32]]


class _Abandoned(Exception):  # noqa: N818
    """Nobody waits for the pass any more."""


@dataclass(eq=False)
class Job:
    """A request that waits for its vectors.

    Attributes:
        ticket: Its number.
        prepared: Its sequences.
        waiter: Takes one vector for each sequence, shape (sequences, width).
        vectors: Those that are there already.
        missing: How many are not.
        came: When the request began to wait, by the monotonic clock.
        started: Whether a text of it has gone through the network.
        withdrawn: Whether its client has gone.
    """

    ticket: int
    prepared: Prepared
    waiter: Vectors
    vectors: NDArray[np.float32]
    missing: int
    came: float = field(default_factory=time.monotonic)
    started: bool = False
    withdrawn: bool = False


class Batcher:
    """The queue of one model and the threads that empty it.

    Requests are submitted by threads that prepare them, or by the event loop.

    Args:
        engine: What runs the model.
        batch_tokens: Tokens that go through the network together; more where that takes a moment only.
        queue_tokens: Tokens that may wait.
        metrics: Is told of every pass.
    """

    def __init__(self, engine: Engine, batch_tokens: int, queue_tokens: int, metrics: ModelMetrics) -> None:
        self._engine = engine
        self._most_tokens = queue_tokens
        self._metrics = metrics
        self._queue = FairQueue(queue_tokens)
        self._jobs: dict[int, Job] = {}
        self._tickets = 0
        self._batch_tokens = batch_tokens
        self._weight = self._weighted_speeds = 0.0
        self._changed = threading.Condition()
        self._stopped = False
        # Between two passes the cores have nothing to do, so what can be done beside the next one is.
        self._finishing = Workers(1, "samesay-answers")
        self._thread = threading.Thread(target=self._work, name="samesay-engine", daemon=True)
        self._thread.start()

    @property
    def waiting_requests(self) -> int:
        """Requests with a text that waits."""
        return self._queue.requests

    @property
    def waiting_tokens(self) -> int:
        """Tokens that wait."""
        return self._queue.tokens

    @property
    def tokens_per_second(self) -> float:
        """Speed of the latest passes; 0 before the first."""
        return self._weighted_speeds / self._weight if self._weight else 0.0

    def seconds_to_wait(self) -> float:
        """How long what waits now will take, by the measured speed."""
        speed = self.tokens_per_second
        seconds = math.ceil(self._queue.tokens / speed) if speed else _SHORTEST_WAIT
        return min(max(seconds, _SHORTEST_WAIT), _LONGEST_WAIT)

    def require_room(self, texts: int) -> None:
        """Refuse a request before it is tokenized, when the queue is too full for it whatever its tokens are.

        Args:
            texts: Its different texts, each of which has at least one token.

        Raises:
            Problem: When too much waits already.
        """
        waiting = self._queue.tokens
        if waiting + texts > self._most_tokens and waiting:
            raise overloaded(
                f"{waiting} tokens wait for this model already, of {self._most_tokens} that may; "
                "ask again later",
                self.seconds_to_wait(),
            )

    def submit(self, prepared: Prepared, waiter: Vectors) -> Job:
        """Let a request wait for its vectors.

        Args:
            prepared: The request.
            waiter: Takes its vectors, one for each sequence.

        Raises:
            Problem: When too much waits already, or the server stops.
        """
        with self._changed:
            job = self._accept(prepared, waiter)
            self._changed.notify()
        return job

    def submit_several(self, requests: Sequence[tuple[Prepared, Vectors]]) -> list[Job | Problem]:
        """Let several requests wait, so that they can share a pass.

        Returns:
            For each its job, or why it has none.
        """
        found: list[Job | Problem] = []
        with self._changed:
            for prepared, waiter in requests:
                try:
                    found.append(self._accept(prepared, waiter))
                except Problem as problem:
                    found.append(problem)
            self._changed.notify()
        return found

    def _accept(self, prepared: Prepared, waiter: Vectors) -> Job:
        if self._stopped:
            raise unavailable("the server is stopping", "stopping", _SHORTEST_WAIT)
        if self._queue.tokens + prepared.computed_tokens > self._most_tokens:
            raise overloaded(
                f"{self._queue.tokens} tokens wait for this model already, of {self._most_tokens} that "
                f"may, and this request has {prepared.computed_tokens}; ask again later",
                self.seconds_to_wait(),
            )
        self._tickets += 1
        count = len(prepared.tokens)
        vectors = np.empty((count, prepared.width), np.float32)
        job = Job(self._tickets, prepared, waiter, vectors, count)
        self._jobs[job.ticket] = job
        self._queue.add(_items(job))
        return job

    def withdraw(self, job: Job) -> None:
        """Forget a request whose client has gone; a pass that runs for it alone is given up."""
        with self._changed:
            job.withdrawn = True
            self._queue.withdraw(job.ticket)
            self._jobs.pop(job.ticket, None)

    def stop(self) -> None:
        """Give up what still waits; the thread ends soon."""
        with self._changed:
            self._stopped = True
            left = list(self._jobs.values())
            self._changed.notify()
        for job in left:
            self.withdraw(job)
            job.waiter.settle(unavailable("the server stopped before this request was done", "stopping", 1))

    def join(self, seconds: float) -> None:
        """Wait for the end of its threads, but not longer than that."""
        end = time.monotonic() + seconds
        self._thread.join(seconds)
        self._finishing.stop(max(0.0, end - time.monotonic()))

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue.requests and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    return
                batch = self._queue.next_batch(self._room())
                jobs = [self._jobs[item.ticket] for item in batch]
            try:
                self._run(batch, jobs)
            except _Abandoned:
                continue
            except Exception as error:
                self._give_up(jobs, error)

    def _room(self) -> Room:
        # A pass has work that does not grow with its tokens. So a fast model takes more of what waits at
        # once, as long as a short request that comes meanwhile hardly notices.
        most = self._batch_tokens
        fast = max(most, int(self.tokens_per_second * _MOMENT_SECONDS))
        return Room(mixed=most, short=min(fast, _MOST_SHORT * most), long=min(fast, _MOST_LONG * most))

    def _run(self, batch: Sequence[Item], jobs: Sequence[Job]) -> None:
        began = time.monotonic()
        self._metrics.started(batch, [began - job.came for job in _first_time(jobs)])
        ids, offsets = _laid_end_to_end(batch, jobs)

        def go_on(_: float) -> None:
            if self._stopped or all(job.withdrawn for job in jobs):
                raise _Abandoned

        vectors = self._engine.embed(ids, offsets, batch[0].width, _shared_prefix(batch, jobs), go_on)
        self._measure(sum(item.tokens for item in batch), time.monotonic() - began)
        self._finishing.submit(lambda: self._finish(batch, jobs, vectors))

    def _finish(self, batch: Sequence[Item], jobs: Sequence[Job], vectors: NDArray[np.float32]) -> None:
        """Give the requests of a pass their vectors."""
        try:
            if not have_length_one(vectors).all():
                raise CheckpointError(_DAMAGED)
            done = _keep(batch, jobs, vectors)
        except Exception as error:
            self._give_up(jobs, error)
            return
        if done:
            with self._changed:
                for job in done:
                    self._jobs.pop(job.ticket, None)
            done[0].waiter.loop.call_soon_threadsafe(_hand_over, done)

    def _give_up(self, jobs: Sequence[Job], error: Exception) -> None:
        """Fail the requests of a pass, and only them."""
        told = str(error) if isinstance(error, SamesayError) else "the model failed at this request"
        for job in dict.fromkeys(jobs):
            self.withdraw(job)
            job.waiter.loop.call_soon_threadsafe(job.waiter.settle, Problem(500, told))
        if not isinstance(error, SamesayError):
            threading.excepthook(
                threading.ExceptHookArgs((type(error), error, error.__traceback__, self._thread))
            )

    def _measure(self, tokens: int, seconds: float) -> None:
        # A pass counts by its tokens, in the mean and in what it makes others fade: a small or a first one is
        # slow for each of them, and says little about how fast a full queue empties.
        fading = _FADING ** (tokens / self._batch_tokens)
        self._weight = fading * self._weight + tokens
        self._weighted_speeds = fading * self._weighted_speeds + tokens * tokens / max(seconds, 1e-6)
        self._metrics.ended(seconds)


def _items(job: Job) -> list[Item]:
    prepared = job.prepared
    items: list[Item] = []
    for index, (begin, end) in enumerate(pairwise(prepared.tokens.offsets.tolist())):
        length, prefix = end - begin, prepared.shared[index]
        cost = length if prefix is None else max(length - len(prefix), 1)
        key = None if prefix is None else prefix.tobytes()
        items.append(Item(job.ticket, index, cost, prepared.width, key))
    return items


def _first_time(jobs: Sequence[Job]) -> list[Job]:
    new = [job for job in dict.fromkeys(jobs) if not job.started]
    for job in new:
        job.started = True
    return new


def _laid_end_to_end(
    batch: Sequence[Item], jobs: Sequence[Job]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    sequences = [job.prepared.sequence(item.index) for item, job in zip(batch, jobs, strict=True)]
    offsets = np.zeros(len(batch) + 1, np.int64)
    np.cumsum([len(ids) for ids in sequences], out=offsets[1:])
    return np.concatenate(sequences), offsets


def _shared_prefix(batch: Sequence[Item], jobs: Sequence[Job]) -> NDArray[np.int32] | None:
    for item, job in zip(batch, jobs, strict=True):
        if item.prefix is not None:
            return job.prepared.shared[item.index]
    return None


def _keep(batch: Sequence[Item], jobs: Sequence[Job], vectors: NDArray[np.float32]) -> list[Job]:
    """Put each vector where it belongs, and give the requests that now have all of theirs."""
    for item, job, vector in zip(batch, jobs, vectors, strict=True):
        job.vectors[item.index] = vector
        job.missing -= 1
    return [job for job in dict.fromkeys(jobs) if not job.missing]


def _hand_over(jobs: Sequence[Job]) -> None:
    for job in jobs:
        try:
            job.waiter.settle(job.vectors)
        except Exception as error:  # of one; the others get theirs
            job.waiter.loop.call_exception_handler({"message": "an answer failed", "exception": error})
