"""BM25 (Robertson and Zaragoza, 2009) over the rows of a snapshot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.collection.catalogue import Catalogue
from samesay.collection.fulltext.function_words import FUNCTION_WORDS, SHARE
from samesay.collection.fulltext.postings import find
from samesay.collection.fulltext.tokens import tokens
from samesay.collection.snapshot import Snapshot

# How soon a repeated word stops counting more, and how much long segments are held back.
K1 = 1.2
B = 0.75
# A query without words covers nothing of itself.
_LEAST = 1e-9


@dataclass(frozen=True)
class TextScores:
    """What full text says of every row.

    Attributes:
        scores: BM25, 0 where a row has none of the query's words; shape (rows,).
        coverage: The part of the query's words that a row has, from 0 to 1, each by its rarity; words that
            no row has count most. Shape (rows,).
    """

    scores: NDArray[np.float32]
    coverage: NDArray[np.float32]


def bm25(catalogue: Catalogue, state: Snapshot, query: str) -> TextScores:
    """Score every row; inside ``reading``.

    Function words of English count a fifth. Numbers of rows and lengths are those of the rows alive in the
    snapshot.
    """
    alive = state.document_of_row >= 0
    scores, coverage = np.zeros(len(alive), np.float64), np.zeros(len(alive), np.float64)
    total = int(alive.sum())
    average = max(1.0, float(state.tokens_of_row[alive].mean())) if total else 1.0
    asked = 0.0
    for term, repeated in sorted(Counter(tokens(query, "query")).items()):
        rows, counts = find(catalogue, term)
        which = alive[rows]
        rows, counts = rows[which], counts[which]
        rarity = np.log(1 + (total - len(rows) + 0.5) / (len(rows) + 0.5))
        weight = rarity * repeated * (SHARE if term in FUNCTION_WORDS else 1)
        held_back = K1 * (1 - B + B * state.tokens_of_row[rows] / average)
        scores[rows] += weight * counts * (K1 + 1) / (counts + held_back)
        coverage[rows] += weight
        asked += weight
    return TextScores(scores.astype(np.float32), (coverage / max(asked, _LEAST)).astype(np.float32))
