"""Threads beside the event loop, and their end."""

from __future__ import annotations

import threading
import time

from samesay.server.workers import Workers


def test_what_waits_is_done_before_the_end() -> None:
    workers, done = Workers(2, "test"), []
    for number in range(20):
        workers.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    workers.stop(60)
    assert sorted(done) == list(range(20))


def test_the_end_does_not_wait_for_work_that_takes_long() -> None:
    workers, free = Workers(1, "test"), threading.Event()
    workers.submit(lambda: free.wait(60))
    began = time.monotonic()
    workers.stop(0.1)
    assert time.monotonic() - began < 30
    free.set()
