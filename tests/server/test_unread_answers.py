"""Clients that do not read, or read slowly, what they asked for."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest
from serving import QWEN, Serving, plan_of, serving, until

from samesay.server.settings import Limits, ServerSettings

# What the system holds of an answer is small here, so that little is enough to fill it.
_HELD_BY_THE_SYSTEM = 4096
LIMITS = Limits(write_seconds=2.0, held_answer_bytes=1 << 20)


@pytest.fixture(scope="module")
def there() -> Iterator[Serving]:
    """A server that waits for readers for two seconds."""
    with serving([plan_of(QWEN)], ServerSettings(LIMITS), send_buffer=_HELD_BY_THE_SYSTEM) as running:
        yield running


def embeddings(count: int) -> tuple[str, dict[str, object]]:
    return "/v1/embeddings", {"model": QWEN, "input": ["a"] * count, "encoding_format": "float"}


def similarity(count: int) -> tuple[str, dict[str, object]]:
    return "/v1/similarity", {"model": QWEN, "left": ["a"] * count, "right": ["b"] * count}


def asking(server: Serving, question: tuple[str, dict[str, object]], *headers: str) -> socket.socket:
    """A connection on which something is asked and nothing is read."""
    path, asked = question
    body = json.dumps(asked).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", *headers, "", ""])
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _HELD_BY_THE_SYSTEM)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(head.encode() + body)
    return connection


@pytest.mark.parametrize("headers", [(), ("Connection: close",)])
@pytest.mark.parametrize("count", [30, 300])
def test_connection_whose_answer_is_not_read_is_ended(
    there: Serving, count: int, headers: tuple[str, ...]
) -> None:
    unsent = there.services.unsent
    with asking(there, embeddings(count), *headers) as connection:
        until(lambda: unsent.connections == 1)
        if count == 30:
            # So little that nothing is told of it: flow control begins with more.
            assert unsent.size < 1 << 16
        until(lambda: unsent.connections == 0)
        received = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                received += part
    assert received.startswith(b"HTTP/1.1 200 ")
    assert not received.endswith(b"}")


def test_client_that_reads_slowly_gets_all(there: Serving) -> None:
    with asking(there, embeddings(100), "Connection: close") as connection:
        began, received = time.monotonic(), b""
        while part := connection.recv(4096):
            received += part
            if time.monotonic() < began + 4 * LIMITS.write_seconds:
                time.sleep(0.3)
    assert time.monotonic() > began + 2 * LIMITS.write_seconds
    assert len(json.loads(received.partition(b"\r\n\r\n")[2])["data"]) == 100


@pytest.mark.parametrize("question", [similarity(100), embeddings(200)])
def test_large_answers_are_refused_while_others_are_not_read(
    there: Serving, question: tuple[str, dict[str, object]]
) -> None:
    path, asked = question
    unsent = there.services.unsent
    with contextlib.ExitStack() as opened:
        for _ in range(12):
            opened.enter_context(asking(there, question))
        with there.client() as client:

            def refused() -> bool:
                return client.post(path, json=asked).status_code == 429

            until(refused)
            told = client.post(path, json=asked)
            assert told.status_code == 429
            assert int(told.headers["retry-after"]) == 1
            assert "not read" in told.json()["error"]["message"]
            assert unsent.size <= LIMITS.held_answer_bytes
            small, what = embeddings(1)
            assert client.post(small, json=what).status_code == 200
    with there.client() as client:
        until(lambda: client.post(path, json=asked).status_code == 200)
