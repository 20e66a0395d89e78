"""Which rows belong to which documents in one committed state, as arrays to search with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from samesay.collection.catalogue import Catalogue


@dataclass(frozen=True)
class Snapshot:
    """One committed state.

    Args:
        generation: Counts commits.
        epoch: Counts compactions, after which a snapshot is read anew.
        document_of_row: The number of each row's document, -1 where the row is dead; shape (rows,).
        tokens_of_row: Words in each row's segment; shape (rows,).
        embedded: Which rows have a vector; shape (rows,).
        alive: Which documents there are, by number; shape (numbers,).
    """

    generation: int
    epoch: int
    document_of_row: NDArray[np.int64]
    tokens_of_row: NDArray[np.int64]
    embedded: NDArray[np.bool_]
    alive: NDArray[np.bool_]

    @cached_property
    def chances(self) -> NDArray[np.float32]:
        """The logarithm of the number of segments with a vector that each document has; shape (numbers,)."""
        owners = self.document_of_row[self.embedded]
        return np.log(np.maximum(np.bincount(owners, minlength=len(self.alive)), 1)).astype(np.float32)

    def rows_of(self, documents: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Say of each row whether it belongs to one of these documents; None stands for all."""
        wanted = self.alive if documents is None else self.alive & documents
        which = self.document_of_row >= 0
        which[which] = wanted[self.document_of_row[which]]
        return which


def snapshot(catalogue: Catalogue, last: Snapshot | None) -> Snapshot:
    """Read the committed state, or what has changed in it since the last snapshot; inside ``reading``."""
    generation, epoch = catalogue.counter("generation"), catalogue.counter("epoch")
    if last and (last.generation, last.epoch) == (generation, epoch):
        return last
    if last is None or last.epoch != epoch:
        nothing = np.empty(0, np.bool_)
        last = Snapshot(-1, epoch, np.empty(0, np.int64), np.empty(0, np.int64), nothing, nothing)
    rows, numbers = catalogue.counter("next_row"), catalogue.counter("next_number")
    document_of_row = np.full(rows, -1, np.int64)
    tokens_of_row = np.zeros(rows, np.int64)
    embedded = np.zeros(rows, np.bool_)
    alive = np.zeros(numbers, np.bool_)
    known_rows, known_numbers = len(last.document_of_row), len(last.alive)
    document_of_row[:known_rows] = last.document_of_row
    tokens_of_row[:known_rows] = last.tokens_of_row
    embedded[:known_rows] = last.embedded
    alive[:known_numbers] = last.alive
    query = "SELECT row, document, tokens, embedded FROM segments WHERE row >= ?"
    new = _numbers(catalogue, query, known_rows, 4)
    document_of_row[new[:, 0]], tokens_of_row[new[:, 0]] = new[:, 1], new[:, 2]
    embedded[new[:, 0]] = new[:, 3] > 0
    alive[_numbers(catalogue, "SELECT number FROM documents WHERE number >= ?", known_numbers, 1)[:, 0]] = (
        True
    )
    dead = _numbers(catalogue, "SELECT row FROM dead_rows WHERE generation > ?", last.generation, 1)[:, 0]
    document_of_row[dead], tokens_of_row[dead], embedded[dead] = -1, 0, False
    gone = _numbers(catalogue, "SELECT number FROM dead_documents WHERE generation > ?", last.generation, 1)
    alive[gone[:, 0]] = False
    return Snapshot(generation, epoch, document_of_row, tokens_of_row, embedded, alive)


def _numbers(catalogue: Catalogue, query: str, argument: int, width: int) -> NDArray[np.int64]:
    found = catalogue.database.execute(query, (argument,)).fetchall()
    return np.array(found, np.int64).reshape(-1, width)
