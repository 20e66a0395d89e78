"""Short requests beside long documents: how long they take, with and without them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from statistics import median

from serverload.driving import Tally, closed_loop, open_loop, percentiles
from serverload.questions import Checker, Corpus, Question
from serverload.running import Server

_START_SECONDS = 0.5


async def fairness(
    server: Server,
    short_corpus: Corpus,
    short: Sequence[Question],
    long_corpus: Corpus,
    long: Sequence[Question],
    *,
    rounds: int,
    seconds: float,
    per_second: float,
    long_clients: int,
    say: Callable[[str], None],
) -> dict[str, object]:
    """Send short requests at a low rate, in turns alone and beside clients that always ask for documents."""
    checkers = Checker(short_corpus), Checker(long_corpus)
    alone, beside, documents = Tally(checkers[0]), Tally(checkers[0]), Tally(checkers[1])
    for _ in range(rounds):
        await open_loop(server, short, alone, per_second, seconds, 256)
        loading = asyncio.ensure_future(
            closed_loop(server, long, documents, long_clients, seconds + _START_SECONDS)
        )
        await asyncio.sleep(_START_SECONDS)
        await open_loop(server, short, beside, per_second, seconds, 256)
        await loading
    result: dict[str, object] = {
        "short_per_second": per_second,
        "long_clients": long_clients,
        "tokens_of_a_document": round(median(long_corpus.tokens.tolist())),
        "documents_of_a_request": len(long[0].texts),
        "short_alone": percentiles([seconds for seconds, _, _ in alone.accepted]),
        "short_beside": percentiles([seconds for seconds, _, _ in beside.accepted]),
        "long": percentiles([seconds for seconds, _, _ in documents.accepted]),
        "statuses": {
            "short": dict(alone.statuses + beside.statuses),
            "long": dict(documents.statuses),
        },
        "answers_wrong": sum(len(checker.wrong) for checker in checkers),
        "wrong": [fault for checker in checkers for fault in checker.wrong[:5]],
    }
    say(f"fairness: short alone {result['short_alone']}, beside documents {result['short_beside']}")
    return result
