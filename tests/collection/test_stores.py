"""The protocol of stores of vectors, below collections: rows in, nearest allowed rows out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from samesay.collection.base import VectorStore
from samesay.collection.lance import LanceStore
from samesay.collection.lance_index import IndexSettings, nearest
from samesay.collection.memory import MemoryStore
from samesay.collection.qdrant import QdrantStore
from samesay.collection.storage import STORAGES, Storage
from samesay.errors import CollectionError, DamagedCollectionError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:qdrant_client")
WIDTH = 32
Make = Callable[[Storage], VectorStore]


@pytest.fixture(params=["memory", "lance", "qdrant"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def new(storage: Storage) -> VectorStore:
        if request.param == "memory":
            return MemoryStore(WIDTH, storage)
        if request.param == "lance":
            return LanceStore(str(tmp_path), "rows", WIDTH, storage)
        return QdrantStore(":memory:", "rows", WIDTH, storage)

    return new


def clustered(count: int, seed: int, width: int = WIDTH, clusters: int = 40) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((clusters, width))
    vectors = centres[random.integers(clusters, size=count)] + 0.5 * random.standard_normal((count, width))
    scaled: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(
        np.float32
    )
    return scaled


@pytest.mark.parametrize("storage", STORAGES)
def test_the_nearest_allowed_rows_are_found_with_their_cosines(make: Make, storage: Storage) -> None:
    store = make(storage)
    vectors, queries = clustered(600, 1), clustered(8, 2)
    rows = np.arange(0, 1200, 2)
    store.add(rows[:400], vectors[:400])
    store.add(rows[400:], vectors[400:])
    allowed = np.zeros(1150, np.bool_)
    allowed[rows[rows < 1150][::3]] = True
    cosines = queries @ vectors.T
    cosines[:, ~np.isin(rows, np.flatnonzero(allowed))] = -2
    for expected, ranking in zip(cosines, store.search(queries, 10, allowed), strict=True):
        assert allowed[ranking.rows].all()
        assert len(set(ranking.rows.tolist())) == 10
        tolerance = 1e-5 if storage == "f32" else 2e-3
        assert ranking.scores == pytest.approx(np.sort(expected)[::-1][:10], abs=tolerance)
        assert ranking.scores == pytest.approx(expected[ranking.rows // 2], abs=tolerance)
        assert (np.diff(ranking.scores) <= 0).all()
    store.close()


def test_fewer_rows_come_only_where_fewer_are_allowed(make: Make) -> None:
    store = make("f32")
    store.add(np.arange(50), clustered(50, 1))
    allowed = np.zeros(50, np.bool_)
    (nothing,) = store.search(clustered(1, 2), 5, allowed)
    assert len(nothing.rows) == 0
    allowed[[3, 49]] = True
    (two,) = store.search(clustered(1, 2), 5, allowed)
    assert set(two.rows.tolist()) == {3, 49}
    (all_,) = store.search(clustered(1, 2), 99, np.ones(50, np.bool_))
    assert len(all_.rows) == 50
    store.close()


def test_removed_rows_are_gone_and_reading_them_is_an_error(make: Make) -> None:
    store = make("f32")
    vectors = clustered(60, 1)
    store.add(np.arange(60), vectors)
    store.remove(np.array([5, 6, 700]))
    store.remove_from(50)
    store.remove_from(1000)
    expected = np.setdiff1d(np.arange(50), [5, 6])
    assert store.rows().tolist() == expected.tolist()
    assert store.read(np.array([9, 2, 9])) == pytest.approx(vectors[[9, 2, 9]], abs=1e-6)
    assert store.read(np.empty(0, np.int64)).shape == (0, WIDTH)
    with pytest.raises(DamagedCollectionError, match="1 vectors are missing"):
        store.read(np.array([4, 5]))
    store.compact()
    assert store.rows().tolist() == expected.tolist()
    store.add(np.array([50, 51]), vectors[:2])
    allowed = np.zeros(52, np.bool_)
    allowed[store.rows()] = True
    (ranking,) = store.search(vectors[:1], 2, allowed)
    assert ranking.rows.tolist() == [0, 50]
    store.close()


def test_an_index_finds_what_exact_search_does_and_what_came_after_it(tmp_path: Path) -> None:
    settings = IndexSettings(exact_numbers=5000 * 64, cell_rows=500)
    store = LanceStore(str(tmp_path), "rows", 64, "f32", settings)
    vectors, queries = clustered(9000, 1, 64), clustered(50, 2, 64)
    store.add(np.arange(8000), vectors[:8000])
    assert store.searching == "exact"
    store.compact()
    assert "IVF" in store.searching
    store.add(np.arange(8000, 9000), vectors[8000:])
    some = np.zeros(9000, np.bool_)
    some[::7] = True
    few = np.zeros(9000, np.bool_)
    few[::300] = True
    for allowed in (np.ones(9000, np.bool_), some, few):
        exact = store.search(queries, 10, allowed, exact=True)
        found = store.search(queries, 10, allowed)
        shares = [np.isin(b.rows, a.rows).mean() for a, b in zip(exact, found, strict=True)]
        assert np.mean(shares) >= 0.95
        assert all(allowed[one.rows].all() and len(one.rows) == 10 for one in found)
    late = store.search(vectors[8990:], 1, np.ones(9000, np.bool_))
    assert [int(one.rows[0]) for one in late] == list(range(8990, 9000))
    store.compact()
    store.remove(np.arange(0, 9000, 2))
    odd = np.zeros(9000, np.bool_)
    odd[1::2] = True
    assert all(len(one.rows) == 10 and (one.rows % 2 == 1).all() for one in store.search(queries, 10, odd))
    again = LanceStore(str(tmp_path), "rows", 64, "f32", settings)
    assert "IVF" in again.searching


@pytest.mark.parametrize("storage", STORAGES)
def test_rows_that_the_index_does_not_come_upon_are_found_and_not_kept_in_memory(
    tmp_path: Path, storage: Storage
) -> None:
    settings = IndexSettings(exact_numbers=5000 * 64, cell_rows=250)
    store = LanceStore(str(tmp_path), "rows", 64, storage, settings)
    vectors, queries = clustered(8000, 1, 64), clustered(2, 1, 64)
    store.add(np.arange(8000), vectors)
    store.compact()
    cosines = queries @ vectors.T
    allowed = np.zeros(8200, np.bool_)
    seen = [nearest(store._table, query, 8000, store._probes, settings).rows for query in queries]
    allowed[np.setdiff1d(np.arange(8000), np.concatenate(seen))] = True
    assert allowed.sum() > 800
    found = store.search(queries, 10, allowed)
    assert store._scan is None
    cosines[:, ~allowed[:8000]] = -2
    for expected, ranking in zip(cosines, found, strict=True):
        assert allowed[ranking.rows].all()
        assert ranking.scores == pytest.approx(np.sort(expected)[::-1][:10], abs=2e-3)
    for one, two in zip(found, store.search(queries, 10, allowed, exact=True), strict=True):
        assert one.scores == pytest.approx(two.scores, abs=1e-6)
    for one, two in zip(found, store.search(queries, 10, allowed), strict=True):
        assert one.scores == pytest.approx(two.scores, abs=1e-6)  # from memory now


def test_a_reader_keeps_neither_rows_without_a_commit_nor_removed_ones(tmp_path: Path) -> None:
    writer = LanceStore(str(tmp_path), "rows", WIDTH, "f32")
    vectors = clustered(40, 1)
    writer.add(np.arange(20), vectors[:20])
    reader = LanceStore(str(tmp_path), "rows", WIDTH, "f32")
    writer.add(np.arange(20, 30), vectors[20:30])  # its commit does not come
    reader.refresh()
    (first,) = reader.search(vectors[20:21], 1, np.ones(20, np.bool_))
    assert first.rows[0] < 20
    writer.remove_from(20)
    writer.add(np.arange(20, 30), vectors[30:])
    reader.refresh()
    found = reader.search(vectors[30:], 1, np.ones(30, np.bool_))
    assert [int(one.rows[0]) for one in found] == list(range(20, 30))
    assert [float(one.scores[0]) for one in found] == pytest.approx([1] * 10, abs=1e-5)
    writer.remove(np.arange(25))
    writer.compact()
    reader.refresh()
    reader.search(vectors[:1], 1, np.arange(30) >= 25)
    assert reader._scan is not None
    assert reader._scan.rows.tolist() == list(range(25, 30))


def test_a_table_that_should_be_there_is_not_made_empty(tmp_path: Path) -> None:
    with pytest.raises(DamagedCollectionError, match=r"table rows is missing.*index the documents"):
        LanceStore(str(tmp_path), "rows", WIDTH, "f32", create=False)
    LanceStore(str(tmp_path), "rows", WIDTH, "f32").add(np.arange(2), clustered(2, 1))
    assert LanceStore(str(tmp_path), "rows", WIDTH, "f32", create=False).rows().tolist() == [0, 1]


def test_an_index_that_rows_have_outgrown_is_made_anew_with_more_cells(tmp_path: Path) -> None:
    settings = IndexSettings(exact_numbers=2000 * 64, cell_rows=100)
    store = LanceStore(str(tmp_path), "rows", 64, "f32", settings)
    vectors, queries = clustered(9000, 1, 64), clustered(30, 2, 64)
    cells = []
    for begin, end in ((0, 2000), (2000, 7900), (7900, 9000)):
        store.add(np.arange(begin, end), vectors[begin:end])
        store.compact()
        (index,) = [one for one in store._table.list_indices() if "vector" in one.columns]
        cells.append((index.name, index.num_indexed_rows))
    assert cells == [("vector_cells_20", 2000), ("vector_cells_20", 7900), ("vector_cells_90", 9000)]
    assert "8 cells looked through" in store.searching
    allowed = np.ones(9000, np.bool_)
    exact = store.search(queries, 10, allowed, exact=True)
    found = store.search(queries, 10, allowed)
    assert np.mean([np.isin(b.rows, a.rows).mean() for a, b in zip(exact, found, strict=True)]) >= 0.9
    again = LanceStore(str(tmp_path), "rows", 64, "f32", settings)
    assert again.searching == store.searching


def test_a_reader_goes_on_while_a_writer_compacts(tmp_path: Path) -> None:
    writer = LanceStore(str(tmp_path), "rows", WIDTH, "f32")
    writer.add(np.arange(100), clustered(100, 1))
    reader = LanceStore(str(tmp_path), "rows", WIDTH, "f32")
    for begin in range(100, 160, 10):
        writer.add(np.arange(begin, begin + 10), clustered(10, begin))
    writer.remove(np.arange(20))
    writer.compact()
    assert len(reader.read(np.arange(20, 100))) == 80
    reader.refresh()
    assert reader.rows().tolist() == list(range(20, 160))


def test_qdrant_without_an_address_or_a_server_is_told() -> None:
    with pytest.raises(CollectionError, match="needs a location"):
        QdrantStore(None, "rows", WIDTH, "f32")
    with pytest.raises(CollectionError, match=r"Qdrant at http://127\.0\.0\.1:9"):
        QdrantStore("http://127.0.0.1:9", "rows", WIDTH, "f32")
