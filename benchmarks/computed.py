"""Parts of a document that are computed from results, between marks that say which."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

_PART = re.compile(r"(<!-- computed: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(document: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """Give a document with its computed parts as they come out now."""
    return _PART.sub(lambda match: f"{match[1]}{parts[match[2]]()}\n{match[3]}", document)


def names(document: str) -> set[str]:
    """Give the names of a document's computed parts."""
    return {match[2] for match in _PART.finditer(document)}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a table of Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
