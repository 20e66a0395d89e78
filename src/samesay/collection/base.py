"""What a collection asks of a store of vectors.

A store holds rows: a number that no two commits name, and a vector of length 1. Which rows count is known to
the catalogue alone: rows from its next number on are of a commit that has not come, or never will. A row is
added before the catalogue's commit that names it, and removed after a commit that drops it; so a store needs
no transactions of its own, and whatever moment a process dies at, the committed documents are whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

StoreKind = Literal["memory", "lance", "qdrant"]
Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ranking:
    """The nearest rows to one query, best first.

    Args:
        rows: Numbers of rows, shape (n,).
        scores: Their cosines with the query, shape (n,).
    """

    rows: Rows
    scores: NDArray[np.float32]


class VectorStore(Protocol):
    """Rows of vectors on some medium. One process writes; others may search meanwhile."""

    @property
    def searching(self) -> str:
        """How searches are made now, in words: exact, or the kind of index."""
        ...

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """Add rows, all of whose numbers are higher than any before; durable when it returns."""
        ...

    def remove(self, rows: Rows) -> None:
        """Remove rows; those that are not there are no error."""
        ...

    def remove_from(self, first: int) -> None:
        """Remove what an interrupted run has left: every row from that number on."""
        ...

    def refresh(self) -> None:
        """See what other processes have written."""
        ...

    def read(self, rows: Rows) -> Vectors:
        """Give the vectors of rows, in their order.

        Raises:
            DamagedCollectionError: A row is not there.
        """
        ...

    def rows(self) -> Rows:
        """Every row that is there, ascending."""
        ...

    def search(self, queries: Vectors, count: int, allowed: Mask, *, exact: bool = False) -> list[Ranking]:
        """Give the nearest allowed rows for each query.

        Args:
            queries: Vectors of length 1, shape (n, dimensions).
            count: How many rows for each, at most.
            allowed: Which rows may be found, by number; rows beyond its end may not.
            exact: Compare with every row even where there is an index.

        Returns:
            For each query fewer than ``count`` only where fewer rows are allowed.
        """
        ...

    def scores(
        self, query: NDArray[np.float32], allowed: Mask, *, exact: bool = False
    ) -> tuple[Rows, NDArray[np.float32]] | None:
        """Give every allowed row, ascending, with its cosine; None where ``search`` costs less.

        Args:
            query: Of length 1, shape (dimensions,).
            allowed: As for ``search``.
            exact: As for ``search``.
        """
        ...

    def compact(self) -> None:
        """Give back space, and bring the index up to date."""
        ...

    def clear(self) -> None:
        """Remove everything; the store cannot be used after it."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
