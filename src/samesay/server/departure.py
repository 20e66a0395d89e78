"""Whether the client of a request has gone, told at the moment that it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

DEPARTURE = "samesay.departure"

_T = TypeVar("_T")


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


class Departure:
    """The end of a connection, and what is to be done then."""

    def __init__(self) -> None:
        self._happened = False
        self._action: Callable[[], object] | None = None

    @property
    def happened(self) -> bool:
        """Whether the client has gone."""
        return self._happened

    def then(self, action: Callable[[], object] | None) -> None:
        """Do that when the client goes, or now if it has gone; it takes the place of what was to be done."""
        self._action = action
        if action is not None and self._happened:
            action()

    def happen(self) -> None:
        """Note that the client has gone."""
        self._happened = True
        self.then(self._action)


def departure_of(scope: Mapping[str, Any]) -> Departure:
    """Give that of the connection which a request came by; one that never happens where nobody tells it."""
    return cast(Departure, scope.get(DEPARTURE) or Departure())


async def unless_gone(answer: asyncio.Future[_T], departure: Departure) -> _T:
    """Wait for an answer; it is cancelled when the client goes.

    Raises:
        ClientGoneError: The client has gone.
    """
    try:
        departure.then(answer.cancel)
        return await answer
    except asyncio.CancelledError:
        if departure.happened:
            raise ClientGoneError from None
        raise
    finally:
        departure.then(None)
