"""How many rows an index is asked for when only some may be found."""

from __future__ import annotations

import numpy as np
import pytest

from samesay.collection.base import Ranking, Rows
from samesay.collection.permitting import search_permitted


@pytest.mark.parametrize(("step", "some", "first"), [(1, 1, 11), (1, 2, 21), (400, 1, 11), (400, 2, 21)])
def test_an_index_is_asked_for_as_many_as_its_rows_and_no_numbers_that_are_gone_need(
    step: int, some: int, first: int
) -> None:
    rows = np.arange(5000) * step  # one number in so many still has a row
    allowed = np.zeros(5000 * step, np.bool_)
    allowed[rows[::some]] = True
    asked: list[int] = []

    def nearest(wanted: int) -> Ranking:
        asked.append(wanted)
        return Ranking(rows[:wanted], np.ones(wanted, np.float32))

    def among(rows: Rows) -> Ranking:
        raise AssertionError(f"{len(rows)} rows were looked at")

    found = search_permitted(10, allowed, nearest, among, len(rows))
    assert found is not None
    assert found.rows.tolist() == rows[::some][:10].tolist()
    assert asked == [first]
