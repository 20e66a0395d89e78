"""What is written in one step of the event loop goes out together."""

from __future__ import annotations

import asyncio
from typing import Any

# Joining copies; more than that is sent as it is.
_LARGE = 64 << 10


class JoinedWrites(asyncio.Transport):
    """A transport that sends head and body of an answer with one call of the system instead of two.

    Args:
        inner: What sends.
        loop: The event loop.
    """

    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._inner = inner
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data at the end of this step of the loop."""
        if len(data) > _LARGE:
            self._flush()
            self._inner.write(data)
            return
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(bytes(data))

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
            self._inner.write(data)
