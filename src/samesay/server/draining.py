"""The end of a server: nothing new, and everything accepted is answered."""

from __future__ import annotations

import asyncio

from samesay.server.asgi import HEALTH_PATHS, METRICS_PATH, ASGIApp, Receive, Scope, Send, refuse
from samesay.server.problems import unavailable

_ALWAYS = HEALTH_PATHS | {METRICS_PATH}
_RETRY = 5


class Draining:
    """Whether the server stops, and the requests that it still has to answer."""

    def __init__(self) -> None:
        self._begun = False
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def begun(self) -> bool:
        """Whether new requests are refused."""
        return self._begun

    @property
    def in_flight(self) -> int:
        """Accepted requests without an answer."""
        return self._in_flight

    def begin(self) -> None:
        """Refuse requests from now on."""
        self._begun = True

    async def idle(self, seconds: float) -> bool:
        """Wait until all accepted requests are answered, but not longer than that; say whether they are."""
        if self._idle.is_set():
            return True
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        return True

    def enter(self) -> None:
        """Note a request that is accepted."""
        self._in_flight += 1
        self._idle.clear()

    def leave(self) -> None:
        """Note that it is answered."""
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()


class DrainingGate:
    """Passes on requests while the server does not stop.

    Args:
        app: What answers them.
        draining: Whether it does.
    """

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        if self._draining.begun:
            problem = unavailable("the server is stopping; ask another one", "stopping", _RETRY)
            await refuse(problem, scope, receive, send, close=True)
            return
        self._draining.enter()
        try:
            await self._app(scope, receive, send)
        finally:
            self._draining.leave()
