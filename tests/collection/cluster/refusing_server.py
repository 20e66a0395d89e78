"""A server on loopback that refuses requests to Qdrant, and may pass them on to one afterwards."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Refusing:
    """What answers, and what it was asked.

    Args:
        url: Where it answers.
        asked: Method and path of every request, in order.
    """

    url: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def refusing(status: int, headers: dict[str, str], then: str | None = None) -> Iterator[Refusing]:
    """Refuse every request to a route the first time, with that status, and then pass it on.

    Args:
        status: The status of a refusal.
        headers: Its headers.
        then: The address of a server; without one every request is refused every time.
    """
    asked: list[str] = []
    seen: set[str] = set()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            route = f"{self.command} {urlsplit(self.path).path}"
            with lock:
                asked.append(route)
                refused = then is None or route not in seen
                seen.add(route)
            if refused or then is None:
                self._answer(status, json.dumps({"status": {"error": "not now"}}).encode(), headers)
                return
            server = HTTPConnection(urlsplit(then).netloc)
            server.request(self.command, self.path, body, {"content-type": "application/json"})
            found = server.getresponse()
            self._answer(found.status, found.read(), {})
            server.close()

        def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            told = {"content-type": "application/json", "content-length": str(len(content)), **headers}
            for name, value in told.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Refusing(f"http://127.0.0.1:{server.server_address[1]}", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
