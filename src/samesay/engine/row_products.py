"""Products of rows in memory with others, by the C++ core.

That of two rows is one number, to the bit, whichever function gives it: it depends on nothing that stands
beside them, nor on the number of threads. What a linear algebra library gives in a product of matrices does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from numpy.typing import NDArray

from samesay._native import EngineFault, RowProducts
from samesay.engine.cpu import checked_threads, chosen_instruction_set
from samesay.errors import EngineError

# Of float32, float16 or int8.
HeldRows = NDArray[np.generic]


def row_products(rows: HeldRows, query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the product of each row with the query, in 32 bits; shape (n,).

    It is the same whether a value is held in 32 bits or in 16 that say the same.

    Args:
        rows: Shape (n, width), of float32, float16 or int8, and finite.
        query: Shape (width,).
    """
    out = np.empty(len(rows), np.float32)
    with _engine_errors():
        _products().multiply(np.ascontiguousarray(rows), _whole(query), out)
    return out


def pair_products(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the product of each row of one side with that of the other; shape (n,).

    Args:
        left: Shape (n, width), finite.
        right: The same.
    """
    out = np.empty(len(left), np.float32)
    with _engine_errors():
        _products().multiply_pairs(_whole(left), _whole(right), out)
    return out


def table_products(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the product of each row of one side with each of the other; shape (n, m).

    Args:
        left: Shape (n, width), finite.
        right: Shape (m, width), finite.
    """
    out = np.empty((len(left), len(right)), np.float32)
    with _engine_errors():
        _products().multiply_table(_whole(left), _whole(right), out)
    return out


def nearest_places(
    rows: HeldRows,
    query: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    count: int,
    scales: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Give the places of the rows with the highest scores, best first, and these; equal ones in order.

    A score is the product, as ``row_products`` gives it. Without scales, rows and query are of length 1, and
    it is held between -1 and 1.

    Args:
        rows: Shape (n, width).
        query: Shape (width,).
        allowed: Which rows may be found, shape (n,).
        count: How many to find, at most.
        scales: What the product of each row is multiplied by, shape (n,); nothing where it is None.
    """
    with _engine_errors():
        return _products().nearest(rows, scales, _whole(query), allowed, count)


@contextmanager
def _engine_errors() -> Iterator[None]:
    try:
        yield
    except EngineFault as error:
        raise EngineError(str(error)) from None


def _whole(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, np.float32)


@cache
def _products() -> RowProducts:
    return RowProducts(chosen_instruction_set(), checked_threads(None))
