"""The metadata that stands before a Markdown text."""

from __future__ import annotations

import re

# YAML between "---", TOML between "+++": from the first line on, each line what such a line may be.
_OPENING = re.compile(r"\ufeff?(---|\+\+\+)[ \t]*(?:\r\n|\n|\r)")
_KEY = re.compile(r"[ \t\-]*[\w\"'][^\r\n]*?(?::(?:\s|$)|=)|\s*#|\s*$")
_LARGEST = 1 << 16


def front_matter_end(source: str) -> int:
    """Give the offset after the closing line and the blank lines after it, or 0 without front matter."""
    opening = _OPENING.match(source)
    if not opening:
        return 0
    marks = r"(?:---|\.\.\.)" if opening.group(1) == "---" else r"\+\+\+"
    closing = re.compile(rf"^{marks}[ \t]*$(?:\s*[\r\n]|\Z)?", re.MULTILINE)
    # Other line ends than \n are no ends for "$".
    head = source[: opening.end() + _LARGEST].replace("\r\n", "\n\n").replace("\r", "\n")
    found = closing.search(head, opening.end())
    if not found:
        return 0
    first = head[opening.end() : found.start()].lstrip("\n").split("\n", 1)[0]
    if not _KEY.match(first):
        return 0
    return found.end()
