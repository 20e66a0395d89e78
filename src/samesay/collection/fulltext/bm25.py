"""BM25 (Robertson and Zaragoza, 2009) over the rows of a snapshot."""

from __future__ import annotations

from collections import Counter

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


def bm25(catalogue: Catalogue, state: Snapshot, query: str) -> NDArray[np.float32]:
    """Give the score of every row, 0 where it has none of the query's words; inside ``reading``.

    Function words of English count a fifth. Numbers of rows and lengths are those of the rows alive in the
    snapshot.
    """
    alive = state.document_of_row >= 0
    scores = np.zeros(len(alive), np.float64)
    total = int(alive.sum())
    if not total:
        return scores.astype(np.float32)
    average = max(1.0, float(state.tokens_of_row[alive].mean()))
    for term, repeated in sorted(Counter(tokens(query, "query")).items()):
        rows, counts = find(catalogue, term)
        which = alive[rows]
        rows, counts = rows[which], counts[which]
        if not len(rows):
            continue
        rarity = np.log(1 + (total - len(rows) + 0.5) / (len(rows) + 0.5))
        held_back = K1 * (1 - B + B * state.tokens_of_row[rows] / average)
        weight = repeated * (SHARE if term in FUNCTION_WORDS else 1)
        scores[rows] += weight * rarity * counts * (K1 + 1) / (counts + held_back)
    return scores.astype(np.float32)
