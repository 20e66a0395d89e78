"""Bodies are read here: counted while they arrive, and in bounded time and memory."""

from __future__ import annotations

import asyncio

from samesay.server.asgi import ASGIApp, Message, Receive, Scope, Send, header, refuse
from samesay.server.problems import Problem, overloaded
from samesay.server.settings import Limits

_TIMEOUT = 408


class _ClientGone(Exception):  # noqa: N818
    """The connection ended before the body did."""


class _Deadline:
    """Cancels the task that it is made in after so many seconds, unless it is ended before.

    What ``asyncio.timeout`` does from Python 3.11 on. ``asyncio.wait_for`` makes a task for each message.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._pass)

    def end(self) -> None:
        self._timer.cancel()

    def _pass(self) -> None:
        self.passed = True
        if self._task is not None:
            self._task.cancel()


class BodyLimits:
    """Passes on requests whose bodies are there as a whole.

    Args:
        app: What answers them.
        limits: What bodies may take.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        parts: list[bytes] = []
        try:
            problem = self._declared_problem(scope) or await self._read(receive, parts)
            if problem is None:
                await self._app(scope, _replaying(b"".join(parts), receive), send)
            else:
                await refuse(problem, scope, receive, send, close=problem.status == _TIMEOUT)
        except _ClientGone:
            return
        finally:
            self._held -= sum(map(len, parts))

    def _declared_problem(self, scope: Scope) -> Problem | None:
        declared = header(scope, b"content-length") or ""
        if declared.isdecimal() and int(declared[:20]) > self._limits.body_bytes:
            return self._too_large()
        return None

    async def _read(self, receive: Receive, parts: list[bytes]) -> Problem | None:
        deadline = _Deadline(self._limits.body_seconds)
        try:
            return await self._read_on(receive, parts)
        except asyncio.CancelledError:
            if not deadline.passed:
                raise
            seconds = self._limits.body_seconds
            return Problem(_TIMEOUT, f"the body did not arrive within {seconds:g} seconds; send it faster")
        finally:
            deadline.end()

    async def _read_on(self, receive: Receive, parts: list[bytes]) -> Problem | None:
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _ClientGone
            part = message.get("body", b"")
            size += len(part)
            if size > self._limits.body_bytes:
                return self._too_large()
            if self._held + len(part) > self._limits.held_body_bytes:
                return overloaded("too many large requests arrive at once; ask again later", 1)
            self._held += len(part)
            parts.append(part)
            if not message.get("more_body", False):
                return None

    def _too_large(self) -> Problem:
        return Problem(
            413,
            f"the body has more than {self._limits.body_bytes} bytes; send fewer inputs at a time",
            code="request_too_large",
        )


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Give the body once, and then whatever comes, which is the end of the connection."""
    rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return rest.pop() if rest else await receive()

    return replay
