"""How much each segment of a document counts in the document's vector."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

Weighting = Literal["uniform", "position", "tfidf"]
WEIGHTINGS: tuple[Weighting, ...] = get_args(Weighting)

# A document says at its beginning what it is about, and often at its end what came out.
_FIRST, _LAST = 2.0, 1.5


class DocumentFrequencies(Protocol):
    """What a collection knows of its terms."""

    @property
    def documents(self) -> int:
        """How many documents it has."""

    def frequency(self, term: str) -> int:
        """Give the number of documents that hold the term; 0 for an unknown one."""


def uniform_weights(segments: int) -> NDArray[np.float64]:
    """Give all segments the same weight; shape (segments,), sum 1."""
    return _normalized(np.ones(segments))


def position_weights(segments: int, first: float = _FIRST, last: float = _LAST) -> NDArray[np.float64]:
    """Give the first and the last segment more weight; shape (segments,), sum 1.

    Args:
        segments: How many there are.
        first: The first one's weight, in those of a segment between; it holds for a single one too.
        last: The last one's weight.
    """
    weights = np.ones(segments)
    if segments:
        weights[-1] = last
        weights[0] = first
    return _normalized(weights)


def tfidf_weights(segments: Sequence[Sequence[str]], frequencies: DocumentFrequencies) -> NDArray[np.float64]:
    """Weigh segments by how much they hold of what tells documents apart; shape (segments,), sum 1.

    The weight is the length of the segment's TF-IDF vector: the root of the sum, over its terms, of
    ((1 + ln count) * idf)², with idf = ln(1 + (n - df + 0.5) / (df + 0.5)) as in BM25.

    Args:
        segments: The terms of each, as the collection counts them.
        frequencies: In how many documents of the collection terms are.
    """
    return _normalized(np.array([_tfidf_length(terms, frequencies) for terms in segments], np.float64))


def _tfidf_length(terms: Sequence[str], frequencies: DocumentFrequencies) -> float:
    documents = frequencies.documents
    squares = []
    for term, count in Counter(terms).items():
        # Frequencies may be older than the number of documents.
        frequency = min(max(frequencies.frequency(term), 0), documents)
        idf = math.log1p((documents - frequency + 0.5) / (frequency + 0.5))
        squares.append(((1 + math.log(count)) * idf) ** 2)
    return math.sqrt(math.fsum(squares))


def _normalized(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    total = weights.sum()
    if total > 0:
        weights /= total
        return weights
    return np.full(len(weights), 1 / max(len(weights), 1))
