"""Strangers on the wire: slow, large, cut off or no HTTP at all."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest
from serving import QWEN, Serving, plan_of, serving, until

from samesay.server.settings import Limits, ServerSettings

QUICK = Limits(
    body_bytes=100_000,
    held_body_bytes=250_000,
    body_seconds=0.5,
    header_bytes=4096,
    header_seconds=0.5,
    connections=20,
)


@pytest.fixture(scope="module")
def quick() -> Iterator[Serving]:
    """A server with little patience."""
    with serving([plan_of(QWEN)], ServerSettings(QUICK)) as running:
        yield running


def connected(server: Serving) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def request(body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [
        "POST /v1/embeddings HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side ends."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """One answer with its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        assert part, received
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), body


def problem(received: bytes) -> tuple[int, str]:
    head, _, body = received.partition(b"\r\n\r\n")
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return int(head.split()[1]), error["message"]


def works(server: Serving) -> bool:
    with server.client() as client:
        return client.post("/v1/embeddings", json={"model": QWEN, "input": "a"}).status_code == 200


GOOD = json.dumps({"model": QWEN, "input": "a"}).encode()


def test_body_that_trickles_is_ended(quick: Serving) -> None:
    began = time.monotonic()
    with connected(quick) as connection:
        connection.sendall(request(b"", length=1000))
        connection.settimeout(0.05)
        received = b""
        while time.monotonic() < began + 30 and not received:
            connection.sendall(b" ")
            try:
                received = connection.recv(65536)
            except TimeoutError:
                continue
        connection.settimeout(60)
        status, message = problem(received + everything(connection))
    assert status == 408
    assert "0.5 seconds" in message
    assert works(quick)


@pytest.mark.parametrize("start", [b"", b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nX-A: "])
def test_headers_that_trickle_or_never_come_are_ended(quick: Serving, start: bytes) -> None:
    with connected(quick) as connection:
        connection.sendall(start)
        assert everything(connection) == b""
    assert works(quick)


def test_second_request_that_stops_in_its_headers_is_ended(quick: Serving) -> None:
    with connected(quick) as connection:
        connection.sendall(request(GOOD))
        assert answer(connection)[0] == 200
        connection.sendall(request(GOOD)[:30])
        assert everything(connection) == b""


def test_idle_connection_is_ended_and_one_that_is_used_is_not() -> None:
    patience = 3
    with (
        serving([plan_of(QWEN)], ServerSettings(Limits(keep_alive_seconds=patience))) as running,
        connected(running) as connection,
    ):
        begin = time.monotonic()
        while time.monotonic() < begin + 1.4 * patience:
            connection.sendall(request(GOOD))
            assert answer(connection)[0] == 200
            time.sleep(0.05)
        last = time.monotonic()
        assert everything(connection) == b""
        assert time.monotonic() - last > 0.9 * patience - 0.05


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/embeddings HTTP/1.1\r\nX-Long: " + b"a" * 5000 + b"\r\n\r\n",
        b"POST /v1/embeddings HTTP/1.1\r\nX-Endless: " + b"a" * 5000,
        b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: b\r\n" % i for i in range(2000)) + b"\r\n",
    ],
)
def test_large_headers_are_refused(quick: Serving, head: bytes) -> None:
    with connected(quick) as connection:
        connection.sendall(head)
        assert problem(everything(connection))[0] == 431


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HELLO\r\n\r\n", b"\0" * 100]
)
def test_what_is_no_http_is_a_bad_request(quick: Serving, noise: bytes) -> None:
    with connected(quick) as connection:
        connection.sendall(noise)
        assert problem(everything(connection))[0] == 400


def test_headers_in_two_packets_are_counted_once(quick: Serving) -> None:
    headers = [f"X-{number}: {'a' * 500}" for number in range(5)]
    sent = request(GOOD, *headers)
    assert len(sent) < QUICK.header_bytes < 2 * 0.9 * len(sent)
    for first in (len(sent) // 10, len(sent) * 9 // 10):
        with connected(quick) as connection:
            connection.sendall(sent[:first])
            time.sleep(0.1)
            connection.sendall(sent[first:])
            assert answer(connection)[0] == 200


OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB")


@pytest.mark.parametrize("pieces", [1, 2, 40])
@pytest.mark.parametrize("offer", [OFFER, ("Connection: upgrade", "Upgrade: websocket")])
def test_offer_of_another_protocol_is_passed_over(
    quick: Serving, offer: tuple[str, ...], pieces: int
) -> None:
    # As it comes from Java's client: head and body in one packet, or one after the other, or in many.
    head = request(b"", *offer, length=len(GOOD))
    chunked = head.replace(f"Content-Length: {len(GOOD)}".encode(), b"Transfer-Encoding: chunked")
    chunks = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (5, GOOD[:5], len(GOOD) - 5, GOOD[5:])
    for first, second in ((head, GOOD), (chunked, chunks)):
        with connected(quick) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sent = first + second + request(GOOD, *offer) + request(GOOD)
            step = -(-len(sent) // pieces)
            parts = [sent[begin : begin + step] for begin in range(0, len(sent), step)]
            for part in [first, sent[len(first) :]] if pieces == 2 else parts:
                connection.sendall(part)
                time.sleep(0.01)
            assert [status for status, _ in pipelined(connection, 3)] == [200] * 3


def test_body_after_an_offer_is_no_request(quick: Serving) -> None:
    hidden = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(quick) as connection:
        connection.sendall(request(b"", *OFFER, length=len(hidden)))
        time.sleep(0.1)
        connection.sendall(hidden)
        assert answer(connection)[0] == 400
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_proxying_is_refused(quick: Serving) -> None:
    with connected(quick) as connection:
        connection.sendall(b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        status, message = problem(everything(connection))
    assert status == 400
    assert "CONNECT" in message


def test_what_is_refused_before_it_is_a_request_is_counted_and_has_an_id(quick: Serving) -> None:
    def counted(status: int) -> float:
        with quick.client() as client:
            lines = client.get("/metrics").text.splitlines()
        start = f'samesay_requests_total{{path="other",status="{status}"}} '
        return sum(float(line.removeprefix(start)) for line in lines if line.startswith(start))

    before = counted(400), counted(431)
    for noise in (b"HELLO\r\n\r\n", b"GET /" + b"a" * 5000):
        with connected(quick) as connection:
            connection.sendall(noise)
            assert b"\r\nx-request-id: req_" in everything(connection)
    assert (counted(400), counted(431)) == (before[0] + 1, before[1] + 1)
    with quick.client() as client:
        assert "samesay_requests_in_flight 1.0" in client.get("/metrics").text


def test_large_body_is_refused_whether_its_length_is_told_or_not(server: Serving) -> None:
    body = b" " * (10 << 20)
    with server.client() as client:
        for content in (body, iter([body[: 1 << 20]] * 10)):
            told = client.post(
                "/v1/embeddings", content=content, headers={"Content-Type": "application/json"}
            )
            assert told.status_code == 413
            assert told.json()["error"]["code"] == "request_too_large"
            assert str(8 << 20) in told.json()["error"]["message"]
    assert works(server)


def test_hundred_thousand_inputs_are_refused(server: Serving) -> None:
    with server.client() as client:
        told = client.post("/v1/embeddings", json={"model": QWEN, "input": ["a"] * 100_000})
    assert told.status_code == 400
    assert "100000 entries; one request may have 2048" in told.json()["error"]["message"]


def test_bodies_that_are_large_together_are_refused(quick: Serving) -> None:
    patient = ServerSettings(Limits(body_bytes=100_000, held_body_bytes=250_000, body_seconds=60))
    with serving([plan_of(QWEN)], patient) as running:
        opened = [connected(running) for _ in range(3)]
        for connection in opened:
            connection.sendall(request(b" " * 90_000, length=95_000))
        statuses = []
        for connection in opened:
            connection.settimeout(1.0)
            try:
                statuses.append(answer(connection)[0])
            except TimeoutError:
                statuses.append(0)
        assert sorted(statuses) == [0, 0, 429]
        for connection in opened:
            connection.close()
        assert works(running)


def test_client_that_hangs_up_in_its_body_leaves_nothing_behind(quick: Serving) -> None:
    for _ in range(5):
        with connected(quick) as connection:
            connection.sendall(request(b'{"mod', length=1000))
    assert works(quick)
    until(lambda: quick.services.draining.in_flight == 0)


def test_half_closed_connection_is_ended_without_a_hang(quick: Serving) -> None:
    for sent in (request(GOOD), request(b"{", length=100), request(GOOD)[:20], b""):
        with connected(quick) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            everything(connection)
    assert works(quick)


def test_request_in_a_single_packet_with_a_body_larger_than_headers_may_be(quick: Serving) -> None:
    body = json.dumps({"model": QWEN, "input": ["word " * 300] * 20}).encode()
    assert len(body) > QUICK.header_bytes
    with connected(quick) as connection:
        for _ in range(2):
            connection.sendall(request(body))
            assert answer(connection)[0] == 200


def test_head_and_body_of_an_answer_come_together(quick: Serving) -> None:
    # Apart, the second waits for an acknowledgement of the first that many clients put off for 40 ms.
    with connected(quick) as connection:
        for _ in range(5):
            connection.sendall(request(GOOD))
            head, _, body = connection.recv(1 << 20).partition(b"\r\n\r\n")
            assert f"content-length: {len(body)}".encode() in head
            assert len(json.loads(body)["data"]) == 1


def test_long_answer_comes_as_a_whole(quick: Serving) -> None:
    ids = [[token, 5] for token in range(100)]
    body = json.dumps({"model": QWEN, "input": ids, "encoding_format": "float"}).encode()
    with connected(quick) as connection:
        for _ in range(2):
            connection.sendall(request(body))
            status, content = answer(connection)
            assert status == 200
            assert len(content) > 1 << 16
            assert len(json.loads(content)["data"]) == len(ids)


def test_pipelined_requests_are_answered_in_order(quick: Serving) -> None:
    with connected(quick) as connection:
        connection.sendall(request(GOOD) * 3)
        assert [answer_of[0] for answer_of in pipelined(connection, 3)] == [200] * 3


def pipelined(connection: socket.socket, count: int) -> list[tuple[int, bytes]]:
    received = b""
    while received.count(b"HTTP/1.1 ") < count or not received.endswith(b"}"):
        part = connection.recv(65536)
        assert part, received
        received += part
    return [(int(part.split()[0]), part) for part in received.split(b"HTTP/1.1 ")[1:]]


def test_connections_beyond_the_limit_are_told_so(quick: Serving) -> None:
    opened = [connected(quick) for _ in range(QUICK.connections)]
    with connected(quick) as one_more:
        told = everything(one_more)
        assert problem(told)[0] == 429
        # To a balancer 503 would say that this server is not to be asked at all.
        assert b"\r\nretry-after: 1\r\n" in told
    for connection in opened:
        connection.close()
    deadline = time.monotonic() + 30
    while not works_now(quick):
        assert time.monotonic() < deadline


def works_now(server: Serving) -> bool:
    try:
        return works(server)
    except OSError:
        return False


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
    ],
)
def test_other_kinds_of_bodies_are_told(server: Serving, headers: dict[str, str], status: int) -> None:
    with server.client() as client:
        told = client.post("/v1/embeddings", content=GOOD, headers=headers)
    assert told.status_code == status, told.text
