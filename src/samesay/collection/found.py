"""A document on its way to a hit."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Found:
    """A document that was found.

    Args:
        number: The document.
        key: What it is ranked by.
        row: The segment that is shown.
        segment: Its best segment by vectors, where it was found by them.
        score: What people are told.
        components: What that is made of.
    """

    number: int
    key: float
    row: int
    segment: int | None = None
    score: float = 0.0
    components: dict[str, float] = field(default_factory=dict)
