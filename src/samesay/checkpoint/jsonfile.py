"""Small JSON files of a checkpoint, read with errors that name the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from samesay.errors import CheckpointError

Expected = TypeVar("Expected", dict, list)  # type: ignore[type-arg]


def read_json(path: Path, expected: type[Expected]) -> Expected:
    """Read a JSON file whose outermost value is a ``dict`` or a ``list``.

    Raises:
        CheckpointError: When the file is missing, is not JSON, or holds another kind of value.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing; fetch the model again") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(value, expected):
        kind = "an object" if expected is dict else "a list"
        raise CheckpointError(f"{path} should hold {kind}, not {type(value).__name__}")
    return value


def read_json_if_present(path: Path) -> dict[str, object]:
    """Read a JSON object, or give an empty one where the file does not exist."""
    return read_json(path, dict) if path.is_file() else {}
