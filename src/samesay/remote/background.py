"""One thread with an event loop, so that requests run side by side under calls that simply wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

_T = TypeVar("_T")
_SECONDS_TO_END = 5.0


class Background:
    """A thread that runs coroutines; it starts with the first and ends with ``close``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def submit(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Start a coroutine; cancelling the future cancels it."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="samesay-remote", daemon=True
                )
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what runs, run a last coroutine, and end the thread; who comes meanwhile waits for that."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
            if loop is None or thread is None or threading.current_thread() is thread:
                return
            if thread.is_alive():
                ended = asyncio.run_coroutine_threadsafe(_end(last), loop)
                try:
                    ended.result(_SECONDS_TO_END)
                finally:
                    loop.call_soon_threadsafe(loop.stop)
                    thread.join(_SECONDS_TO_END)
            if not loop.is_running():
                loop.close()


async def _end(last: Callable[[], Coroutine[Any, Any, None]]) -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await last()
