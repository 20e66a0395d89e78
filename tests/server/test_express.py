"""Small requests that the application never sees: the same answers, by a shorter way."""

from __future__ import annotations

import gc
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from serving import BERT, QWEN, Serving, held, plan_of, serving, until

from samesay.server.access_log import RequestRecord
from samesay.server.express import Express
from samesay.server.settings import Access, Limits, ServerSettings

KEY = "a-key"


@pytest.fixture(scope="module")
def plain() -> Iterator[Serving]:
    """A server with two models and nothing else."""
    with serving([plan_of(QWEN), plan_of(BERT)]) as running:
        yield running


@pytest.fixture
def asked(plain: Serving, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bodies that go the short way."""
    return noted(plain.express, monkeypatch)


def noted(express: Express, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    bodies: list[bytes] = []
    ask = express.ask

    def noting(scope: Any, body: bytes, departure: Any, reply: Any) -> None:
        bodies.append(body)
        ask(scope, body, departure, reply)

    monkeypatch.setattr(express, "ask", noting)
    return bodies


def body_of(**content: object) -> bytes:
    return json.dumps({"model": QWEN, "input": "a sentence", **content}).encode()


def request(body: bytes, *headers: str, version: str = "1.1", kind: str = "application/json") -> bytes:
    lines = [
        f"POST /v1/embeddings HTTP/{version}",
        "Host: x",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def connected(server: Serving) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def one_answer(connection: socket.socket, rest: bytes = b"") -> tuple[int, dict[str, str], bytes, bytes]:
    """Status, headers and body of the next answer, and what came after it."""
    received = rest
    while b"\r\n\r\n" not in received:
        received += part_of(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    size = int(headers["content-length"])
    while len(body) < size:
        body += part_of(connection)
    return int(lines[0].split()[1]), headers, body[:size], body[size:]


def part_of(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    assert part, "the connection ended"
    return part


@pytest.mark.parametrize("encoding_format", ["base64", "float"])
@pytest.mark.parametrize("texts", ["one", ["one", "two", "one"]])
def test_the_short_way_gives_the_bytes_of_the_long_one(
    plain: Serving, asked: list[bytes], texts: str | list[str], encoding_format: str
) -> None:
    body = body_of(input=texts, encoding_format=encoding_format, prompt="query")
    with connected(plain) as connection:
        connection.sendall(request(body))
        status, headers, content, _ = one_answer(connection)
        assert asked == [body]
        # A request that a page of another origin sends is for the application.
        connection.sendall(request(body, "Origin: http://elsewhere"))
        long = one_answer(connection)
    assert asked == [body]
    assert (status, content) == (200, long[2])
    assert set(headers) == set(long[1])
    assert headers["content-type"] == long[1]["content-type"]
    assert headers["x-request-id"] != long[1]["x-request-id"]


@pytest.mark.parametrize(
    "content",
    [
        {"model": "nobody"},
        {"input": ""},
        {"input": [1, 2**40]},
        {"dimensions": 10**6},
        {"input": "word " * 2000},
        {"unknown": 1},
    ],
)
def test_errors_are_the_same_by_both_ways(
    plain: Serving, asked: list[bytes], content: dict[str, object]
) -> None:
    body = body_of(**content)
    with connected(plain) as connection:
        connection.sendall(request(body))
        short = one_answer(connection)
        connection.sendall(request(body, "Origin: http://elsewhere"))
        long = one_answer(connection)
    assert asked == [body]
    assert short[0] in (400, 404)
    assert (short[0], short[2]) == (long[0], long[2])


def test_a_body_that_follows_its_head_goes_the_short_way_and_one_that_dawdles_the_long_one(
    plain: Serving, asked: list[bytes]
) -> None:
    body = body_of()
    head = request(body)[: -len(body)]
    with connected(plain) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(20):
            connection.sendall(head)
            connection.sendall(body)
            assert one_answer(connection)[0] == 200
        assert asked
        asked.clear()
        connection.sendall(head + body[:5])
        time.sleep(0.5)
        connection.sendall(body[5:])
        assert one_answer(connection)[0] == 200
    assert asked == []


def test_requests_that_come_together_are_answered_in_their_order(plain: Serving) -> None:
    bodies = [body_of(input=f"text {number}") for number in range(6)]
    alone = []
    with connected(plain) as connection:
        for body in bodies:
            connection.sendall(request(body))
            alone.append(one_answer(connection)[2])
        connection.sendall(b"".join(map(request, bodies)))
        rest = b""
        for expected in alone:
            status, _, content, rest = one_answer(connection, rest)
            assert (status, content) == (200, expected)


@pytest.mark.parametrize(("version", "header"), [("1.0", "X-A: b"), ("1.1", "Connection: close")])
def test_the_connection_ends_where_the_client_says_so(
    plain: Serving, asked: list[bytes], version: str, header: str
) -> None:
    with connected(plain) as connection:
        connection.sendall(request(body_of(), header, version=version))
        status, headers, _, _ = one_answer(connection)
        assert connection.recv(1) == b""
    assert (status, headers["connection"]) == (200, "close")
    assert len(asked) == 1


def test_keys_kinds_of_body_and_sizes_are_for_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ServerSettings(access=Access(api_keys=(KEY,)))
    with serving([plan_of(QWEN)], settings) as running, connected(running) as connection:
        asked = noted(running.express, monkeypatch)

        def status(given: bytes) -> int:
            connection.sendall(given)
            return one_answer(connection)[0]

        assert status(request(body_of())) == 401
        assert status(request(body_of(), "Authorization: Bearer wrong")) == 401
        key = f"Authorization: Bearer {KEY}"
        assert status(request(body_of(), key, kind="text/plain")) == 415
        assert status(request(body_of(), key, "Content-Encoding: gzip")) == 415
        assert status(request(body_of(input=["a"] * 5000), key)) == 400
        padded = request(body_of(), key).replace(b"Content-Length: ", b"Content-Length: 0000000000")
        assert status(padded) == 200
        assert asked == []
        assert status(request(body_of(), key)) == 200
        assert len(asked) == 1


def test_a_wrong_request_harms_none_that_is_read_with_it() -> None:
    made, make = held()
    with serving([plan_of(QWEN, make), plan_of(BERT)]) as running, ThreadPoolExecutor(64) as pool:
        (engine,) = made

        def status(content: bytes) -> tuple[int, int]:
            with connected(running) as connection:
                connection.sendall(request(content))
                answer = one_answer(connection)
            return answer[0], len(json.loads(answer[2]).get("data", []))

        bodies = [
            body_of(),
            b"{",
            body_of(model=BERT),
            body_of(input=["a", "b"]),
            body_of(input="word " * 2000),
            body_of(model="nobody"),
            body_of(input=[5, 6]),
        ]
        expected = [(200, 1), (400, 0), (200, 1), (200, 2), (400, 0), (404, 0), (200, 1)]
        found = [pool.submit(status, body) for _ in range(8) for body in bodies]
        engine.free.set()
        assert [answer.result() for answer in found] == expected * 8
        until(lambda: running.services.draining.in_flight == 0)
        assert running.services.metrics.in_flight == 0


def test_a_client_that_goes_away_frees_its_place() -> None:
    made, make = held()
    with serving([plan_of(QWEN, make)]) as running:
        (engine,) = made
        first, second = connected(running), connected(running)
        first.sendall(request(body_of()))
        until(engine.running.is_set)
        second.sendall(request(body_of(input="another")))
        batcher = running.services.models.find(QWEN).batcher
        until(lambda: batcher.waiting_requests == 1)
        second.close()
        until(lambda: batcher.waiting_requests == 0)
        first.close()
        until(lambda: running.services.draining.in_flight == 0)
        until(lambda: engine.given_up == 1)
        engine.free.set()
        with running.client() as client:
            assert client.post("/v1/embeddings", json={"model": QWEN, "input": "a"}).status_code == 200
            assert 'path="/v1/embeddings",status="499"} 2.0' in client.get("/metrics").text


def test_too_many_requests_are_refused_and_leave_no_trace() -> None:
    made, make = held()
    limits = Limits(queue_requests=2)
    with serving([plan_of(QWEN, make)], ServerSettings(limits)) as running:
        (engine,) = made
        waiting = [connected(running) for _ in range(2)]
        for number, connection in enumerate(waiting):
            connection.sendall(request(body_of()))
            until(lambda number=number: running.services.draining.in_flight == number + 1)  # type: ignore[misc]
        with connected(running) as connection:
            connection.sendall(request(body_of()))
            status, headers, _, _ = one_answer(connection)
            assert (status, int(headers["retry-after"]) >= 1) == (429, True)
        engine.free.set()
        assert [one_answer(connection)[0] for connection in waiting] == [200, 200]
        for connection in waiting:
            connection.close()
        with httpx.Client(base_url=running.url, timeout=60) as client:
            assert client.post("/v1/embeddings", json={"model": QWEN, "input": "a"}).status_code == 200


@pytest.mark.parametrize("way", ["the short way", "the application"])
@pytest.mark.parametrize(
    "content",
    [
        {},
        {"encoding_format": "float"},
        {"input": ""},
        {"model": "nobody"},
        {"unknown": 1},
        {"input": "w " * 2000},
    ],
)
def test_nothing_of_a_request_is_left_to_the_garbage_collector(
    plain: Serving, content: dict[str, object], way: str
) -> None:
    # The server lets it come by rarely, so a body in a circle of references would stay for long.
    headers = ["Origin: http://elsewhere"] if way == "the application" else []
    with connected(plain) as connection:

        def ask(times: int) -> None:
            for _ in range(times):
                connection.sendall(request(body_of(**content), *headers))
                one_answer(connection)

        def records() -> int:
            return sum(isinstance(thing, RequestRecord) for thing in gc.get_objects())

        ask(2)
        gc.collect()
        gc.disable()
        try:
            before = records()  # the last request is held until the next one; other servers may hold theirs
            ask(30)
            left = records() - before
        finally:
            gc.enable()
    assert left < 10
