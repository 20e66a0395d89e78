"""Threads for small pieces of work beside the event loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue


class Workers:
    """Does pieces of work in the order in which they come, as many at a time as there are threads.

    A ``ThreadPoolExecutor`` makes a future with a lock for each piece, which costs the event loop as much as
    reading the request.

    Args:
        count: How many threads.
        name: What they are called.
    """

    def __init__(self, count: int, name: str) -> None:
        self._waiting: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}_{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], object]) -> None:
        """Let a thread do that soon; it must not raise."""
        self._waiting.put(work)

    def stop(self, seconds: float) -> None:
        """Do what waits, and end; what takes longer than that is left to itself."""
        for _ in self._threads:
            self._waiting.put(None)
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            work()
            del work  # what it holds is not kept until the next one comes
