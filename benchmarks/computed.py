"""Parts of a document that are computed from results, between marks that say which."""

from __future__ import annotations

import argparse
import json
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")

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


def paragraph(text: str) -> str:
    """Give a paragraph in lines as documents have them."""
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def interval(value: Sequence[float], digits: int = 3) -> str:
    """Give a figure with its interval, both of them as they come."""
    middle, low, high = (f"{one:.{digits}f}" for one in value)
    return f"{middle} ({low}–{high})"


def percent(value: Sequence[float], digits: int = 1) -> str:
    """Give a share with its interval in percent."""
    middle, low, high = (f"{100 * one:.{digits}f}" for one in value)
    return f"{middle} % ({low}–{high})"


def read_result(results: Path, name: str) -> dict[str, Any]:
    """Read the file of what a benchmark found."""
    value: dict[str, Any] = json.loads((results / name).read_text("utf-8"))
    return value


def write_or_print(description: str | None, parts: Mapping[str, Callable[[], str]]) -> None:
    """Do what the command line asks for: write the parts into a document, or print them."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, help="the document")
    document = parser.parse_args().write
    if document:
        document.write_text(filled(document.read_text("utf-8"), parts), "utf-8")
        return
    for name, part in parts.items():
        print(f"{name}\n\n{part()}\n")
