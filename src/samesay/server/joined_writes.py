"""What is written in one step of the event loop goes out together."""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from collections.abc import Callable
from typing import Any

# Joining copies; more than that is sent as it is.
_LARGE = 64 << 10


class JoinedWrites(asyncio.Transport):
    """A transport that sends head and body of an answer with one call of the system instead of two.

    Args:
        inner: What sends.
        loop: The event loop.
        lag: Called when the system does not take all that is written, as its reader is slower.
    """

    def __init__(
        self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop, lag: Callable[[], object]
    ) -> None:
        super().__init__()
        self._inner = inner
        self._loop = loop
        self._lag = lag
        self._parts: list[bytes] = []
        self._written = 0

    @property
    def unsent(self) -> int:
        """Bytes that are written and that the system has not taken."""
        return sum(map(len, self._parts)) + self._inner.get_write_buffer_size()

    @property
    def taken(self) -> int:
        """Bytes that the machine at the other end has taken."""
        return self._written - self._inner.get_write_buffer_size() - self._on_the_way()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data at the end of this step of the loop."""
        if len(data) > _LARGE:
            self.send(data)
            return
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(bytes(data))

    def send(self, data: bytes | bytearray | memoryview) -> None:
        """Send data now: it is large, or an answer that is there as a whole."""
        self._flush()
        self._send(data)

    def close(self) -> None:
        """End after everything is sent."""
        self._flush()
        self._inner.close()

    def abort(self) -> None:
        """End at once."""
        self._parts.clear()
        self._inner.abort()

    def is_closing(self) -> bool:
        """Say whether it ends or has ended."""
        return self._inner.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Give what the inner transport tells."""
        return self._inner.get_extra_info(name, default)

    def _flush(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            self._send(data)

    def _send(self, data: bytes | bytearray | memoryview) -> None:
        self._written += len(data)
        self._inner.write(data)
        if self._inner.get_write_buffer_size():
            self._lag()

    def _on_the_way(self) -> int:
        # The system takes megabytes at once: only what it has left of them shows that a slow client reads.
        connection = self._inner.get_extra_info("socket")
        try:
            (count,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * 4))
        except (AttributeError, OSError):
            return 0
        return int(count)
