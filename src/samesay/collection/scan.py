"""Exact search: every row is compared with the query, in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Mask, Ranking, Rows, Vectors
from samesay.collection.storage import Storage, scores_of
from samesay.engine.row_products import HeldRows, nearest_places

# Rows that are widened to 32 bits at a time: what fits into a cache together.
_BLOCK_NUMBERS = 2**20
# With 8 bits the order of near rows may be wrong by a few places; so many more are scored again.
_INT8_MARGIN = 4
_TIE_MARGIN = 16
# While fewer than this share of the rows may be found, those are copied together; else all are compared.
_COPIED = 0.25


class Scan:
    """Rows in memory, in the form that they are searched in.

    Args:
        width: Numbers in a vector.
        storage: ``f32``, ``f16``, or ``int8`` with a scale for each row.
    """

    def __init__(self, width: int, storage: Storage) -> None:
        dtype = {"f32": np.float32, "f16": np.float16, "int8": np.int8}[storage]
        self._storage = storage
        self._rows: list[Rows] = [np.empty(0, np.int64)]
        self._matrices: list[HeldRows] = [np.empty((0, width), dtype)]
        self._scales: list[NDArray[np.float32]] = [np.empty(0, np.float32)]

    def append(self, rows: Rows, matrix: HeldRows, scales: NDArray[np.float32] | None = None) -> None:
        """Add rows with higher numbers than those before."""
        self._rows.append(rows)
        self._matrices.append(matrix)
        if scales is not None:
            self._scales.append(scales)

    @property
    def rows(self) -> Rows:
        """The numbers of the rows, ascending."""
        return self._joined()[0]

    def read(self, rows: Rows) -> Vectors | None:
        """Give the vectors of rows; None where they are not here, or not as they are kept (``int8``)."""
        numbers, matrix, _ = self._joined()
        if self._storage == "int8" or not len(numbers):
            return None
        places = np.searchsorted(numbers, rows)
        if not np.array_equal(numbers[np.minimum(places, len(numbers) - 1)], rows):
            return None
        return matrix[places].astype(np.float32, copy=False)

    def search(
        self, queries: Vectors, count: int, allowed: Mask, read: Callable[[Rows], Vectors]
    ) -> list[Ranking]:
        """Give the nearest allowed rows for each query; of ``int8`` scored with what ``read`` gives."""
        rows, matrix, scales = self._joined()
        which = _permitted_ascending(rows, allowed)
        permitted_rows = int(np.count_nonzero(which))
        if permitted_rows < _COPIED * len(rows):
            rows, matrix = rows[which], matrix[which]
            scales = scales[which] if len(scales) else scales
            which = np.ones(permitted_rows, np.bool_)
        if not permitted_rows:
            return [empty_ranking() for _ in queries]
        if len(queries) > 1:
            return self._search_together(queries, count, rows, matrix, scales, which, read)
        if self._storage == "int8":
            places, _ = nearest_places(matrix, queries[0], which, count * _INT8_MARGIN + _TIE_MARGIN, scales)
            return [rescored(rows[places], queries[0], count, read)]
        places, scores = nearest_places(matrix, queries[0], which, count)
        return [Ranking(rows[places], scores)]

    def scores(self, query: NDArray[np.float32], allowed: Mask) -> tuple[Rows, NDArray[np.float32]] | None:
        """Give every allowed row, ascending, with its cosine; None of ``int8``, which needs ``read`` too."""
        if self._storage == "int8":
            return None
        rows, matrix, _ = self._joined()
        which = _permitted_ascending(rows, allowed)
        permitted_rows = int(np.count_nonzero(which))
        if permitted_rows == len(rows):
            return rows, scores_of(matrix, query)
        if permitted_rows < _COPIED * len(rows):
            return rows[which], scores_of(matrix[which], query)
        return rows[which], scores_of(matrix, query)[which]

    def _search_together(
        self,
        queries: Vectors,
        count: int,
        rows: Rows,
        matrix: HeldRows,
        scales: NDArray[np.float32],
        which: Mask,
        read: Callable[[Rows], Vectors],
    ) -> list[Ranking]:
        """Read the rows once for all queries, and score the nearest of each as for one alone."""
        short = self._storage == "int8"
        wanted = count * (_INT8_MARGIN if short else 1) + _TIE_MARGIN
        products = _products(matrix, queries)
        if short:
            products *= scales
        products[:, ~which] = -np.inf
        wanted = min(wanted, int(np.count_nonzero(which)))
        found = [np.sort(_largest(line, wanted)) for line in products]
        if short:
            return [
                rescored(rows[places], query, count, read)
                for places, query in zip(found, queries, strict=True)
            ]
        return [
            _best(rows[places], scores_of(matrix[places], query), count)
            for places, query in zip(found, queries, strict=True)
        ]

    def _joined(self) -> tuple[Rows, HeldRows, NDArray[np.float32]]:
        if len(self._rows) > 1:
            self._rows = [np.concatenate(self._rows)]
            self._matrices = [np.concatenate(self._matrices)]
            self._scales = [np.concatenate(self._scales)]
        return self._rows[0], self._matrices[0], self._scales[0]


def _permitted_ascending(rows: Rows, allowed: Mask) -> Mask:
    """See ``permitted``; faster where all numbers from 0 on are there."""
    if len(rows) and rows[0] == 0 and rows[-1] == len(rows) - 1 < len(allowed):
        return allowed[: len(rows)]
    return permitted(rows, allowed)


def permitted(rows: Rows, allowed: Mask) -> Mask:
    """Say of each row whether it may be found; numbers beyond the mask may not."""
    if not len(rows) or rows.max() < len(allowed):
        return allowed[rows]
    inside = rows < len(allowed)
    result = np.zeros(len(rows), np.bool_)
    result[inside] = allowed[rows[inside]]
    return result


def empty_ranking() -> Ranking:
    """No rows at all."""
    return Ranking(np.empty(0, np.int64), np.empty(0, np.float32))


def rescored(rows: Rows, query: NDArray[np.float32], count: int, read: Callable[[Rows], Vectors]) -> Ranking:
    """Score a short list of rows with the kept vectors, best first; equal scores in the order of rows."""
    rows = np.sort(rows)
    return _best(rows, scores_of(read(rows), query), count)


def _best(rows: Rows, scores: NDArray[np.float32], count: int) -> Ranking:
    """Rank rows that ascend: best first, equal scores in the order of rows."""
    order = np.argsort(-scores, kind="stable")[:count]
    return Ranking(rows[order], scores[order])


def _products(matrix: HeldRows, queries: Vectors) -> NDArray[np.float32]:
    """Give the products of all rows with all queries, shape (queries, rows)."""
    if matrix.dtype == np.float32:
        return np.asarray(queries @ matrix.T, np.float32)
    scores = np.empty((len(queries), len(matrix)), np.float32)
    step = max(1, _BLOCK_NUMBERS // max(1, matrix.shape[1]))
    for begin in range(0, len(matrix), step):
        scores[:, begin : begin + step] = queries @ matrix[begin : begin + step].astype(np.float32).T
    return scores


def _largest(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    if count >= len(scores):
        return np.arange(len(scores))
    return np.argpartition(scores, len(scores) - count)[len(scores) - count :]
