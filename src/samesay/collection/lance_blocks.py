"""Exact search over a table that is too large for memory: its rows pass by in blocks, and none stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from samesay.collection.base import Mask, Ranking, Vectors
from samesay.collection.lance_rows import matrix_of, numbers_of
from samesay.collection.scan import empty_ranking, permitted
from samesay.collection.storage import scores_of

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_NUMBERS = 2**24  # 64 MiB of 32 bits each


def nearest_in_blocks(
    queries: Vectors,
    count: int,
    allowed: Mask,
    read: Callable[[int, int], Iterable[pa.RecordBatch]],
) -> list[Ranking]:
    """Give the nearest allowed rows for each query; all of them are compared, and read once.

    Args:
        queries: Of length 1, shape (queries, dimensions).
        count: How many rows for each, at most.
        allowed: Which rows may be found, by number.
        read: Gives the columns ``row`` and ``vector`` of the rows from one number to before another.
    """
    best = [empty_ranking() for _ in queries]
    step = max(1, _BLOCK_NUMBERS // queries.shape[1])
    for begin in range(0, len(allowed), step):
        if not allowed[begin : begin + step].any():
            continue
        for batch in read(begin, min(begin + step, len(allowed))):
            rows = numbers_of(batch, "row")
            which = permitted(rows, allowed)
            if which.any():
                rows, matrix = rows[which], matrix_of(batch, "vector")[which]
                best = [
                    _first(one, Ranking(rows, scores_of(matrix, query)), count)
                    for one, query in zip(best, queries, strict=True)
                ]
    return best


def _first(one: Ranking, other: Ranking, count: int) -> Ranking:
    """Give the best of two rankings, equal scores in the order of rows."""
    rows, scores = np.concatenate([one.rows, other.rows]), np.concatenate([one.scores, other.scores])
    order = np.lexsort((rows, -scores))[:count]
    return Ranking(rows[order], scores[order])
