"""What the server adds to the engine: tokens a second of both on the same texts, in turns.

The client runs on the cores of the server, and the bare engine has them to itself. So there are two
comparisons: with the engine alone, and with the engine while another process uses as much processor as the
client did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time, sleep

from samesay import EmbeddingModel
from samesay.tokens import TokenizedTexts
from serverload.burning import burning
from serverload.driving import Tally, closed_loop
from serverload.questions import Checker, Corpus, Question
from serverload.running import Server, metrics

_WARM_SECONDS = 0.5
# Threads that wait for more work in a loop give up in this time.
_SETTLE_SECONDS = 0.1
_BARE, _BARE_SMALL, _ENCODE = "engine", "engine_in_batches_of_the_server", "encode_from_texts"


@dataclass(frozen=True)
class Load:
    """One kind of load.

    Attributes:
        name: How results call it.
        questions: The requests.
        connections: Requests in work at once.
    """

    name: str
    questions: Sequence[Question]
    connections: int


@dataclass
class BareTurn:
    """What a turn of the engine without the server took.

    Attributes:
        tokens_per_second: Tokens embedded.
        cpu_per_token: Processor time of all threads, in seconds.
    """

    tokens_per_second: float
    cpu_per_token: float


@dataclass
class Turn:
    """What a turn of the server took.

    Attributes:
        tokens_per_second: Tokens of the answers.
        cpu_per_token: Processor time of server and client, in seconds.
        requests_per_second: The answers.
        texts_per_pass, tokens_per_pass: Means of what went through the network together.
        busy: Share of the time in which a pass ran.
        client: Processor time of the client, in seconds a second.
        event_loop: The same of the server's event loop.
        threads: The same of its other threads, the busiest first.
    """

    tokens_per_second: float
    cpu_per_token: float
    requests_per_second: float
    texts_per_pass: float
    tokens_per_pass: float
    busy: float
    client: float
    event_loop: float
    threads: list[float]


@dataclass
class Samples:
    """What was measured in all rounds."""

    bare: dict[str, list[BareTurn]] = field(default_factory=dict)
    served: dict[str, list[Turn]] = field(default_factory=dict)
    beside: dict[str, list[BareTurn]] = field(default_factory=dict)


def saturation(
    server: Server,
    model: EmbeddingModel,
    corpus: Corpus,
    loads: Sequence[Load],
    *,
    rounds: int,
    seconds: float,
    batch_tokens: int,
    say: Callable[[str], None],
) -> dict[str, object]:
    """Measure the bare engine and the server in turns, each for so many seconds a round."""
    tokens = model.tokenize(corpus.texts)
    passes: dict[str, Callable[[], object]] = {
        _BARE: lambda: model.encode_tokens(tokens),
        _BARE_SMALL: lambda: _embed_in_batches(model, tokens, batch_tokens),
        _ENCODE: lambda: model.encode(corpus.texts),
    }
    checker = Checker(corpus)
    samples = Samples()
    for name, run in passes.items():
        run()
        samples.bare[name] = []
    for turn in range(rounds):
        for name, run in passes.items():
            sleep(_SETTLE_SECONDS)
            samples.bare[name].append(_bare_turn(run, int(corpus.tokens.sum()), seconds))
        for load in loads:
            sleep(_SETTLE_SECONDS)
            measured = asyncio.run(_server_turn(server, load, checker, seconds))
            samples.served.setdefault(load.name, []).append(measured)
            with burning(measured.client):
                beside = _bare_turn(passes[_BARE], int(corpus.tokens.sum()), seconds)
            samples.beside.setdefault(load.name, []).append(beside)
        say(f"saturation, round {turn + 1}: {_line(samples)}")
    return _result(samples, loads, checker)


def _embed_in_batches(model: EmbeddingModel, tokens: TokenizedTexts, most: int) -> None:
    for begin, end in tokens.batches(most):
        first = tokens.offsets[begin]
        ids = tokens.token_ids[first : tokens.offsets[end]]
        model.engine.embed(ids, tokens.offsets[begin : end + 1] - first, model.dimensions)


def _bare_turn(run: Callable[[], object], tokens: int, seconds: float) -> BareTurn:
    done, begin, cpu = 0, perf_counter(), process_time()
    while perf_counter() < begin + seconds:
        run()
        done += tokens
    return BareTurn(done / (perf_counter() - begin), (process_time() - cpu) / done)


async def _server_turn(server: Server, load: Load, checker: Checker, seconds: float) -> Turn:
    tally = Tally(checker)
    task = asyncio.ensure_future(
        closed_loop(server, load.questions, tally, load.connections, _WARM_SECONDS + seconds + 0.2)
    )
    connection = await server.connect()
    await asyncio.sleep(_WARM_SECONDS)
    before, cpu_before = await metrics(connection), server.cpu_seconds()
    begin, client_before = perf_counter(), process_time()
    await asyncio.sleep(seconds)
    end, client = perf_counter(), process_time() - client_before
    after, cpu_after = await metrics(connection), server.cpu_seconds()
    await task
    connection.close()
    if tally.statuses.keys() != {200}:
        raise SystemExit(f"{load.name}: not every request was answered with 200: {dict(tally.statuses)}")
    return _turn(tally, begin, end, client, before, after, cpu_before, cpu_after, server.process.pid)


def _turn(
    tally: Tally,
    begin: float,
    end: float,
    client: float,
    before: dict[str, float],
    after: dict[str, float],
    cpu_before: dict[int, float],
    cpu_after: dict[int, float],
    loop: int,
) -> Turn:
    wall = end - begin
    used = {thread: (cpu - cpu_before.get(thread, 0.0)) / wall for thread, cpu in cpu_after.items()}
    more = {name: after[name] - before.get(name, 0.0) for name in after}
    passes = max(more["samesay_batch_tokens_count"], 1.0)
    tokens = tally.tokens_between(begin, end)
    return Turn(
        tokens_per_second=tokens / wall,
        cpu_per_token=(sum(used.values()) * wall + client) / max(tokens, 1),
        requests_per_second=sum(begin <= at < end for _, _, at in tally.accepted) / wall,
        texts_per_pass=more["samesay_batch_texts_sum"] / passes,
        tokens_per_pass=more["samesay_batch_tokens_sum"] / passes,
        busy=more["samesay_batch_seconds_sum"] / wall,
        client=client / wall,
        event_loop=used.pop(loop),
        threads=sorted((share for share in used.values() if share >= 0.005), reverse=True),
    )


def _line(samples: Samples) -> str:
    bare = samples.bare[_BARE][-1].tokens_per_second
    parts = [f"engine {bare:.0f} tokens/s"]
    parts += [
        f"{name} {turns[-1].tokens_per_second:.0f} ({turns[-1].tokens_per_second / bare:.3f}; "
        f"client {turns[-1].client:.2f}, loop {turns[-1].event_loop:.2f}, in a pass {turns[-1].busy:.2f})"
        for name, turns in samples.served.items()
    ]
    return ", ".join(parts)


def _result(samples: Samples, loads: Sequence[Load], checker: Checker) -> dict[str, object]:
    served: dict[str, object] = {}
    for load in loads:
        turns = samples.served[load.name]
        rates = [turn.tokens_per_second for turn in turns]
        served[load.name] = {
            "connections": load.connections,
            # The two times of a round lie next to each other, so the drift of the machine falls on both.
            **{f"of_{name}": _ratio(turns, bare) for name, bare in samples.bare.items()},
            "of_engine_beside_a_client": _ratio(turns, samples.beside[load.name]),
            # What the ratio would be if both used all cores all the time; the noise of other processes, which
            # falls on times, hardly falls on it.
            "of_engine_by_cpu": round(
                median(
                    a.cpu_per_token / b.cpu_per_token for a, b in zip(samples.bare[_BARE], turns, strict=True)
                ),
                4,
            ),
            "tokens_per_second": round(median(rates), 1),
            "requests_per_second": round(median(turn.requests_per_second for turn in turns), 1),
            "texts_per_pass": round(median(turn.texts_per_pass for turn in turns), 1),
            "tokens_per_pass": round(median(turn.tokens_per_pass for turn in turns), 1),
            "pass_under_way": round(median(turn.busy for turn in turns), 3),
            "client_cpu": round(median(turn.client for turn in turns), 3),
            "event_loop_cpu": round(median(turn.event_loop for turn in turns), 3),
            "other_threads_cpu": [[round(share, 3) for share in turn.threads] for turn in turns],
        }
    return {
        "bare_tokens_per_second": {
            name: round(median(turn.tokens_per_second for turn in turns), 1)
            for name, turns in samples.bare.items()
        },
        "engine_beside_a_client_tokens_per_second": {
            name: round(median(turn.tokens_per_second for turn in turns), 1)
            for name, turns in samples.beside.items()
        },
        "served": served,
        "answers_right": checker.right,
        "answers_wrong": len(checker.wrong),
        "wrong": checker.wrong[:5],
    }


def _ratio(turns: Sequence[Turn], bare: Sequence[BareTurn]) -> float:
    return round(
        median(a.tokens_per_second / b.tokens_per_second for a, b in zip(turns, bare, strict=True)), 4
    )
