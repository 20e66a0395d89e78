"""A timer that is set with every request and hardly ever runs out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class RestingTimer:
    """A timer whose setting and unsetting cost the event loop next to nothing.

    It has at most one place among the loop's timers, and looks only when that comes up how much time is left.
    A timer of the loop for every request would be taken out of a sorted heap each time.

    Args:
        loop: The event loop.
        seconds: From setting it to its end.
        action: What is to be done then.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, action: Callable[[], object]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._action = action
        self._end: float | None = None
        self._handle: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether it is set."""
        return self._end is not None

    def set(self) -> None:
        """Begin, anew if it runs."""
        self._end = self._loop.time() + self._seconds
        if self._handle is None:
            self._handle = self._loop.call_at(self._end, self._look)

    def unset(self) -> None:
        """Do nothing until it is set again."""
        self._end = None

    def close(self) -> None:
        """Unset it for good, and leave nothing with the loop."""
        self._end = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look(self) -> None:
        self._handle = None
        if self._end is None:
            return
        if self._end > self._loop.time():
            self._handle = self._loop.call_at(self._end, self._look)
            return
        self._end = None
        self._action()
