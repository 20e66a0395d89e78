"""A client that costs little, as it shares the processor with the server that it measures.

It knows as much of HTTP/1.1 as answers with a Content-Length need. An answer that is cut off is told apart
from one that never began.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import cast


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    Attributes:
        status: The HTTP status.
        head: Its status line and headers.
        body: What follows.
        seconds: From sending the request to the last byte.
        ended: When that byte came, by the clock of the loop.
    """

    status: int
    head: bytes
    body: bytes
    seconds: float
    ended: float

    def header(self, name: str) -> str | None:
        """Give a header, or None."""
        return _header(self.head, name)


class ConnectionEndedError(Exception):
    """The connection ended before a whole answer came.

    Attributes:
        received: Bytes of the answer that did come.
    """

    def __init__(self, received: int) -> None:
        super().__init__(f"the connection ended after {received} bytes of an answer")
        self.received = received


class Connection(asyncio.Protocol):
    """A connection that is kept open, for one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._head_size = 0
        self._size = 0
        self._sent = 0.0
        self._answer: asyncio.Future[Answer] | None = None
        self._closed = False

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        return not self._closed and self._answer is None

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            ConnectionEndedError: When it does not come as a whole.
        """
        self.send(request)
        assert self._answer is not None
        return await self._answer

    def send(self, request: bytes) -> None:
        """Send a request and do not wait.

        Raises:
            ConnectionEndedError: When the connection has ended.
        """
        if self._closed or self._transport is None:
            raise ConnectionEndedError(0)
        self._received.clear()
        self._head_size = self._size = 0
        self._answer = asyncio.get_running_loop().create_future()
        self._sent = perf_counter()
        self._transport.write(request)

    def close(self) -> None:
        """End, whatever is still to come."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End at once; what is not sent yet never is."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        if self._answer is None:
            self.close()
            return
        self._received += data
        if not self._size:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head_size = end + 4
            length = _header(bytes(self._received[:end]), "content-length")
            self._size = self._head_size + int(length or 0)
        if len(self._received) >= self._size:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """End."""
        self._closed = True
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(ConnectionEndedError(len(self._received)))
            answer.exception()  # whoever only sent never asks for it

    def _finish(self) -> None:
        now = perf_counter()
        head = bytes(self._received[: self._head_size])
        body = bytes(self._received[self._head_size : self._size])
        answer, self._answer = self._answer, None
        if _header(head, "connection") == "close":
            self.close()
        if answer is not None and not answer.done():
            answer.set_result(Answer(int(head[9:12]), head, body, now - self._sent, now))


async def connect(host: str, port: int) -> Connection:
    """Open a connection.

    Raises:
        OSError: When it is refused.
    """
    _, protocol = await asyncio.get_running_loop().create_connection(Connection, host, port)
    return protocol


def post(path: str, body: bytes) -> bytes:
    """Give the bytes of a request with a JSON body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}"
    )
    return head.encode() + b"\r\n\r\n" + body


def get(path: str) -> bytes:
    """Give the bytes of a request without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def _header(head: bytes, name: str) -> str | None:
    start = head.lower().find(f"\r\n{name.lower()}:".encode())
    if start < 0:
        return None
    start += len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : len(head) if end < 0 else end].strip().decode("latin-1")
