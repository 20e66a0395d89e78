"""Results as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from retrieving.measures import NAMES


def table(part: str, found: Any) -> str:
    """Give the measures of every way found in the result of a part; other results line by line."""
    rows = [_row(path, one) for path, one in _summaries(found, ())]
    if not rows:
        return "\n".join(f"{name}: {value}" for name, value in dict(found).items())
    return "\n".join(f"| {' | '.join(row)} |" for row in ([part, *NAMES], ["---"] * (len(NAMES) + 1), *rows))


def _summaries(found: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if not isinstance(found, Mapping):
        return
    if NAMES[0] in found:
        yield path, found
        return
    for name, one in found.items():
        yield from _summaries(one, (*path, str(name)))


def _row(path: tuple[str, ...], one: Mapping[str, Any]) -> list[str]:
    cells = ["{:.3f} ({:.3f}–{:.3f})".format(*one[name]) for name in NAMES]
    return [", ".join(name for name in path if name != "figures"), *cells]
