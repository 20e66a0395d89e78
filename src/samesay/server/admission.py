"""How many requests may be in work at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from samesay.server.problems import overloaded


class Admission:
    """Counts requests from the moment they are read to their answer.

    Args:
        most: Requests at once.
        seconds_to_wait: Gives the time after which a refused one should be asked again.
    """

    def __init__(self, most: int, seconds_to_wait: Callable[[], float]) -> None:
        self._most = most
        self._seconds_to_wait = seconds_to_wait
        self._inside = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Have a place while the block runs.

        Raises:
            Problem: When all are taken.
        """
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Take a place.

        Raises:
            Problem: When all are taken.
        """
        if self._inside >= self._most:
            raise overloaded(
                f"{self._inside} requests are in work already, of {self._most} that may; ask again later",
                self._seconds_to_wait(),
            )
        self._inside += 1

    def leave(self) -> None:
        """Give a place back."""
        self._inside -= 1
