"""Which rows belong to which documents in one committed state, as arrays to search with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Mask, Rows
from samesay.collection.catalogue import Catalogue
from samesay.collection.grouping import group_starts
from samesay.errors import DamagedCollectionError

# Numbers of rows are never given back. A table from them to places is made for many look-ups, while there are
# at most so many numbers for each row.
_FEW = 1 / 16
_NUMBERS_PER_ROW = 16


@dataclass(frozen=True)
class Snapshot:
    """One committed state.

    Rows that are gone are left out, so that a row's place here is not its number. Rows ascend, and those of a
    document stand together.

    Args:
        generation: Counts commits.
        epoch: Counts compactions, after which a snapshot is read anew.
        next_row: The number of the next row that will come.
        rows: The numbers of rows; shape (rows,).
        document_of_row: The number of each row's document; shape (rows,).
        tokens_of_row: Words in each row's segment; shape (rows,).
        embedded: Which rows have a vector; shape (rows,).
        alive: Which documents there are, by number; shape (numbers,).
    """

    generation: int
    epoch: int
    next_row: int
    rows: Rows
    document_of_row: NDArray[np.int64]
    tokens_of_row: NDArray[np.int64]
    embedded: Mask
    alive: Mask

    @cached_property
    def chances(self) -> NDArray[np.float32]:
        """The logarithm of the number of segments with a vector that each document has; shape (numbers,)."""
        owners = self.document_of_row[self.embedded]
        return np.log(np.maximum(np.bincount(owners, minlength=len(self.alive)), 1)).astype(np.float32)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The places at which the rows of documents begin; shape (documents,)."""
        return group_starts(self.document_of_row)

    @cached_property
    def average_tokens(self) -> float:
        """Words in a segment, on average; 1 where there are fewer."""
        return max(1.0, float(self.tokens_of_row.mean())) if len(self.rows) else 1.0

    def places_of(self, rows: Rows) -> NDArray[np.int64]:
        """Give the places of rows by number; -1 for those that are gone."""
        if not len(self.rows):
            return np.full(len(rows), -1, np.int64)
        if len(rows) > _FEW * len(self.rows) and self.next_row <= _NUMBERS_PER_ROW * len(self.rows):
            known = rows < self.next_row
            if known.all():
                return self._place_of_number[rows]
            return np.where(known, self._place_of_number[np.where(known, rows, 0)], -1)
        places = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[places] == rows, places, -1)

    def chosen(self, documents: Mask | None) -> Chosen:
        """Give the rows of these documents, by number; None stands for all."""
        if documents is None:
            return self._all
        return self._chosen((self.alive & documents)[self.document_of_row])

    @cached_property
    def _all(self) -> Chosen:
        return self._chosen(self.alive[self.document_of_row])

    def _chosen(self, which: Mask) -> Chosen:
        # Not the snapshot itself, which holds one: a circle would outlive its use.
        numbers = (self.next_row, len(self.alive))
        return Chosen(which, self.rows, self.document_of_row, self.embedded, numbers)

    @cached_property
    def _place_of_number(self) -> NDArray[np.int64]:
        table = np.full(self.next_row, -1, np.int64)
        table[self.rows] = np.arange(len(self.rows))
        return table


@dataclass(frozen=True)
class Chosen:
    """Some rows of a snapshot: all that a filter lets through.

    Args:
        which: Which of its rows, by place; shape (rows,).
        all_rows: The snapshot's ``rows``.
        all_owners: Its ``document_of_row``.
        all_embedded: Its ``embedded``.
        numbers: How many numbers of rows and of documents there are.
    """

    which: Mask
    all_rows: Rows
    all_owners: NDArray[np.int64]
    all_embedded: Mask
    numbers: tuple[int, int]

    @cached_property
    def embedded(self) -> Chosen:
        """Those of them that have a vector."""
        return replace(self, which=self.which & self.all_embedded)

    @cached_property
    def rows(self) -> Rows:
        """Their numbers, ascending; shape (chosen,)."""
        return self.all_rows[self.which]

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """The numbers of their documents; shape (chosen,)."""
        return self.all_owners[self.which]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where among them the rows of each document begin; shape (documents,)."""
        return group_starts(self.owners)

    @cached_property
    def by_number(self) -> Mask:
        """Which rows they are, by number, as stores ask for it; shape (numbers of rows,)."""
        result = np.zeros(self.numbers[0], np.bool_)
        result[self.rows] = True
        return result

    @cached_property
    def documents(self) -> Mask:
        """Which documents have one of them, by number; shape (numbers of documents,)."""
        result = np.zeros(self.numbers[1], np.bool_)
        result[self.owners] = True
        return result


def snapshot(catalogue: Catalogue, last: Snapshot | None) -> Snapshot:
    """Read the committed state, or what has changed in it since the last snapshot; inside ``reading``.

    Raises:
        DamagedCollectionError: The segments of a document do not stand together.
    """
    generation, epoch = catalogue.counter("generation"), catalogue.counter("epoch")
    if last and (last.generation, last.epoch) == (generation, epoch):
        return last
    if last is None or last.epoch != epoch:
        none, nothing = np.empty(0, np.int64), np.empty(0, np.bool_)
        last = Snapshot(-1, epoch, 0, none, none, none, nothing, nothing)
    query = "SELECT row, document, tokens, embedded FROM segments WHERE row >= ? ORDER BY row"
    new = _numbers(catalogue, query, last.next_row, 4)
    gone = _numbers(catalogue, "SELECT row FROM dead_rows WHERE generation > ?", last.generation, 1)[:, 0]
    kept = ~np.isin(last.rows, gone)
    document_of_row = np.concatenate([last.document_of_row[kept], new[:, 1]])
    # Numbers of rows and of documents are given in the same order; searches rely on it.
    if (document_of_row[1:] < document_of_row[:-1]).any():
        raise DamagedCollectionError(
            "segments of the catalogue are not in the order of their documents; index the collection again"
        )
    alive = np.zeros(catalogue.counter("next_number"), np.bool_)
    known = len(last.alive)
    alive[:known] = last.alive
    alive[_numbers(catalogue, "SELECT number FROM documents WHERE number >= ?", known, 1)[:, 0]] = True
    dead = _numbers(catalogue, "SELECT number FROM dead_documents WHERE generation > ?", last.generation, 1)
    alive[dead[:, 0]] = False
    return Snapshot(
        generation,
        epoch,
        catalogue.counter("next_row"),
        np.concatenate([last.rows[kept], new[:, 0]]),
        document_of_row,
        np.concatenate([last.tokens_of_row[kept], new[:, 2]]),
        np.concatenate([last.embedded[kept], new[:, 3] > 0]),
        alive,
    )


def _numbers(catalogue: Catalogue, query: str, argument: int, width: int) -> NDArray[np.int64]:
    found = catalogue.database.execute(query, (argument,)).fetchall()
    return np.array(found, np.int64).reshape(-1, width)
