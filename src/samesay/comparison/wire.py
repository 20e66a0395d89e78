"""Messages between a comparison and its child processes: a line of JSON, then the bytes of arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Message:
    """What one side tells the other.

    Args:
        values: What JSON can hold.
        arrays: Numbers by name.
    """

    values: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)


def send(stream: BinaryIO, message: Message) -> None:
    """Write a message.

    Raises:
        OSError: The other side is gone.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in message.arrays.items()}
    shapes = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    stream.write(json.dumps({"values": dict(message.values), "arrays": shapes}).encode() + b"\n")
    for array in arrays.values():
        stream.write(array.tobytes())
    stream.flush()


def receive(stream: BinaryIO) -> Message | None:
    """Read a message; None where the other side is gone."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    head = json.loads(line)
    arrays = {}
    for name, (kind, shape) in head["arrays"].items():
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
        content = stream.read(size)
        if len(content) < size:
            return None
        arrays[name] = np.frombuffer(content, kind).reshape(shape)
    return Message(head["values"], arrays)
