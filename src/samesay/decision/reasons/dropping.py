"""Texts without one of their parts, and what that does to the score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samesay.decision.reasons.records import LeftOut, Span
from samesay.engine.row_products import row_products


def without_each(text: str, parts: Sequence[Span]) -> tuple[str, ...]:
    """Give the text without each of its parts in turn; nothing for a text of one part."""
    if len(parts) < 2:
        return ()
    return tuple((text[: part.begin] + text[part.end :]).strip() for part in parts)


def drops(
    parts: Sequence[Span], score: float, vectors: NDArray[np.float32], other: NDArray[np.float32]
) -> tuple[LeftOut, ...]:
    """Give what the score loses with each part.

    Args:
        parts: The n parts that were left out.
        score: The score of the whole texts.
        vectors: Of the text without each part, shape (n, dimensions).
        other: Of the other text, shape (dimensions,).
    """
    scores = row_products(vectors, other).clip(-1, 1)
    return tuple(LeftOut(part, score - float(left)) for part, left in zip(parts, scores, strict=True))
