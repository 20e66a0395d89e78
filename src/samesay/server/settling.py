"""Who waits in the event loop for what other threads find."""

from __future__ import annotations

import asyncio
from typing import Generic, Protocol, TypeVar

Result = TypeVar("Result")
Result_contra = TypeVar("Result_contra", contravariant=True)


class Waiter(Protocol[Result_contra]):
    """Somebody who waits for a result."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop in which it waits."""

    def settle(self, result: Result_contra | BaseException) -> None:
        """Take the result or an error, unless it waits no more; for the event loop to call."""


class FutureWaiter(Generic[Result]):
    """A future that waits.

    Args:
        future: The future.
    """

    def __init__(self, future: asyncio.Future[Result]) -> None:
        self._future = future

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Its event loop."""
        return self._future.get_loop()

    def settle(self, result: Result | BaseException) -> None:
        """Give the future its result or error, unless it is cancelled or has one."""
        settle(self._future, result)


def settle(answer: asyncio.Future[Result], result: Result | BaseException) -> None:
    """Give a future its result or error, unless it is cancelled or has one; for the event loop to call."""
    if answer.done():
        return
    if isinstance(result, BaseException):
        answer.set_exception(result)
    else:
        answer.set_result(result)
