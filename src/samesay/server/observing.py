"""The outermost layer: every request gets an id, is counted, and is logged where that is asked for."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from typing import Any

from samesay.server.access_log import AccessLog, RequestRecord
from samesay.server.asgi import ASGIApp, Message, Receive, Scope, Send
from samesay.server.metrics import ServerMetrics

RECORD = "samesay.record"
# What is noted of a request whose client left before the answer.
CLIENT_GONE = 499
_LONGEST_PATH = 200


class Observer:
    """Gives requests their ids, counts them and logs them.

    Args:
        metrics: Counts them.
        log: Logs them, or None.
        paths: The paths that metrics tell apart; all others are "other", whoever thinks them up.
    """

    def __init__(self, metrics: ServerMetrics, log: AccessLog | None, paths: Collection[str]) -> None:
        self._metrics = metrics
        self._log = log
        self._paths = frozenset(paths)
        # Random at the start of a server and counted after it: no two requests have the same id.
        self._first_half = secrets.token_hex(8)
        self._numbers = itertools.count()

    def begin(self) -> RequestRecord:
        """Note a request."""
        self._metrics.in_flight += 1
        return RequestRecord(f"req_{self._first_half}{next(self._numbers):08x}", time.monotonic())

    def end(self, scope: Mapping[str, Any], record: RequestRecord, status: int) -> None:
        """Note how it ended."""
        seconds = time.monotonic() - record.began
        self._metrics.in_flight -= 1
        path = scope["path"] if scope["path"] in self._paths else "other"
        self._metrics.answered(path, status, seconds)
        if self._log:
            self._write(self._log, scope, record, status, seconds)

    def _write(
        self,
        log: AccessLog,
        scope: Mapping[str, Any],
        record: RequestRecord,
        status: int,
        seconds: float,
    ) -> None:
        client = scope.get("client")
        line: dict[str, object] = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "request_id": record.request_id,
            "client": client[0] if client else None,
            "method": scope["method"],
            "path": scope["path"][:_LONGEST_PATH],
            "status": status,
            "seconds": round(seconds, 6),
            "model": record.model,
            "inputs": record.inputs,
            "tokens": record.tokens,
        }
        log.write(line | {"texts": record.texts} if record.texts else line)


class Observing:
    """Watches requests go by.

    Args:
        app: What answers them.
        observer: Is told of them.
    """

    def __init__(self, app: ASGIApp, observer: Observer) -> None:
        self._app = app
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = scope[RECORD] = self._observer.begin()
        status = CLIENT_GONE

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", record.request_id.encode()),
                ]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            self._observer.end(scope, record, status)
