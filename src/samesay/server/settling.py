"""Futures whose results come from other threads."""

from __future__ import annotations

import asyncio
from typing import TypeVar

Result = TypeVar("Result")


def settle(answer: asyncio.Future[Result], result: Result | BaseException) -> None:
    """Give a future its result or error, unless it is cancelled or has one; for the event loop to call."""
    if answer.done():
        return
    if isinstance(result, BaseException):
        answer.set_exception(result)
    else:
        answer.set_result(result)
