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
    """What full text says of every row of a snapshot.

    Attributes:
        scores: BM25, 0 where a row has none of the query's words; shape (rows,).
        coverage: The part of the query's words that a row has, from 0 to 1, each by its rarity; words that
            no row has count most. Shape (rows,).
    """

    scores: NDArray[np.float32]
    coverage: NDArray[np.float32]


def bm25(catalogue: Catalogue, state: Snapshot, query: str) -> TextScores:
    """Score every row; inside ``reading``.

    Function words of English count a fifth. Numbers of rows and lengths are those of the snapshot.
    """
    total = len(state.rows)
    scores, coverage = np.zeros(total, np.float64), np.zeros(total, np.float64)
    average = state.average_tokens
    asked = 0.0
    for term, repeated in sorted(Counter(tokens(query, "query")).items()):
        rows, counts = find(catalogue, term)
        places = state.places_of(rows)
        alive = places >= 0
        places, counts = places[alive], counts[alive]
        rarity = np.log(1 + (total - len(places) + 0.5) / (len(places) + 0.5))
        weight = rarity * repeated * (SHARE if term in FUNCTION_WORDS else 1)
        held_back = K1 * (1 - B + B * state.tokens_of_row[places] / average)
        scores[places] += weight * counts * (K1 + 1) / (counts + held_back)
        coverage[places] += weight
        asked += weight
    return TextScores(scores.astype(np.float32), (coverage / max(asked, _LEAST)).astype(np.float32))
