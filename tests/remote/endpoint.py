"""An endpoint on loopback that answers as it should, unless a test tells it otherwise."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH = 8


def vector_of(text: str, width: int = WIDTH) -> NDArray[np.float32]:
    """A vector of length 1 that only this text has."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    drawn = np.random.default_rng(seed).standard_normal(width)
    unit: NDArray[np.float32] = (drawn / np.linalg.norm(drawn)).astype(np.float32)
    return unit


@dataclass
class Request:
    """A request that came, and what can be done with it."""

    handler: BaseHTTPRequestHandler
    body: dict[str, Any]
    vector: Callable[[str, int], NDArray[np.float32]] = vector_of
    width: int = WIDTH

    @property
    def texts(self) -> list[str]:
        return list(self.body["input"])

    def send(self, status: int, content: bytes, headers: Sequence[tuple[str, str]] = ()) -> None:
        handler = self.handler
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    def json(self, status: int, value: object, headers: Sequence[tuple[str, str]] = ()) -> None:
        self.send(status, json.dumps(value).encode(), headers)

    def refuse(self, status: int, message: str, headers: Sequence[tuple[str, str]] = (), **more: str) -> None:
        self.json(status, {"error": {"message": message, **more}}, headers)

    def answer(self) -> dict[str, Any]:
        """What a sound endpoint answers."""
        width = int(self.body.get("dimensions", self.width))
        data: list[dict[str, Any]] = []
        for index, text in enumerate(self.texts):
            vector = self.vector(text, width)
            embedding: object = vector.astype(float).tolist()
            if self.body.get("encoding_format") == "base64":
                embedding = base64.b64encode(vector.astype("<f4").tobytes()).decode()
            data.append({"object": "embedding", "index": index, "embedding": embedding})
        tokens = sum(len(text.split()) for text in self.texts)
        return {"object": "list", "data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}

    def well(self) -> None:
        self.json(200, self.answer())

    def cut_connection(self, after: int = 0) -> None:
        """Promise an answer and hang up after some bytes of it."""
        handler = self.handler
        if after:
            content = json.dumps(self.answer()).encode()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content[:after])
            handler.wfile.flush()
        handler.close_connection = True
        handler.connection.close()


Behaviour = Callable[[Request], None]


@dataclass
class Endpoint:
    """The endpoint.

    Attributes:
        url: Its base URL.
        script: What to do with the next requests; after them it answers well.
        always: What to do with every request that the script does not reach.
        seen: The texts of every request.
        headers: The headers of every request.
        models: What it says of its models.
        vector: Gives the vector of a text: the model.
        width: Width of the model's vectors.
        seconds: How long a sound answer takes.
        busy, busiest: Requests under way, now and at most.
        silent: While set, nothing is answered, as by a process that was stopped.
        dead: Every connection is cut at once, as by a process that has gone.
        connections: Those that are open.
        over: Set when the test is over: whoever hangs then stops.
        closing: What is to be called then.
    """

    url: str = ""
    script: list[Behaviour] = field(default_factory=list)
    always: Behaviour = Request.well
    seen: list[list[str]] = field(default_factory=list, repr=False)
    headers: list[dict[str, str]] = field(default_factory=list, repr=False)
    models: list[dict[str, Any]] = field(default_factory=list)
    vector: Callable[[str, int], NDArray[np.float32]] = vector_of
    width: int = WIDTH
    seconds: float = 0.0
    busy: int = 0
    busiest: int = 0
    silent: threading.Event = field(default_factory=threading.Event)
    dead: bool = False
    connections: set[socket.socket] = field(default_factory=set, repr=False)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: list[Callable[[], object]] = field(default_factory=list, repr=False)

    def take(self, request: Request) -> Behaviour:
        with self.lock:
            self.seen.append(request.texts)
            self.headers.append({name.lower(): value for name, value in request.handler.headers.items()})
            return self.script.pop(0) if self.script else self.always

    def gone(self) -> bool:
        return self.dead or self.over.is_set()

    def restart(self) -> None:
        """End all connections, as a process does that another takes the place of."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def serve(self, request: Request) -> None:
        """Do what a process in this state does with a request."""
        while self.silent.is_set() and not self.over.wait(0.01):
            pass
        if self.gone():
            request.cut_connection()
        elif not request.body:
            request.json(200, {"object": "list", "data": self.models})
        else:
            behaviour = self.take(request)
            if self.seconds:
                self.over.wait(self.seconds)
            if self.gone():
                request.cut_connection()
            else:
                behaviour(request)

    def hang(self, request: Request) -> None:
        self.over.wait(30)
        request.handler.close_connection = True

    def drip(self, request: Request) -> None:
        """A byte now and then, and never the last."""
        request.handler.send_response(200)
        request.handler.send_header("Content-Length", "100000")
        request.handler.end_headers()
        with contextlib.suppress(OSError):
            while not self.over.wait(0.02):
                request.handler.wfile.write(b" ")
                request.handler.wfile.flush()
        request.handler.close_connection = True


@contextlib.contextmanager
def endpoint() -> Iterator[Endpoint]:
    """Serve on a free port of loopback."""
    there = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            there.connections.add(self.connection)

        def finish(self) -> None:
            there.connections.discard(self.connection)
            super().finish()

        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                there.serve(Request(self, {}))

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            request = Request(self, json.loads(self.rfile.read(length)), there.vector, there.width)
            with there.lock:
                there.busy += 1
                there.busiest = max(there.busiest, there.busy)
            with contextlib.suppress(OSError):
                there.serve(request)
            with there.lock:
                there.busy -= 1

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # clients hang up: that is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    there.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield there
    finally:
        there.over.set()
        # One that is left to the garbage collector is closed wherever that happens to run.
        for close in there.closing:
            close()
        server.shutdown()
        server.server_close()
        thread.join()
