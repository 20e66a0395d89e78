"""Connections in bounded number, time and memory: what uvicorn leaves open."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from samesay.server.departure import DEPARTURE, Departure
from samesay.server.joined_writes import JoinedWrites
from samesay.server.problems import Problem, overloaded
from samesay.server.resting_timer import RestingTimer
from samesay.server.settings import Limits
from samesay.server.unsent import UnsentAnswers

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from samesay.server.express import Express
    from samesay.server.observing import Observer

# Time in which the small body of a request follows its head.
_BODY_FOLLOWS_SECONDS = 0.05
# Colon, space and line end of a header.
_AROUND_A_HEADER = 4
# What offers to go on in another protocol; the offer is passed over, so it does not matter which.
_UPGRADING = frozenset({b"upgrade", b"http2-settings"})
_PHRASES = {400: "Bad Request", 429: "Too Many Requests", 431: "Request Header Fields Too Large"}


class BoundedConnection(HttpToolsProtocol):
    """A connection whose headers are bounded in time and size, and whose client must read its answers.

    A client that closes its side counts as gone, as with most servers and proxies.

    Attributes:
        limits: What a connection may take; set by ``bounded_connections``, like the others.
        express: What answers small requests before the application does.
        observer: Is told of requests that are refused here.
        unsent: Is told of answers that clients do not read.
    """

    limits: Limits
    express: Express
    observer: Observer
    unsent: UnsentAnswers
    transport: JoinedWrites

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._reading_head = self._only_head = True
        self.url = b""
        # Bytes of a head that were told, and those of packets in which nothing else was.
        self._head_bytes = self._packet_bytes = 0
        self._head_timer: TimerHandle | None = None
        self._write_timer: TimerHandle | None = None
        # In place of uvicorn's own, which puts a timer into the loop and takes it out for every request.
        self._between_requests = RestingTimer(
            self.loop, self.timeout_keep_alive, self.timeout_keep_alive_handler
        )
        self._taken = 0
        self._departure = Departure()
        self._receiving = False
        # A request whose body may come in a moment, and when that moment has passed.
        self._held: tuple[RequestResponseCycle, Any] | None = None
        self._held_timer: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: a request must arrive soon."""
        super().connection_made(transport)
        _send_at_once(transport)
        self.transport = JoinedWrites(transport, self.loop, self._lag)
        if len(self.connections) > self.limits.connections:
            self._refuse(overloaded("too many connections; ask again later", 1))
            return
        self._head_timer = self.loop.call_later(self.limits.header_seconds, self._abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._cancel_head_timer()
        self._between_requests.close()
        self._let_go()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self.unsent.forget(self.transport)
        super().connection_lost(exc)
        self._departure.happen()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        if self.transport.is_closing():
            return
        self._only_head = self._reading_head
        self._receiving = True
        self._unset_keepalive_if_required()
        self._parse(data)
        self._receiving = False
        if self._held is not None and self._held_timer is None:
            # Many clients send the body after the head.
            self._held_timer = self.loop.call_later(_BODY_FOLLOWS_SECONDS, self._give_to_application)
        if self._only_head:
            # A long header is told by on_header only when it is there as a whole.
            self._packet_bytes += len(data)
            self._bound(self._packet_bytes)
        busy = self.cycle is not None and not self.cycle.response_complete
        if not busy and self._head_timer is None and not self._between_requests.running:
            # Part of a request's head, or of a body that was refused.
            self._head_timer = self.loop.call_later(self.limits.header_seconds, self._abort)

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                # The parser takes what follows for another protocol, but nothing was agreed on: it is the
                # body. So the head is read again without the offer.
                if self.parser.get_method() == b"CONNECT":
                    self._refuse(Problem(400, "CONNECT is for proxies, and this is none"))
                if self.transport.is_closing():
                    return
                data = self._head_without_offer() + data[offer.args[0] :]
                self.parser = _parser(self)
                self._head_bytes = 0
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")
                return

    def _head_without_offer(self) -> bytes:
        version = self.parser.get_http_version().encode("ascii")
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % (name, value) for name, value in self.headers if name not in _UPGRADING]
        return b"\r\n".join([*lines, b"", b""])

    def on_url(self, url: bytes) -> None:
        """Take a part of the request line."""
        self._head_bytes += len(url)
        self._bound(self._head_bytes)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._head_bytes += len(name) + len(value) + _AROUND_A_HEADER
        if self._head_bytes > self.limits.header_bytes:
            self._bound(self._head_bytes)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the headers were too large."""
        if self.transport.is_closing() or self.parser.should_upgrade():
            return
        self._reading_head = self._only_head = False
        self._cancel_head_timer()
        self.scope[DEPARTURE] = self._departure  # type: ignore[literal-required]
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        if self.parser.should_upgrade():
            return
        self._reading_head = True
        self._head_bytes = self._packet_bytes = 0
        if self.cycle is not None:
            super().on_message_complete()
        if self._held is not None:
            self._ask_express(*self._held)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if self.cycle is not None:
            super().on_body(body)

    def on_response_complete(self) -> None:
        """Go on after an answer: with the next request that has come already, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._between_requests.set()

    def _unset_keepalive_if_required(self) -> None:
        self._between_requests.unset()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # If its body comes at once, the application need not know of a small request.
        if self._receiving and not self.flow.write_paused and self.express.takes(cycle.scope):
            self._held = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _ask_express(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._let_go()
        if not self.express.open:
            super()._start_asgi_task(cycle, app)
            return
        self.express.ask(
            cycle.scope, bytes(cycle.body), self._departure, lambda *answer: self._answer(cycle, *answer)
        )

    def _give_to_application(self) -> None:
        if self._held is not None:
            held = self._held
            self._let_go()
            super()._start_asgi_task(*held)

    def _let_go(self) -> None:
        self._held = None
        if self._held_timer is not None:
            self._held_timer.cancel()
            self._held_timer = None

    def _answer(
        self, cycle: RequestResponseCycle, status: int, headers: Sequence[tuple[bytes, bytes]], content: bytes
    ) -> None:
        """Do at once what a cycle does in steps when the application answers."""
        if cycle.disconnected or self.transport.is_closing():
            return
        parts = [STATUS_LINE[status]]
        closing = not cycle.keep_alive
        for name, value in (*self.server_state.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
            closing = closing or (name == b"connection" and value == b"close")
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += (b"content-length: %d\r\n\r\n" % len(content), content)
        cycle.response_started = cycle.response_complete = True
        self.transport.send(b"".join(parts))
        if closing:
            self.transport.close()
        cycle.on_response()
        cycle.on_response = _nothing

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in the words of every other error."""
        self._refuse(Problem(400, f"this is not a valid HTTP request ({msg.rstrip('.').lower()})"))

    def _lag(self) -> None:
        # Something is written that the system does not take yet: the client must go on reading.
        if self._write_timer is None:
            self.unsent.watch(self.transport)
            self._wait_for_reading()

    def _wait_for_reading(self) -> None:
        self._taken = self.transport.taken
        self._write_timer = self.loop.call_later(self.limits.write_seconds, self._see_whether_it_reads)

    def _see_whether_it_reads(self) -> None:
        if not self.transport.unsent:
            self._write_timer = None
            self.unsent.forget(self.transport)
        elif self.transport.taken > self._taken:
            self._wait_for_reading()
        else:
            self.transport.abort()

    def _bound(self, size: int) -> None:
        limit = self.limits.header_bytes
        if size > limit:
            self._refuse(Problem(431, f"the headers have more than {limit} bytes", code="headers_too_large"))

    def _refuse(self, problem: Problem) -> None:
        if self.transport.is_closing():
            return
        record = self.observer.begin()
        content = json.dumps(problem.content()).encode()
        headers = {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "connection": "close",
            "x-request-id": record.request_id,
            **problem.headers,
        }
        lines = [f"HTTP/1.1 {problem.status} {_PHRASES[problem.status]}"]
        lines += [f"{name.lower()}: {value}" for name, value in headers.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + content)
        self.transport.close()
        path = self.url.partition(b"?")[0].decode("latin-1")
        self.observer.end({"client": self.client, "method": None, "path": path}, record, problem.status)

    def _abort(self) -> None:
        self._head_timer = None
        self.transport.abort()

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _send_at_once(transport: asyncio.Transport) -> None:
    # Otherwise what is written second waits until the first is acknowledged, which many clients put off for
    # 40 ms. asyncio asks for it only where a socket tells its protocol; those of socket.create_server do not.
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _nothing() -> None:
    """What is left to do when an answer is written."""


def _parser(connection: BoundedConnection) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(connection)
    with contextlib.suppress(AttributeError):  # httptools before 0.6.3
        # As uvicorn has it: what follows an answered request is no reason to refuse that one.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def bounded_connections(
    limits: Limits, express: Express, observer: Observer, unsent: UnsentAnswers
) -> type[BoundedConnection]:
    """Give the class of connections with these limits and parts of a server, as uvicorn wants a class."""
    parts = {"limits": limits, "express": express, "observer": observer, "unsent": unsent}
    return type("BoundedConnection", (BoundedConnection,), parts)
