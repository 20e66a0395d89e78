"""One line of JSON for each request, on request."""

from __future__ import annotations

import json
import queue
import sys
import threading
from dataclasses import dataclass, field
from typing import Any, TextIO

_MOST_LINES = 10_000


@dataclass
class RequestRecord:
    """What is known of a request when it is answered.

    Attributes:
        request_id: Also a header of the answer.
        began: When its headers were read, by the monotonic clock.
        model: The model that answered.
        inputs: How many texts or sequences it had.
        tokens: Tokens of its inputs.
        texts: The texts, where they are to be logged.
    """

    request_id: str
    began: float
    model: str | None = None
    inputs: int | None = None
    tokens: int | None = None
    texts: list[str] = field(default_factory=list)


class AccessLog:
    """Writes lines in a thread of its own, so that a slow reader of them delays no request.

    Lines that the reader leaves lying are dropped beyond a bound, and their number is told.

    Args:
        stream: Where to write; standard output by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lines: queue.Queue[str | None] = queue.Queue(_MOST_LINES)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="samesay-access-log", daemon=True)
        self._thread.start()

    def write(self, content: dict[str, Any]) -> None:
        """Write a line, soon."""
        if self._dropped:
            content = content | {"lines_dropped_before": self._dropped}
        try:
            self._lines.put_nowait(json.dumps(content, ensure_ascii=False))
            self._dropped = 0
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what is left, unless nobody reads it."""
        try:
            self._lines.put(None, timeout=1)
        except queue.Full:
            return
        self._thread.join(timeout=1)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(line + "\n")
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):  # nobody reads it any more
                return
