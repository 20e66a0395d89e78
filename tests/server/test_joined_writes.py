"""What goes out, in which order and in how many calls."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from samesay.server.joined_writes import JoinedWrites


class Wire(asyncio.Transport):
    """Notes what reaches it."""

    def __init__(self, kept: int = 0) -> None:
        super().__init__()
        self.calls: list[bytes] = []
        self.closed = False
        self.kept = kept

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.calls.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.kept

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def never() -> None:
    raise AssertionError("everything was taken")


@given(st.lists(st.lists(st.sampled_from([1, 10, 70_000]), max_size=4), max_size=4), st.booleans())
def test_everything_goes_out_in_order_and_small_parts_of_a_step_together(
    steps: list[list[int]], close: bool
) -> None:
    wire = Wire()
    parts = [[bytes([number % 256]) * size for number, size in enumerate(step)] for step in steps]

    async def run() -> None:
        joined = JoinedWrites(wire, asyncio.get_running_loop(), never)
        for step in parts:
            for part in step:
                joined.write(part)
            await asyncio.sleep(0)
        joined.write(b"last")
        if close:
            joined.close()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert b"".join(wire.calls) == b"".join(part for step in parts for part in step) + b"last"
    assert wire.closed == close
    small_steps = [step for step in parts if step and max(map(len, step)) <= 10]
    assert all(b"".join(step) in wire.calls for step in small_steps)


def test_a_whole_answer_goes_out_at_once_and_behind_what_waited() -> None:
    wire = Wire()

    async def run() -> None:
        joined = JoinedWrites(wire, asyncio.get_running_loop(), never)
        joined.write(b"first")
        joined.send(b"second")
        assert wire.calls == [b"first", b"second"]
        await asyncio.sleep(0)

    asyncio.run(run())
    assert wire.calls == [b"first", b"second"]


def test_nothing_goes_out_after_an_abort() -> None:
    wire = Wire()

    async def run() -> None:
        joined = JoinedWrites(wire, asyncio.get_running_loop(), never)
        joined.write(b"never")
        joined.abort()
        assert joined.is_closing()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert wire.calls == []


def test_what_the_system_does_not_take_is_told_and_counted() -> None:
    wire = Wire(kept=7)
    told: list[int] = []

    async def run() -> None:
        joined = JoinedWrites(wire, asyncio.get_running_loop(), lambda: told.append(len(wire.calls)))
        joined.write(b"0123456789")
        assert joined.unsent == 17
        joined.close()
        assert joined.unsent == 7
        assert joined.taken == 3

    asyncio.run(run())
    assert told == [1]
