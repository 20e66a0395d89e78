"""Search with an index that knows nothing of what may be found: ask for more, and leave out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from samesay.collection.base import Mask, Ranking, Rows
from samesay.collection.scan import empty_ranking, permitted

# With so few rows allowed, and so small a share of all, it is cheaper to look at each of them.
_FEW_ROWS = 4096
_FEW_SHARE = 0.1
_GROWTH = 4


def search_permitted(
    count: int,
    allowed: Mask,
    nearest: Callable[[int], Ranking],
    among: Callable[[Rows], Ranking],
    held: int | None = None,
) -> Ranking | None:
    """Give the nearest allowed rows, or None where the index does not come upon enough of them.

    Args:
        count: How many rows, at most.
        allowed: Which rows may be found, by number; each of them is in the store.
        nearest: Gives so many nearest rows of all.
        among: Gives the ranking of some rows.
        held: How many rows the store has; None where it is not known, and taken for all numbers there were.
    """
    rows = int(np.count_nonzero(allowed))
    # Numbers are never given back: of a collection that has changed much, most belong to no row.
    held = max(rows, len(allowed) if held is None else min(held, len(allowed)))
    if rows == 0:
        return empty_ranking()
    if rows <= _FEW_ROWS and rows < _FEW_SHARE * held:
        return _first(among(np.flatnonzero(allowed)), count)
    wanted = int(count * held / rows) + 1
    while True:
        found = nearest(wanted)
        which = permitted(found.rows, allowed)
        if which.sum() >= min(count, rows):
            return _first(Ranking(found.rows[which], found.scores[which]), count)
        if len(found.rows) < wanted:
            return None
        wanted *= _GROWTH


def _first(ranking: Ranking, count: int) -> Ranking:
    return Ranking(ranking.rows[:count], ranking.scores[:count])
