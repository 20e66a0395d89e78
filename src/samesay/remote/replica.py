"""One of several endpoints that serve the same model: what it has to do, and whether it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from samesay.remote.agreement import Rows
from samesay.remote.connection import Connection, Failed

# Seconds without any answer until a replica is asked whether it lives.
_QUIET = 0.2
# Seconds that a replica is left out: at first, doubled every time that it fails again, and at most.
_FIRST_OUT = 0.25
_LONGEST_OUT = 5.0
# One request may be at fault itself: so many different ones must fail in a row.
_FAILURES = 2


@dataclass(frozen=True)
class ReplicaState:
    """How a replica is at one moment.

    Attributes:
        url: Its base URL.
        serving: Whether it is sent requests.
        outstanding: Requests that it has not answered yet.
        answered: Requests that it answered.
        failed: Requests that failed there.
        reason: Why it does not serve, or what failed last; empty where nothing did.
    """

    url: str
    serving: bool
    outstanding: int
    answered: int
    failed: int
    reason: str


@dataclass(eq=False)
class Replica:
    """A replica. Used from one event loop.

    Args:
        url: Its base URL.
        connection: The way there.
        silence: Seconds in which it must show that it lives when it is asked to.
        may_leave: Says whether others would do its work if it were left out.

    Attributes:
        serving: Whether it is sent requests.
        due: When it may be looked at again, once it does not serve, by the clock of the loop.
        not_before: When it wants the next request.
        checked: When it last showed that it serves the right model.
        check: The task that looks at that.
        vectors: Its answer to the probe.
        picked: The number of the latest request that it was picked for.
        final: Whether asking again soon would not help.
        answered, failed, reason: See ``ReplicaState``.
    """

    url: str
    connection: Connection
    silence: float
    may_leave: Callable[[Replica], bool]
    serving: bool = False
    due: float = 0.0
    not_before: float = 0.0
    checked: float = -1.0
    check: asyncio.Task[None] | None = None
    vectors: Rows | None = None
    picked: int = 0
    final: bool = False
    answered: int = 0
    failed: int = 0
    reason: str = ""
    _outs: int = 0
    _heard: float = 0.0
    _running: set[asyncio.Task[bytes]] = field(default_factory=set)
    _failed_by: set[object] = field(default_factory=set)
    _watching: asyncio.Task[None] | None = None

    @property
    def outstanding(self) -> int:
        """Requests that it has not answered yet."""
        return len(self._running)

    @property
    def state(self) -> ReplicaState:
        """How it is now."""
        return ReplicaState(self.url, self.serving, self.outstanding, self.answered, self.failed, self.reason)

    def serve(self) -> None:
        """Take part from now on, having shown to serve the right model."""
        self.checked = asyncio.get_running_loop().time()
        self.serving, self.final, self.reason = True, False, ""
        self._failed_by.clear()

    def leave(self, reason: str, *, final: bool = False) -> None:
        """Be left out for a time that grows."""
        now = asyncio.get_running_loop().time()
        self.due = now + min(_FIRST_OUT * 2.0 ** min(self._outs, 30), _LONGEST_OUT)
        self._outs += 1
        self.serving, self.final, self.reason = False, final, reason
        self._failed_by.clear()

    def note_answer(self) -> None:
        """Note that it did what it was asked."""
        self.answered += 1
        self._outs = 0
        self._failed_by.clear()

    def note_failure(self, request: object, failure: Failed) -> None:
        """Note that a request failed there; after a time-out, or a second request, it is left out."""
        self.failed += 1
        if not self.serving:
            return
        self.reason = str(failure)
        if failure.busy:
            return
        self._failed_by.add(request)
        if failure.timed_out or len(self._failed_by) >= _FAILURES:
            self.leave(str(failure))

    async def attempt(self, path: str, body: bytes | None) -> bytes:
        """Send a request once; see ``Connection.attempt``. It also fails when the replica falls silent."""
        loop = asyncio.get_running_loop()
        if not self._running:
            self._heard = loop.time()
        work = loop.create_task(self.connection.attempt(path, body))
        self._running.add(work)
        if self._watching is None or self._watching.done():
            self._watching = loop.create_task(self._watch())
        try:
            await asyncio.wait({work})
            if work.cancelled():
                raise Failed(self._silent(), timed_out=True)
            self._heard = loop.time()
            return work.result()
        finally:
            self._running.discard(work)
            if not work.cancel() and not work.cancelled():
                work.exception()  # nobody else will look at it

    async def _watch(self) -> None:
        """While it has something to do and says nothing, see whether it lives; if not, end its requests."""
        loop = asyncio.get_running_loop()
        while self._running:
            rest = self._heard + _QUIET - loop.time()
            if rest > 0:
                await asyncio.sleep(rest)
                continue
            before = self._heard
            lives = await self.connection.lives(self.silence)
            if not lives and self._heard == before and self._running and self.may_leave(self):
                if self.serving:
                    self.leave(self._silent())
                for work in self._running:
                    work.cancel()
                return
            self._heard = max(self._heard, loop.time())

    def _silent(self) -> str:
        return f"it showed no sign of life for {_QUIET + self.silence:g} s"
