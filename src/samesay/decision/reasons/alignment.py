"""Parts of two texts, and which of them are best for each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samesay.decision.reasons.folding import span_of
from samesay.decision.reasons.records import AlignedSpans, Span
from samesay.decision.reasons.words import clauses_of, words_of
from samesay.engine.row_products import table_products

# Of a text with more clauses, neighbours are taken together.
MOST_PARTS = 24


def parts_of(text: str) -> tuple[Span, ...]:
    """Part a text into clauses, at most 24, in order; neighbours together where there are more.

    Without marks around them; a text without words has no parts.
    """
    clauses = clauses_of(text, words_of(text))
    together = -(-len(clauses) // MOST_PARTS)
    runs = [clauses[place : place + together] for place in range(0, len(clauses), max(together, 1))]
    return tuple(span_of(text, run[0].words[0].begin, run[-1].words[-1].end) for run in runs)


def mutual_best(
    a: Sequence[Span], b: Sequence[Span], vectors_a: NDArray[np.float32], vectors_b: NDArray[np.float32]
) -> tuple[AlignedSpans, ...]:
    """Pair the parts that are each other's best by cosine, in the order of the first text.

    Args:
        a: n parts of one text.
        b: m parts of the other.
        vectors_a: Their vectors, of length 1, shape (n, dimensions).
        vectors_b: The same of the other, shape (m, dimensions).
    """
    if not len(a) or not len(b):
        return ()
    scores = table_products(vectors_a, vectors_b).clip(-1, 1)
    best_of_a, best_of_b = scores.argmax(axis=1), scores.argmax(axis=0)
    return tuple(
        AlignedSpans(a[place], b[int(best)], float(scores[place, best]))
        for place, best in enumerate(best_of_a)
        if best_of_b[best] == place
    )
