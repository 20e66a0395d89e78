"""Ends in the middle of the work: of the server by a signal, and of clients that go away."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from time import perf_counter

from serverload.connection import Connection, ConnectionEndedError
from serverload.questions import Checker, Corpus, Question
from serverload.running import Server, metrics

_IN_WORK_SECONDS = 1.0
_END_SECONDS = 60.0
_QUEUE_SECONDS = 60.0
_RESTING = 0.005


@dataclass
class Outcomes:
    """What became of requests around a signal.

    Attributes:
        signalled: When it was sent; 0 before.
        before, after: Outcomes of the requests sent before it and after it.
        connections: Outcomes of opening a connection.
    """

    signalled: float = 0.0
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)

    def note(self, sent: float, outcome: str) -> None:
        """Note one."""
        sent_before = not self.signalled or sent < self.signalled
        (self.before if sent_before else self.after)[outcome] += 1


def drain(
    start: Callable[[], AbstractContextManager[Server]],
    corpus: Corpus,
    questions: Sequence[Question],
    *,
    times: int,
    clients: int,
    say: Callable[[str], None],
) -> dict[str, object]:
    """Start a server, send SIGTERM in the middle of load, and see what becomes of every request; again."""
    checker = Checker(corpus)
    runs: list[dict[str, object]] = []
    for turn in range(times):
        with start() as server:
            outcomes, seconds = asyncio.run(_drain_once(server, questions, checker, clients, turn))
            code = server.ended(_END_SECONDS)
            told = server.told[2:]
        runs.append(
            {
                "exit_code": code,
                "seconds_to_the_end": round(perf_counter() - outcomes.signalled, 2),
                "seconds_to_the_last_answer": round(seconds, 2),
                "sent_before": dict(outcomes.before),
                "sent_after": dict(outcomes.after),
                "connections": dict(outcomes.connections),
                "told": told,
            }
        )
        say(f"drain {turn + 1}: {runs[-1]}")
    lost = sum(_lost(run["sent_before"]) for run in runs)
    return {
        "runs": runs,
        "clients": clients,
        "lost_of_those_sent_before": lost,
        "exit_codes": sorted({str(run["exit_code"]) for run in runs}),
        "answers_wrong": len(checker.wrong),
        "wrong": checker.wrong[:5],
    }


def _lost(outcomes: object) -> int:
    assert isinstance(outcomes, dict)
    return sum(count for outcome, count in outcomes.items() if outcome not in ("200", "503"))


async def _drain_once(
    server: Server, questions: Sequence[Question], checker: Checker, clients: int, turn: int
) -> tuple[Outcomes, float]:
    outcomes = Outcomes()
    chance = random.Random(turn)

    async def client(number: int) -> None:
        connection: Connection | None = None
        for step in range(number * 31, 1 << 40):
            try:
                connection = connection or await server.connect()
            except OSError as error:
                outcomes.connections[type(error).__name__] += 1
                return
            question = questions[step % len(questions)]
            sent = perf_counter()
            try:
                answer = await connection.ask(question.request)
            except ConnectionEndedError as error:
                outcomes.note(sent, "cut off" if error.received else "closed without an answer")
                connection = None
                continue
            outcomes.note(sent, str(answer.status))
            if answer.status == 200:
                checker.check(question, answer.body)
            elif answer.status == 503:
                return
            # Half of the clients come with a new connection each time: the signal may meet it in the backlog.
            if not connection.usable or number % 2:
                connection.close()
                connection = None

    working = [asyncio.ensure_future(client(number)) for number in range(clients)]
    await asyncio.sleep(_IN_WORK_SECONDS + chance.random())
    outcomes.signalled = perf_counter()
    server.terminate()
    await asyncio.wait_for(asyncio.gather(*working), _END_SECONDS)
    return outcomes, perf_counter() - outcomes.signalled


async def abandon(
    server: Server,
    short_corpus: Corpus,
    short: Sequence[Question],
    long: Sequence[Question],
    *,
    rounds: int,
    clients: int,
    say: Callable[[str], None],
) -> dict[str, object]:
    """Let many clients ask for long work and go away in the middle of it; then ask for something short."""
    checker = Checker(short_corpus)
    asking = await server.connect()
    observer = await server.connect()
    await asking.ask(short[0].request)
    chance = random.Random(24)
    turns: list[dict[str, object]] = []
    for turn in range(rounds):
        opened = [await server.connect() for _ in range(clients)]
        for number, connection in enumerate(opened):
            connection.send(long[number % len(long)].request)
        await asyncio.sleep(0.2 + 0.6 * chance.random())
        waiting = await metrics(observer)
        for connection in opened:
            connection.abort() if chance.random() < 0.5 else connection.close()
        gone = perf_counter()
        answer = await asking.ask(short[turn % len(short)].request)
        if answer.status == 200:
            checker.check(short[turn % len(short)], answer.body)
        emptied = await _until_empty(observer, gone)
        turns.append(
            {
                "waiting_tokens": waiting["samesay_queue_tokens"],
                "waiting_requests": waiting["samesay_queue_requests"],
                "next_status": answer.status,
                "next_request_ms": round(answer.seconds * 1e3, 1),
                "empty_after_ms": None if emptied is None else round(emptied * 1e3, 1),
                "resident_mb": round(server.resident_mb(), 1),
            }
        )
        say(f"abandon {turn + 1}: {turns[-1]}")
    found = await metrics(observer)
    asking.close()
    observer.close()
    return {
        "clients": clients,
        "texts_of_a_request": len(long[0].texts),
        "tokens_of_a_request": long[0].tokens,
        "turns": turns,
        "in_flight_at_the_end": found["samesay_requests_in_flight"] - 1,
        "answers_wrong": len(checker.wrong),
        "wrong": checker.wrong[:5],
    }


async def _until_empty(observer: Connection, since: float) -> float | None:
    while perf_counter() < since + _QUEUE_SECONDS:
        found = await metrics(observer)
        if not found["samesay_queue_tokens"] and found["samesay_requests_in_flight"] <= 1:
            return perf_counter() - since
        await asyncio.sleep(_RESTING)
    return None
