"""What goes out, in which order and in how many calls."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from samesay.server.joined_writes import JoinedWrites


class Wire(asyncio.Transport):
    """Notes what reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.calls.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


@given(st.lists(st.lists(st.sampled_from([1, 10, 70_000]), max_size=4), max_size=4), st.booleans())
def test_everything_goes_out_in_order_and_small_parts_of_a_step_together(
    steps: list[list[int]], close: bool
) -> None:
    wire = Wire()
    parts = [[bytes([number % 256]) * size for number, size in enumerate(step)] for step in steps]

    async def run() -> None:
        joined = JoinedWrites(wire, asyncio.get_running_loop())
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


def test_nothing_goes_out_after_an_abort() -> None:
    wire = Wire()

    async def run() -> None:
        joined = JoinedWrites(wire, asyncio.get_running_loop())
        joined.write(b"never")
        joined.abort()
        assert joined.is_closing()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert wire.calls == []
