"""More than the server can carry: what it refuses, what it keeps, and what that does to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter, process_time

import numpy as np

from serverload.driving import Tally, closed_loop, open_loop, percentiles
from serverload.questions import Checker, Corpus, Question
from serverload.running import Server, metrics, new_watch

_CAPACITY_SECONDS = 5.0
_REST_SECONDS = 1.0
# Two, and each of a fast model may hold four times the tokens that are set.
_PASSES_UNDER_WAY = 8


async def overload(
    server: Server,
    corpus: Corpus,
    questions: Sequence[Question],
    *,
    seconds: float,
    times: float,
    batch_tokens: int,
    connections: int,
    say: Callable[[str], None],
) -> dict[str, object]:
    """Send requests at so many times the rate that the server can carry, for that time."""
    checker = Checker(corpus)
    capacity = await _requests_per_second(server, questions, checker)
    say(
        f"overload: the server carries {capacity:.0f} requests/s; {times:g} times as many for {seconds:.0f} s"
    )
    tally, watch = Tally(checker), new_watch()
    watching = asyncio.ensure_future(watch.run(server))
    begin, client = perf_counter(), process_time()
    await open_loop(server, questions, tally, capacity * times, seconds, connections)
    wall, client = perf_counter() - begin, process_time() - client
    watching.cancel()
    after = await _after(server)
    served = tally.tokens_between(begin, begin + seconds) / seconds
    waiting, waited = watch.most("samesay_queue_tokens"), waited_tokens(tally.accepted) or [0]
    result: dict[str, object] = {
        "carried_requests_per_second": round(capacity, 1),
        "sent_requests_per_second": round(sum(tally.statuses.values()) / wall, 1),
        "seconds": round(wall, 1),
        "statuses": {str(status): count for status, count in sorted(tally.statuses.items())},
        "unsent": tally.unsent,
        "cut_off": tally.cut_off,
        "without_retry_after": tally.without_retry_after,
        "retry_after": dict(tally.retry_after.most_common(10)),
        "tokens_per_second": round(served, 1),
        "accepted": percentiles([seconds for seconds, _, _ in tally.accepted]),
        "accepted_by_size": _by_size(tally),
        "refused": percentiles(tally.refused_seconds),
        "most_tokens_waiting": waiting,
        "most_requests_in_flight": watch.most("samesay_requests_in_flight"),
        # A wait in tokens is the work that was answered meanwhile: a busy machine makes it no longer. Bounded
        # by a full queue, as much again that may overtake a long request, and the passes under way.
        "waited_tokens_p50": waited[len(waited) // 2],
        "waited_tokens_p99": waited[len(waited) * 99 // 100],
        "waited_tokens_most": waited[-1],
        "bound_tokens": round(2 * waiting + _PASSES_UNDER_WAY * batch_tokens),
        "bound_ms": round(1e3 * (2 * waiting + _PASSES_UNDER_WAY * batch_tokens) / served, 1)
        if served
        else None,
        "health": percentiles(watch.health_seconds) | {"failures": watch.health_failures},
        "memory": memory_summary(watch.memory),
        "answers_right": checker.right,
        "answers_wrong": len(checker.wrong),
        "wrong": checker.wrong[:5],
        "client_cpu": round(client / wall, 3),
        "after": after,
    }
    say(f"overload: {result['statuses']}, accepted {result['accepted']}, bound {result['bound_ms']} ms")
    return result


def memory_summary(noted: Sequence[tuple[float, float]]) -> dict[str, object]:
    """Say whether memory grew: its middle in the last quarter against the second quarter."""
    if len(noted) < 8:
        return {}
    quarter = len(noted) // 4
    early = median(mb for _, mb in noted[quarter : 2 * quarter])
    late = median(mb for _, mb in noted[-quarter:])
    shown = noted[:: max(1, len(noted) // 40)]
    return {
        "first_mb": round(noted[0][1], 1),
        "most_mb": round(max(mb for _, mb in noted), 1),
        "second_quarter_mb": round(early, 1),
        "last_quarter_mb": round(late, 1),
        "growth_mb": round(late - early, 1),
        "course": [[round(at), round(mb, 1)] for at, mb in shown],
    }


def waited_tokens(accepted: Sequence[tuple[float, int, float]]) -> list[int]:
    """Give for each answer the tokens of all answers between its request and itself, in rising order."""
    ordered = sorted(accepted, key=lambda one: one[2])
    ends = np.array([ended for _, _, ended in ordered])
    served = np.concatenate([[0], np.cumsum([tokens for _, tokens, _ in ordered], dtype=np.int64)])
    sent = ends - [seconds for seconds, _, _ in ordered]
    return sorted((served[1:] - served[np.searchsorted(ends, sent)]).tolist())


async def _requests_per_second(server: Server, questions: Sequence[Question], checker: Checker) -> float:
    tally = Tally(checker)
    begin = perf_counter()
    await closed_loop(server, questions, tally, 64, _CAPACITY_SECONDS)
    return len(tally.accepted) / (perf_counter() - begin)


async def _after(server: Server) -> dict[str, float]:
    await asyncio.sleep(_REST_SECONDS)
    connection = await server.connect()
    found = await metrics(connection)
    connection.close()
    return {
        "requests_in_flight": found["samesay_requests_in_flight"] - 1,  # the one that asks
        "queue_requests": found["samesay_queue_requests"],
        "queue_tokens": found["samesay_queue_tokens"],
        "resident_mb": round(server.resident_mb(), 1),
    }


def _by_size(tally: Tally) -> dict[str, dict[str, float]]:
    middle = median(tokens for _, tokens, _ in tally.accepted) * 4 if tally.accepted else 0
    return {
        "short": percentiles([seconds for seconds, tokens, _ in tally.accepted if tokens <= middle]),
        "long": percentiles([seconds for seconds, tokens, _ in tally.accepted if tokens > middle]),
    }
