"""Answers with long arrays, written entry by entry: other threads have their turns between two of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic_core import to_json


def with_array(fields: Mapping[str, object], name: str, entries: Iterable[bytes]) -> bytes:
    """Write an object as JSON, with an array at its end.

    Args:
        fields: What comes before the array; not empty.
        name: What the array is called.
        entries: Its entries, each as JSON.
    """
    begin = to_json(dict(fields))[:-1]
    return b"".join((begin, b",", to_json(name), b":[", b",".join(entries), b"]}"))
