"""Products of rows: right, and of two rows the same bits wherever they stand."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from samesay import _native
from samesay.engine.row_products import HeldRows, row_products

# So large that the work is shared out.
MANY, WIDE = 4000, 1024


def instruction_sets() -> list[str]:
    names = ["portable", "avx2", "avx512", "avx512bf16", "amx"]
    return names[: names.index(_native.choose_isa("")) + 1]


def held(values: NDArray[np.floating[Any]], kind: str) -> HeldRows:
    if kind == "int8":
        small: HeldRows = np.rint(values * 127).clip(-127, 127).astype(np.int8)
        return small
    return values.astype(np.float16) if kind == "f16" else values


def products_on(name: str, threads: int, rows: HeldRows, query: NDArray[np.float32]) -> NDArray[np.float32]:
    out = np.empty(len(rows), np.float32)
    _native.RowProducts(name, threads).multiply(rows, query, out)
    return out


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 70),
    st.integers(1, 300),
    st.sampled_from(["f32", "f16", "int8"]),
    st.sampled_from(instruction_sets()),
    st.integers(0, 2**32 - 1),
)
def test_products_are_those_of_the_numbers(number: int, width: int, kind: str, name: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = held(random.standard_normal((number, width), np.float32) / 3, kind)
    query = random.standard_normal(width, np.float32)
    expected = rows.astype(np.float64) @ query.astype(np.float64)
    least = np.abs(rows.astype(np.float64)) @ np.abs(query.astype(np.float64))
    found = products_on(name, 1, rows, query)
    assert (np.abs(found - expected) <= 1e-6 * least).all()


@pytest.mark.parametrize("name", instruction_sets())
@pytest.mark.parametrize("kind", ["f32", "f16", "int8"])
def test_a_row_gives_the_same_bits_alone_among_others_and_on_any_thread(kind: str, name: str) -> None:
    random = np.random.default_rng(1)
    rows = held(random.standard_normal((MANY, WIDE), np.float32) / 4, kind)
    query = random.standard_normal(WIDE, np.float32)
    whole = products_on(name, 1, rows, query)
    for threads in (2, 3):
        assert np.array_equal(products_on(name, threads, rows, query), whole)
    for place in (0, 1, 17, MANY - 1):
        assert products_on(name, 1, rows[place : place + 1], query)[0] == whole[place]
    assert np.array_equal(products_on(name, 2, rows[::-1].copy(), query), whole[::-1])


@pytest.mark.parametrize("name", instruction_sets())
def test_every_finite_half_is_read_as_what_it_is(name: str) -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    one = np.ones(1, np.float32)
    assert np.array_equal(products_on(name, 1, halves[:, None], one), halves.astype(np.float32))
    # The same inside a full vector: most of a row is read by another path than its end.
    rows = np.resize(halves, (len(halves) // 64, 64))
    place = np.zeros(64, np.float32)
    place[5] = 1
    assert np.array_equal(products_on(name, 1, rows, place), rows[:, 5].astype(np.float32))


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.booleans()), max_size=60),
    st.integers(0, 70),
    st.booleans(),
    st.sampled_from(instruction_sets()),
)
def test_the_nearest_are_the_first_of_all_in_order(
    rows: list[tuple[int, bool]], count: int, scaled: bool, name: str
) -> None:
    # Few values, so that many are equal.
    values = np.array([value for value, _ in rows], np.float32).reshape(-1, 1)
    allowed = np.array([may for _, may in rows], np.bool_)
    scales = np.arange(len(rows), dtype=np.float32) % 3 if scaled else None
    query = np.full(1, 0.5, np.float32)
    places, scores = _native.RowProducts(name, 1).nearest(values, scales, query, allowed, count)
    all_scores = (values[:, 0] * 0.5).clip(-1, 1) if scales is None else values[:, 0] * 0.5 * scales
    expected = sorted(np.flatnonzero(allowed).tolist(), key=lambda place: (-all_scores[place], place))[:count]
    assert places.tolist() == expected
    assert scores.tolist() == all_scores[expected].tolist()


@settings(deadline=None, max_examples=100)
@given(
    st.integers(0, 9),
    st.integers(0, 40),
    st.integers(1, 300),
    st.integers(1, 3),
    st.sampled_from(instruction_sets()),
    st.integers(0, 2**32 - 1),
)
def test_two_rows_have_one_product_in_pairs_in_a_table_and_with_a_query(
    lefts: int, rights: int, width: int, threads: int, name: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    left = random.standard_normal((lefts, width), np.float32)
    right = random.standard_normal((rights, width), np.float32)
    products = _native.RowProducts(name, threads)
    table, turned = np.empty((lefts, rights), np.float32), np.empty((rights, lefts), np.float32)
    products.multiply_table(left, right, table)
    products.multiply_table(right, left, turned)
    assert np.array_equal(table, turned.T)
    places, others = np.divmod(np.arange(lefts * rights), max(rights, 1))
    pairs = np.empty(lefts * rights, np.float32)
    products.multiply_pairs(left[places], right[others], pairs)
    assert np.array_equal(pairs, table.ravel())
    for row, query in zip(table, left, strict=True):
        assert np.array_equal(row, products_on(name, 1, right, query))


@pytest.mark.parametrize("name", instruction_sets())
def test_a_large_table_is_the_same_on_any_number_of_threads(name: str) -> None:
    random = np.random.default_rng(5)
    left, right = random.standard_normal((2, 700, 384), np.float32)
    expected = np.stack([products_on(name, 1, right, query) for query in left])
    for threads in (1, 2, 3):
        table = np.empty((700, 700), np.float32)
        pairs = np.empty(700, np.float32)
        products = _native.RowProducts(name, threads)
        products.multiply_table(left, right, table)
        products.multiply_pairs(left, right, pairs)
        assert np.array_equal(table, expected)
        assert np.array_equal(pairs, expected.diagonal())


def test_sixteen_bits_give_the_score_of_the_same_numbers_in_thirty_two() -> None:
    random = np.random.default_rng(2)
    rows = random.standard_normal((50, 384), np.float32).astype(np.float16)
    query = random.standard_normal(384, np.float32)
    assert np.array_equal(row_products(rows, query), row_products(rows.astype(np.float32), query))


def test_what_does_not_fit_together_is_refused() -> None:
    products = _native.RowProducts("", 1)
    query, out = np.zeros(4, np.float32), np.zeros(3, np.float32)
    allowed = np.ones(3, np.bool_)
    for rows in (np.zeros((3, 5), np.float32), np.zeros((2, 4), np.float32), np.zeros((3, 4), np.float64)):
        with pytest.raises((TypeError, ValueError)):
            products.multiply(rows, query, out)
        with pytest.raises((TypeError, ValueError)):
            products.nearest(rows, None, query, allowed, 1)
    rows = np.zeros((3, 4), np.float32)
    unfit: list[Any] = [np.zeros((3, 5), np.float32), np.zeros((2, 4), np.float32), np.zeros((3, 4))]
    for other in unfit:
        with pytest.raises((TypeError, ValueError)):
            products.multiply_pairs(rows, other, out)
        with pytest.raises((TypeError, ValueError)):
            products.multiply_table(rows, other, np.zeros((3, 3), np.float32))
    with pytest.raises(ValueError, match="one scale a row"):
        products.nearest(rows, np.zeros(2, np.float32), query, allowed, 1)
    with pytest.raises(ValueError, match="one value a row"):
        products.nearest(rows, None, query, allowed[:2], 1)


def test_several_threads_may_ask_at_once() -> None:
    random = np.random.default_rng(3)
    rows = random.standard_normal((MANY, WIDE), np.float32)
    queries = random.standard_normal((8, WIDE), np.float32)
    expected = [row_products(rows, query) for query in queries]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for one, other in zip(
                pool.map(lambda query: row_products(rows, query), queries), expected, strict=True
            ):
                assert np.array_equal(one, other)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_has_threads_of_its_own() -> None:
    rows, query = np.ones((MANY, WIDE), np.float32), np.ones(WIDE, np.float32)
    assert row_products(rows, query)[0] == WIDE
    child = os.fork()
    if child == 0:
        right = bool((row_products(rows, query) == WIDE).all())
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
