"""How requests are sent: as fast as answers come, or at a rate that does not wait for them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from serverload.connection import Answer, Connection, ConnectionEndedError
from serverload.questions import Checker, Question
from serverload.running import Server


@dataclass
class Tally:
    """What became of requests.

    Attributes:
        checker: Compares answers.
        statuses: Answers by status; 0 for connections refused or ended without one.
        accepted: Seconds of each answer with status 200, the tokens of its question, and when it ended.
        refused_seconds: Seconds of each with 429.
        without_retry_after: Answers with 429 that do not say when to ask again.
        cut_off: Answers that ended in the middle.
        unsent: Requests that were due while every connection was in use.
    """

    checker: Checker
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: list[tuple[float, int, float]] = field(default_factory=list)
    refused_seconds: list[float] = field(default_factory=list)
    retry_after: Counter[str] = field(default_factory=Counter)
    without_retry_after: int = 0
    cut_off: int = 0
    unsent: int = 0

    def note(self, question: Question, answer: Answer) -> None:
        """Note a whole answer."""
        self.statuses[answer.status] += 1
        if answer.status == 200:
            self.checker.check(question, answer.body)
            self.accepted.append((answer.seconds, question.tokens, answer.ended))
        elif answer.status == 429:
            self.refused_seconds.append(answer.seconds)
            after = answer.header("retry-after")
            if after is None or not after.isdecimal() or int(after) < 1:
                self.without_retry_after += 1
            else:
                self.retry_after[after] += 1

    def lost(self, error: ConnectionEndedError | OSError) -> None:
        """Note a request without a whole answer."""
        self.statuses[0] += 1
        self.cut_off += isinstance(error, ConnectionEndedError) and error.received > 0

    def tokens_between(self, begin: float, end: float) -> int:
        """Tokens of the answers that came in that time."""
        return sum(tokens for _, tokens, at in self.accepted if begin <= at < end)


async def closed_loop(
    server: Server, questions: Sequence[Question], tally: Tally, connections: int, seconds: float
) -> None:
    """Keep so many requests in work for that time."""
    opened = [await server.connect() for _ in range(connections)]
    until = perf_counter() + seconds

    async def work(number: int, connection: Connection) -> None:
        turn = number * 7919
        while perf_counter() < until:
            question = questions[turn % len(questions)]
            turn += 1
            try:
                tally.note(question, await connection.ask(question.request))
            except ConnectionEndedError as error:
                tally.lost(error)
                connection = await server.connect()
        connection.close()

    await asyncio.gather(*(work(number, connection) for number, connection in enumerate(opened)))


async def open_loop(
    server: Server,
    questions: Sequence[Question],
    tally: Tally,
    per_second: float,
    seconds: float,
    most_connections: int,
) -> None:
    """Send requests at random moments, so many a second, whether or not answers come; wait for the last."""
    idle: list[Connection] = []
    opened = 0
    tasks: set[asyncio.Task[None]] = set()

    async def one(question: Question) -> None:
        nonlocal opened
        connection = idle.pop() if idle else None
        if connection is None or not connection.usable:
            if connection is None:
                opened += 1
            try:
                connection = await server.connect()
            except OSError as error:
                opened -= 1
                tally.lost(error)
                return
        try:
            tally.note(question, await connection.ask(question.request))
            idle.append(connection)
        except ConnectionEndedError as error:
            opened -= 1
            tally.lost(error)

    chance = random.Random(23)
    begin = perf_counter()
    due = begin
    for turn in range(1 << 40):
        due += chance.expovariate(per_second)
        if due > begin + seconds:
            break
        wait = due - perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        if not idle and opened >= most_connections:
            tally.unsent += 1
            continue
        task = asyncio.ensure_future(one(questions[turn % len(questions)]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*list(tasks))
    for connection in idle:
        connection.close()


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds of the middle and the ends."""
    if not seconds:
        return {}
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1e3, 2)

    return {"p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "max_ms": at(1), "count": len(ordered)}
