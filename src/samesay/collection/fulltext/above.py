"""What stands above a segment and counts as part of it in full text: the title and the headings."""

from __future__ import annotations

from collections.abc import Sequence

# Of each, so that the words of all segments together do not grow with their number times a title's length.
LONGEST = 1000


def above(title: str | None, headings: Sequence[str]) -> str:
    """Give the first ``LONGEST`` characters of the title and of each heading, outermost first."""
    return " ".join(one[:LONGEST] for one in [title or "", *headings])
