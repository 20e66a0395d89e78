"""What waits, what overtakes, what is refused, and what is forgotten; with an engine that the test holds."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from serving import PATIENCE, QWEN, HeldEngine, Serving, held, model_of, plan_of, serving, until

from samesay import EmbeddingModel
from samesay.engine.base import Engine
from samesay.errors import EngineError
from samesay.server.batcher import Batcher
from samesay.server.metrics import ServerMetrics
from samesay.server.preparing import Preparing
from samesay.server.settings import Limits, ServerSettings
from samesay.tokens import TokenizedTexts


@dataclass(frozen=True)
class Held:
    """A server whose engine is held, and clients to ask it at once."""

    running: Serving
    engine: HeldEngine
    pool: ThreadPoolExecutor
    client: httpx.Client

    def ask(self, *texts: str, **content: Any) -> Future[httpx.Response]:
        body = {"model": QWEN, "input": list(texts), **content}
        return self.pool.submit(self.client.post, "/v1/embeddings", json=body)

    def ask_and_wait(self, waiting: int, *texts: str, **content: Any) -> Future[httpx.Response]:
        asked = self.ask(*texts, **content)
        until(lambda: self.batcher_requests() == waiting)
        return asked

    def batcher_requests(self) -> int:
        return self.running.services.models.find(QWEN).batcher.waiting_requests


@contextmanager
def holding(settings: ServerSettings | None = None) -> Iterator[Held]:
    made, make = held()
    with serving([plan_of(QWEN, make)], settings) as running, running.client() as client:
        (engine,) = made
        with ThreadPoolExecutor(32) as pool:
            try:
                yield Held(running, engine, pool, client)
            finally:
                engine.free.set()


def test_waiting_requests_share_a_pass() -> None:
    with holding() as server:
        asked = [server.ask_and_wait(0, "first")]
        until(server.engine.running.is_set)
        asked += [server.ask_and_wait(i, f"text {i}", "and another") for i in range(1, 6)]
        server.engine.free.set()
        assert [answer.result().status_code for answer in asked] == [200] * 6
        assert [len(lengths) for lengths in server.engine.passes] == [1, 10]


def test_short_request_overtakes_a_long_document(qwen: EmbeddingModel) -> None:
    with holding(ServerSettings(batch_tokens=64)) as server:
        server.ask("in the way")
        until(server.engine.running.is_set)
        long = "word " * 300
        document = server.ask_and_wait(1, long)
        short = server.ask_and_wait(2, "short")
        server.engine.free.set()
        assert document.result().status_code == short.result().status_code == 200
        assert server.engine.passes[1:] == [[qwen.count_tokens("short")[0]], [qwen.count_tokens(long)[0]]]


def test_too_many_tokens_are_refused_until_there_is_room(qwen: EmbeddingModel) -> None:
    each = int(qwen.count_tokens("a b c d")[0])
    limits = Limits(queue_tokens=3 * each, request_tokens=2 * each)
    with holding(ServerSettings(limits)) as server:
        asked = [server.ask_and_wait(0, "a b c d")]
        until(server.engine.running.is_set)
        asked += [server.ask_and_wait(i, "a b c d") for i in (1, 2, 3)]
        refused = server.ask("a b c d").result()
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert str(3 * each) in refused.json()["error"]["message"]
        assert 1 <= int(refused.headers["retry-after"]) <= 300
        server.engine.free.set()
        assert [answer.result().status_code for answer in asked] == [200] * 4
        assert server.ask("a b c d").result().status_code == 200
        too_large = server.ask("a b c d", "b c d e", "c d e f").result()
        assert too_large.status_code == 400
        assert f"one may have {2 * each}" in too_large.json()["error"]["message"]


def test_too_many_requests_are_refused_and_none_of_the_others_is_lost() -> None:
    with holding(ServerSettings(Limits(queue_requests=4))) as server:
        asked = [server.ask(f"text {i}") for i in range(12)]
        until(lambda: sum(answer.done() for answer in asked) == 8)
        assert {answer.result().status_code for answer in asked if answer.done()} == {429}
        server.engine.free.set()
        assert sorted(answer.result().status_code for answer in asked) == [200] * 4 + [429] * 8


def test_retry_after_grows_with_what_waits() -> None:
    with holding(ServerSettings(Limits(queue_tokens=2000, request_tokens=2000))) as server:
        batcher = server.running.services.models.find(QWEN).batcher
        server.engine.free.set()
        assert server.ask("warm up").result().status_code == 200
        assert batcher.tokens_per_second > 0
        server.engine.free.clear()
        slow = batcher.seconds_to_wait()
        server.ask("in the way")
        until(server.engine.running.is_set)
        server.ask_and_wait(1, input=[5] * 1500)
        assert batcher.seconds_to_wait() >= max(slow, batcher.waiting_tokens / batcher.tokens_per_second)


def test_small_slow_passes_do_not_spoil_the_measured_speed() -> None:
    batcher = Batcher(model_of(QWEN).engine, 512, 2000, ServerMetrics(lambda: []).of_model(QWEN))
    full = 512 / 0.01
    batcher._measure(13, 0.5)
    assert batcher.tokens_per_second == pytest.approx(13 / 0.5)
    batcher._measure(512, 0.01)
    assert batcher.tokens_per_second > 0.9 * full
    for _ in range(50):
        batcher._measure(13, 0.002)
    assert batcher.tokens_per_second > 0.4 * full
    # The machine has slowed down, and that is learnt.
    for _ in range(30):
        batcher._measure(512, 0.1)
    assert batcher.tokens_per_second < 0.2 * full
    batcher.stop()
    batcher.join(PATIENCE)


class Taker:
    """Takes its vectors, or fails at it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fails: bool) -> None:
        self.loop = loop
        self.fails = fails
        self.taken = loop.create_future()

    def settle(self, result: NDArray[np.float32] | BaseException) -> None:
        self.taken.set_result(result)
        if self.fails:
            raise RuntimeError("it cannot take them")


def test_who_fails_to_take_its_vectors_keeps_nobody_from_theirs() -> None:
    model = model_of(QWEN)
    told: list[str] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(str(context["exception"])))
        preparing = Preparing(model, Limits())
        takers = [Taker(loop, fails) for fails in (True, False)]
        prepared = [preparing.token_ids([[5, 6, 7]], None), preparing.token_ids([[8, 9]], None)]
        batcher = Batcher(model.engine, 512, 2000, ServerMetrics(lambda: []).of_model(QWEN))
        try:
            batcher.submit_several(list(zip(prepared, takers, strict=True)))
            found = await asyncio.wait_for(asyncio.gather(*(taker.taken for taker in takers)), PATIENCE)
        finally:
            batcher.stop()
            batcher.join(PATIENCE)
        for one, vectors in zip(prepared, found, strict=True):
            assert (vectors == model.encode_tokens(one.tokens)).all()

    asyncio.run(run())
    assert told == ["it cannot take them"]


@contextmanager
def busy_with_large_requests(server: Held) -> Iterator[None]:
    done = threading.Event()
    server.running.services.large_pool.submit(lambda: done.wait(PATIENCE))
    try:
        yield
    finally:
        done.set()


LARGE = "never answered " * 2000


def tokenized(server: Held, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that will have every text that is tokenized from now on."""
    seen: list[str] = []
    model = server.running.services.models.find(QWEN).model
    inner = model.tokenize

    def tokenize(given: list[str], **options: Any) -> TokenizedTexts:
        seen.extend(given)
        return inner(given, **options)

    monkeypatch.setattr(model, "tokenize", tokenize)
    return seen


@pytest.mark.parametrize("route", ["/v1/embeddings", "/v1/tokenize"])
def test_large_request_whose_client_goes_before_its_turn_is_never_tokenized(
    monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    with holding() as server:
        server.engine.free.set()
        seen = tokenized(server, monkeypatch)
        with busy_with_large_requests(server):
            gone = send(server.running, LARGE, route=route)
            until(lambda: "samesay_requests_in_flight 2.0" in server.client.get("/metrics").text)
            assert server.ask("small").result().status_code == 200
            gone.close()
            told = f'samesay_requests_total{{path="{route}",status="499"}} 1.0'
            until(lambda: told in server.client.get("/metrics").text)
        large = server.ask(*[f"word {i}" for i in range(2000)], overlength="truncate").result()
        assert large.status_code == 200
        assert len(seen) == 2001
        assert LARGE not in seen


def test_request_that_there_is_no_room_for_is_refused_before_it_is_tokenized(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with holding(ServerSettings(Limits(queue_tokens=100, request_tokens=100))) as server:
        asked = [server.ask("in the way")]
        until(server.engine.running.is_set)
        asked.append(server.ask_and_wait(1, input=[5] * 98))
        seen = tokenized(server, monkeypatch)
        refused = server.ask("a", "b", "c").result()
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        pairs = {"model": QWEN, "pairs": [["a", "b"], ["a", "c"]]}
        assert server.client.post("/v1/similarity", json=pairs).status_code == 429
        assert seen == []
        server.engine.free.set()
        assert [answer.result().status_code for answer in asked] == [200, 200]
        assert server.ask("a", "b", "c").result().status_code == 200


def send(server: Serving, *texts: str, route: str = "/v1/embeddings") -> socket.socket:
    return opened(server, route, {"model": QWEN, "input": list(texts)})


def opened(server: Serving, route: str, content: dict[str, Any]) -> socket.socket:
    body = json.dumps(content).encode()
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = f"POST {route} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


@pytest.mark.parametrize(
    ("route", "count", "content"),
    [
        ("/v1/decide", 16, {"explain": True}),
        ("/v1/calibrate", 24, {"labels": [number % 2 == 0 for number in range(24)]}),
    ],
)
def test_long_work_ends_when_its_client_goes(route: str, count: int, content: dict[str, Any]) -> None:
    pairs = [[f"One of {number} words. " * 9, f"Two of {number} words. " * 9] for number in range(count)]
    with holding() as server:
        asked = {"model": QWEN, "pairs": pairs, **content}
        with opened(server.running, route, asked), opened(server.running, route, asked):
            # The second waits for the first where it is a calibration.
            until(lambda: "samesay_requests_in_flight 3.0" in server.client.get("/metrics").text)
            until(server.engine.running.is_set)
            if route == "/v1/decide":
                server.engine.free.set()
                until(lambda: len(server.engine.passes) > 3)
                server.engine.free.clear()
                until(server.engine.running.is_set)
        told = f'samesay_requests_total{{path="{route}",status="499"}} 2.0'
        until(lambda: told in server.client.get("/metrics").text)
        until(lambda: not server.engine.running.is_set())
        passes = len(server.engine.passes)
        server.engine.free.set()
        assert server.ask("next").result().status_code == 200
        assert len(server.engine.passes) == passes + 1


def test_client_that_goes_away_frees_its_place() -> None:
    with holding() as server:
        first = server.ask("in the way")
        until(server.engine.running.is_set)
        gone = send(server.running, "never answered " * 50)
        until(lambda: server.batcher_requests() == 1)
        stays = server.ask_and_wait(2, "answered")
        gone.close()
        until(lambda: server.batcher_requests() == 1)
        server.engine.free.set()
        assert first.result().status_code == stays.result().status_code == 200
        assert [len(lengths) for lengths in server.engine.passes] == [1, 1]
        assert max(length for lengths in server.engine.passes for length in lengths) < 50
        metrics = server.client.get("/metrics").text
        assert 'samesay_requests_total{path="/v1/embeddings",status="499"} 1.0' in metrics


def test_pass_that_nobody_waits_for_is_given_up() -> None:
    with holding() as server:
        gone = send(server.running, "a long document " * 100)
        until(server.engine.running.is_set)
        gone.close()
        until(lambda: server.engine.given_up == 1)
        server.engine.free.set()
        assert server.ask("next").result().status_code == 200


def test_event_loop_answers_while_the_engine_works() -> None:
    with holding() as server:
        asked = server.ask("in the way")
        until(server.engine.running.is_set)
        assert server.client.get("/health").status_code == 200
        tokens = server.client.post("/v1/tokenize", json={"model": QWEN, "input": "a"})
        assert tokens.status_code == 200
        assert not asked.done()


@dataclass
class FailingEngine:
    """Fails at texts of exactly 17 tokens, in the way it is told."""

    inner: Engine
    failure: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    precision = property(lambda self: self.inner.precision)
    revision = property(lambda self: self.inner.revision)

    def embed(
        self,
        token_ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        dimensions: int,
        prefix: NDArray[np.int32] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> NDArray[np.float32]:
        vectors = self.inner.embed(token_ids, offsets, dimensions, prefix, progress)
        return self.failure(vectors) if 17 in np.diff(offsets) else vectors


def out_of_memory(_: NDArray[np.float32]) -> NDArray[np.float32]:
    raise EngineError("no memory for 17 tokens at once")


def not_finite(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.full_like(vectors, np.nan)


def too_many(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([vectors, vectors])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("failure", "words"),
    [(out_of_memory, "no memory"), (not_finite, "not finite"), (too_many, "failed at this request")],
)
def test_failing_pass_fails_its_requests_and_no_others(failure: Any, words: str) -> None:
    plan = plan_of(QWEN, lambda engine: FailingEngine(engine, failure))
    with serving([plan]) as running, running.client() as client:
        bad = client.post("/v1/embeddings", json={"model": QWEN, "input": [[5] * 17]})
        assert bad.status_code == 500
        assert words in bad.json()["error"]["message"]
        assert bad.json()["error"]["type"] == "server_error"
        good = client.post("/v1/embeddings", json={"model": QWEN, "input": [[5] * 16]})
        assert good.status_code == 200


def test_models_are_asked_for_only_when_they_are_ready() -> None:
    loading = threading.Event()
    plan = plan_of(QWEN)

    def slowly() -> EmbeddingModel:
        assert loading.wait(60)
        return plan.load()

    slow = type(plan)(plan.name, plan.aliases, slowly)
    with serving([slow], wait=False) as running, running.client() as client:
        try:
            assert client.get("/health").status_code == 200
            ready = client.get("/ready")
            assert (ready.status_code, ready.json()["status"]) == (503, "loading")
            early = client.post("/v1/embeddings", json={"model": QWEN, "input": "a"})
            assert early.status_code == 503
            assert early.json()["error"]["code"] == "loading"
            assert int(early.headers["retry-after"]) > 0
            assert client.get("/v1/models").json()["data"][0]["ready"] is False
        finally:
            loading.set()
        until(lambda: client.get("/ready").status_code == 200)
        assert client.post("/v1/embeddings", json={"model": QWEN, "input": "a"}).status_code == 200


def test_a_server_reads_whole_vocabularies_before_it_is_ready(
    isolated_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samesay.checkpoint.tokenizer.SMALLEST_FILE", 0)
    model_of(QWEN)  # stores the vocabulary
    assert (isolated_cache / "vocabularies").is_dir()
    assert model_of(QWEN).checkpoint.tokenizer._whole is None
    with serving([plan_of(QWEN)]) as running:
        for served in running.services.models:
            assert served.model.checkpoint.tokenizer._whole is not None
