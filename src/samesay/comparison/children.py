"""The parent's side of the processes that hold one model each."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from samesay.comparison.wire import Array, Message, receive, send

# The path of this process, so that the child finds the same packages, wherever it was started.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from samesay.comparison.child import main; main()"
)


class ModelFailedError(Exception):
    """A model could not be loaded, or failed at its work; the message says how, for people."""


class Child:
    """A process with one model; it does nothing until it is asked.

    Args:
        said: What the process writes to standard error.
    """

    def __init__(self, said: BinaryIO) -> None:
        self._said = said
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", _PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        self._to = cast("BinaryIO", self._process.stdin)
        self._from = cast("BinaryIO", self._process.stdout)

    def ask(self, do: str, **values: object) -> Mapping[str, Any]:
        """Ask for something that is told in JSON; see ``child_work.Worker``.

        Raises:
            ModelFailedError: The model refuses, or the process is gone.
        """
        return self._ask(do, values).values

    def ask_arrays(self, do: str, **values: object) -> Mapping[str, Array]:
        """Ask for something that is told in numbers.

        Raises:
            ModelFailedError: As for ``ask``.
        """
        return self._ask(do, values).arrays

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process and all that belongs to it."""
        self.kill()
        for stream in (self._to, self._from):
            with contextlib.suppress(OSError):
                stream.close()

    def _ask(self, do: str, values: Mapping[str, object]) -> Message:
        try:
            send(self._to, Message({"do": do, **values}))
            reply = receive(self._from)
        except OSError:
            reply = None
        if reply is None:
            raise ModelFailedError(self._end())
        if "error" in reply.values:
            raise ModelFailedError(str(reply.values["error"]))
        return reply

    def _end(self) -> str:
        status = self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        last = f": {lines[-1]}" if lines else ""
        if status == -9:
            return f"its process was killed, most likely because there was no more memory{last}"
        return f"its process ended with status {status}{last}"


@contextmanager
def opened(settings: Mapping[str, object]) -> Iterator[tuple[Child, Mapping[str, Any]]]:
    """Give a child with a model, and what the model is; the process is gone at the end of the block.

    Raises:
        ModelFailedError: The model cannot be loaded.
    """
    with tempfile.TemporaryFile(prefix="samesay-compare-") as said:
        child = Child(said)
        try:
            yield child, child.ask("load", **settings)
        finally:
            child.close()
