"""In how many documents terms are, for the weighting of segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from samesay.collection.build import Build
from samesay.collection.fulltext.postings import find


class Frequencies:
    """The terms of a collection as it is now, together with documents that are about to come.

    Args:
        build: The collection; read outside of a transaction, by its only writer.
        coming: For each document that comes, the terms of its segments.
    """

    def __init__(self, build: Build, coming: Iterable[Iterable[Sequence[str]]]) -> None:
        self._catalogue = build.catalogue
        self._state = build.snapshot()
        self._coming: Counter[str] = Counter()
        self._known: dict[str, int] = {}
        self.documents = int(self._state.alive.sum())
        for segments in coming:
            self.documents += 1
            self._coming.update({term for terms in segments for term in terms})

    def frequency(self, term: str) -> int:
        """Give the number of documents that hold the term."""
        if term not in self._known:
            places = self._state.places_of(find(self._catalogue, term)[0])
            documents = self._state.document_of_row[places[places >= 0]]
            self._known[term] = len(np.unique(documents)) + self._coming[term]
        return self._known[term]
