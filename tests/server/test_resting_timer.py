"""A timer that runs out when it should, and is hardly seen by the event loop until then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from samesay.server.resting_timer import RestingTimer

SECONDS = 5.0


class Handle:
    """A timer of the clock."""

    def __init__(self, at: float, action: Callable[[], object]) -> None:
        self.at = at
        self.action: Callable[[], object] | None = action

    def cancel(self) -> None:
        self.action = None


class Clock:
    """What a timer needs of an event loop, with a time of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.handles: list[Handle] = []
        self.made = 0

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, action: Callable[[], object]) -> Handle:
        self.made += 1
        self.handles.append(Handle(at, action))
        return self.handles[-1]

    @property
    def waiting(self) -> list[Handle]:
        return [handle for handle in self.handles if handle.action is not None]

    def go_on(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [handle for handle in self.waiting if handle.at <= end]:
            first = min(due, key=lambda handle: handle.at)
            self.now = max(self.now, first.at)
            action, first.action = first.action, None
            assert action is not None
            action()
        self.now = end


def timer_of(clock: Clock, ends: list[float]) -> RestingTimer:
    loop = cast(asyncio.AbstractEventLoop, cast(Any, clock))
    return RestingTimer(loop, SECONDS, lambda: ends.append(clock.now))


@given(st.lists(st.tuples(st.floats(0, 8), st.sampled_from(["set", "unset"])), max_size=30))
def test_it_ends_when_a_timer_made_anew_each_time_would(steps: list[tuple[float, str]]) -> None:
    clock, ends, expected = Clock(), list[float](), list[float]()
    timer, end = timer_of(clock, ends), None
    for seconds, step in [*steps, (2 * SECONDS, "unset")]:
        clock.go_on(seconds)
        if end is not None and end <= clock.now:
            expected.append(end)
            end = None
        assert ends == expected
        assert timer.running is (end is not None)
        assert len(clock.waiting) <= 1
        if step == "set":
            timer.set()
            end = clock.now + SECONDS
        else:
            timer.unset()
            end = None


def test_a_busy_connection_hardly_asks_the_loop() -> None:
    clock, ends = Clock(), list[float]()
    timer = timer_of(clock, ends)
    for _ in range(1000):
        timer.set()
        clock.go_on(0.01)
        timer.unset()
        clock.go_on(0.01)
    assert ends == []
    assert clock.made <= 1000 * 0.02 / SECONDS + 1


def test_nothing_is_left_of_one_that_is_closed() -> None:
    clock, ends = Clock(), list[float]()
    timer = timer_of(clock, ends)
    timer.set()
    timer.close()
    assert clock.waiting == []
    clock.go_on(2 * SECONDS)
    assert ends == []
