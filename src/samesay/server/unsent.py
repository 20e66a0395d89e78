"""Answers that are written and that their clients have not read yet: bounded, so that memory is."""

from __future__ import annotations

from samesay.server.asgi import ASGIApp, Message, Receive, Scope, Send
from samesay.server.joined_writes import JoinedWrites
from samesay.server.problems import Problem, overloaded

# Smaller answers are always sent: a connection holds few of them, as it waits with the next one.
_SMALL = 64 << 10


class UnsentAnswers:
    """Counts the bytes that wait for clients to read.

    Args:
        most: Bytes at once; a large answer beyond them becomes a refusal.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lagging: set[JoinedWrites] = set()

    @property
    def size(self) -> int:
        """The bytes that wait now."""
        return sum(writes.unsent for writes in self._lagging)

    @property
    def connections(self) -> int:
        """How many clients have yet to read something."""
        return sum(bool(writes.unsent) for writes in self._lagging)

    def watch(self, writes: JoinedWrites) -> None:
        """Count what waits there from now on."""
        self._lagging.add(writes)

    def forget(self, writes: JoinedWrites) -> None:
        """Count it no more."""
        self._lagging.discard(writes)

    def problem(self, size: int) -> Problem | None:
        """Say why an answer of that many bytes cannot be sent, or None; one alone always can."""
        if size <= _SMALL or not (held := self.size) or held + size <= self._most:
            return None
        return overloaded(
            f"the answer has {size} bytes, and {held} bytes of others are not read by their clients yet; "
            "ask again later, or for less at a time",
            1,
        )


class AnswerLimits:
    """Passes on answers while there is room for them.

    Args:
        app: What answers.
        unsent: Counts what clients have not read.
    """

    def __init__(self, app: ASGIApp, unsent: UnsentAnswers) -> None:
        self._app = app
        self._unsent = unsent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it when its answer is there."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = False

        async def bounded(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                problem = self._unsent.problem(_size(message))
                if problem is not None:
                    refused = True
                    await problem.response()(scope, receive, send)
            if not refused:
                await send(message)

        await self._app(scope, receive, bounded)


def _size(message: Message) -> int:
    for name, value in message.get("headers", ()):
        if name == b"content-length":
            return int(value)
    return 0
