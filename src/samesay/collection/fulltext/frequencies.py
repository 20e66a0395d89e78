"""In how many documents terms are, for the weighting of segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from samesay.collection.fulltext.postings import find

if TYPE_CHECKING:
    from samesay.collection.build import Build
    from samesay.collection.snapshot import Snapshot

# Terms of documents that are gone still count, until these are so great a share of all.
_GONE_SHARE = 1 / 16
# What tells one state from another: the epoch, and the numbers of the next row and of the next document.
_Mark = tuple[int, int, int]


@dataclass
class KnownTerms:
    """In how many documents terms are, kept from commit to commit: a term's postings are long, and read once.

    Args:
        counts: The documents of each term that was asked for.
        mark: The state that they are of.
        coming: Those of the documents that were about to come then.
        mark_then: The state with these.
        documents: How many documents it should have.
        gone: How many it has had less.
    """

    counts: dict[str, int] = field(default_factory=dict)
    mark: _Mark = (-1, 0, 0)
    coming: Counter[str] = field(default_factory=Counter)
    mark_then: _Mark = (-1, 0, 0)
    documents: int = 0
    gone: int = 0

    def follow(self, state: Snapshot, coming: Counter[str], rows: int, documents: int) -> None:
        """Go on to a state; forget everything where it is not the one that was expected.

        Args:
            state: What is committed.
            coming: The documents of each term that are about to come.
            rows: How many segments these have.
            documents: How many they are.
        """
        alive, mark = int(state.alive.sum()), (state.epoch, state.next_row, len(state.alive))
        if mark == self.mark_then:
            for term in self.coming.keys() & self.counts.keys():
                self.counts[term] += self.coming[term]
            self.gone += self.documents - alive
        if mark not in (self.mark, self.mark_then) or self.gone > _GONE_SHARE * alive:
            self.counts, self.gone = {}, 0
        self.mark, self.coming, self.documents = mark, coming, alive + documents
        self.mark_then = (mark[0], mark[1] + rows, mark[2] + documents)


class Frequencies:
    """The terms of a collection as it is now, together with documents that are about to come.

    Nothing is read before it is asked for. Up to a sixteenth of all documents may still be counted after
    they were replaced or deleted.

    Args:
        build: The collection; read outside of a transaction, by its only writer.
        coming: For each document that comes, the terms of its segments.
    """

    def __init__(self, build: Build, coming: Sequence[Sequence[Sequence[str]]]) -> None:
        self._build = build
        self._documents = coming

    @property
    def documents(self) -> int:
        """How many documents there are, with those that come."""
        return int(self._state.alive.sum()) + len(self._documents)

    def frequency(self, term: str) -> int:
        """Give the number of documents that hold the term."""
        known = self._known.counts
        if term not in known:
            places = self._state.places_of(find(self._build.catalogue, term)[0])
            known[term] = len(np.unique(self._state.document_of_row[places[places >= 0]]))
        return known[term] + self._known.coming[term]

    @cached_property
    def _state(self) -> Snapshot:
        return self._build.snapshot()

    @cached_property
    def _known(self) -> KnownTerms:
        coming = Counter(
            term for segments in self._documents for term in {term for terms in segments for term in terms}
        )
        known = self._build.known_terms
        known.follow(self._state, coming, sum(map(len, self._documents)), len(self._documents))
        return known
