"""What benchmarks/stores.py measures: our store, NumPy, and other engines, all with the same queries."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samesay.collection.lance import LanceStore
from samesay.collection.storage import Storage
from synthetic_vectors import SyntheticVectors

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
Result = dict[str, object]
Search = Callable[[Vectors], Rows]

_WARM_UP = 20
# The threads of a library for matrices wait busily for a while after their last product.
_REST = 0.2
_EFFORTS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True)
class Job:
    """One store to be measured.

    Args:
        folder: Where ours lies.
        rows: How many rows.
        width: Numbers in each.
        storage: What ours keeps of them.
        queries: Shape (queries, width).
        truth: The nearest rows of each query, shape (queries, neighbours).
    """

    folder: str
    rows: int
    width: int
    storage: Storage
    queries: Vectors
    truth: Rows

    @property
    def vectors(self) -> SyntheticVectors:
        """All rows."""
        return SyntheticVectors(self.rows, self.width)


def measured_build(job: Job) -> Result:
    """Build our store."""
    store = _store(job)
    adding = 0.0
    for rows, vectors in job.vectors.blocks():
        began = time.perf_counter()
        store.add(rows, vectors)
        adding += time.perf_counter() - began
    began = time.perf_counter()
    store.compact()
    size = sum(path.stat().st_size for path in Path(job.folder).rglob("*") if path.is_file())
    return {
        "storage": job.storage,
        "searching": store.searching,
        "add_s": round(adding, 1),
        "index_s": round(time.perf_counter() - began, 1),
        "disk_mb": round(size / 2**20),
        "build_peak_mb": _peak_mb(),
    }


def measured_search(job: Job) -> Result:
    """Search our store, opened anew, as collections do it."""
    before = _peak_mb()
    store = _store(job)
    allowed = np.ones(job.rows, np.bool_)
    count = job.truth.shape[1]
    times, recall = _timed(job, lambda query: store.search(query[None], count, allowed)[0].rows)
    return {
        **_figures(times),
        "recall": recall,
        "search_memory_mb": _peak_mb() - before,
        "process_mb": _peak_mb(),
    }


def measured_numpy(job: Job) -> Result:
    """Search our store and NumPy's scan over the same rows, in turn."""
    store = _store(job)
    matrix = np.concatenate([vectors for _, vectors in job.vectors.blocks()])
    allowed = np.ones(job.rows, np.bool_)
    count = job.truth.shape[1]

    def scan(query: Vectors) -> Rows:
        scores = matrix @ query
        best = np.argpartition(-scores, count)[:count]
        return np.asarray(best[np.argsort(-scores[best])])

    searches: dict[str, Search] = {
        "samesay": lambda query: store.search(query[None], count, allowed)[0].rows,
        "numpy": scan,
    }
    times: dict[str, list[float]] = {name: [] for name in searches}
    recalls: dict[str, float] = {}
    for _ in range(5):  # in turn, so that both see the same machine
        for name, search in searches.items():
            time.sleep(_REST)
            some, recalls[name] = _timed(job, search)
            times[name] += some
    return {
        "storage": job.storage,
        **{name: {**_figures(times[name]), "recall": recalls[name]} for name in searches},
    }


def measured_peer(job: Job, name: str, least_recall: float) -> Result:
    """Build another engine over the rows, and search it at its cheapest setting with that recall."""
    before = _peak_mb()
    began = time.perf_counter()
    build = {
        "faiss-flat": _faiss_flat,
        "faiss-hnsw": _faiss_hnsw,
        "usearch": _usearch,
        "qdrant-local": _qdrant,
    }[name]
    search_with, efforts = build(job)
    built = round(time.perf_counter() - began, 1)
    found: Result = {}
    for effort in efforts:
        times, recall = _timed(job, search_with(effort))
        found = {"setting": effort, **_figures(times), "recall": recall}
        if recall >= least_recall:
            break
    return {"build_s": built, **found, "memory_mb": _peak_mb() - before}


def _faiss_flat(job: Job) -> tuple[Callable[[int], Search], Sequence[int]]:
    import faiss

    index = faiss.IndexFlatIP(job.width)
    for _, vectors in job.vectors.blocks():
        index.add(vectors)
    count = job.truth.shape[1]
    return lambda _: lambda query: np.asarray(index.search(query[None], count)[1][0]), (0,)


def _faiss_hnsw(job: Job) -> tuple[Callable[[int], Search], Sequence[int]]:
    import faiss

    index = faiss.IndexHNSWFlat(job.width, 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 200
    for _, vectors in job.vectors.blocks():
        index.add(vectors)
    count = job.truth.shape[1]

    def search_with(effort: int) -> Search:
        index.hnsw.efSearch = effort
        return lambda query: np.asarray(index.search(query[None], count)[1][0])

    return search_with, _EFFORTS


def _usearch(job: Job) -> tuple[Callable[[int], Search], Sequence[int]]:
    from usearch.index import Index

    index = Index(ndim=job.width, metric="ip", dtype="f16", connectivity=16, expansion_add=128)
    for rows, vectors in job.vectors.blocks():
        index.add(rows.astype(np.uint64), vectors)
    count = job.truth.shape[1]

    def search_with(effort: int) -> Search:
        index.expansion_search = effort  # type: ignore[misc]  # it has a setter
        return lambda query: np.asarray(index.search(query, count).keys.astype(np.int64))

    return search_with, _EFFORTS


def _qdrant(job: Job) -> tuple[Callable[[int], Search], Sequence[int]]:
    import warnings

    from samesay.collection.qdrant import QdrantStore

    warnings.simplefilter("ignore")  # the client tells at each addition that this mode is for small things
    store = QdrantStore(":memory:", "rows", job.width, "f32")
    for rows, vectors in job.vectors.blocks():
        store.add(rows, vectors)
    allowed = np.ones(job.rows, np.bool_)
    count = job.truth.shape[1]
    return lambda _: lambda query: store.search(query[None], count, allowed)[0].rows, (0,)


def _store(job: Job) -> LanceStore:
    return LanceStore(job.folder, "rows", job.width, job.storage)


def _timed(job: Job, search: Search) -> tuple[list[float], float]:
    """Give the seconds of each query, and the share of the nearest rows that were found."""
    for query in job.queries[:_WARM_UP]:
        search(query)
    times, shares = [], []
    for query, nearest in zip(job.queries, job.truth, strict=True):
        began = time.perf_counter()
        rows = search(query)
        times.append(time.perf_counter() - began)
        shares.append(float(np.isin(nearest, rows).mean()))
    return times, round(float(np.mean(shares)), 4)


def _figures(times: Sequence[float]) -> Result:
    p50, p95 = np.quantile(times, [0.5, 0.95]) * 1000
    return {"p50_ms": round(float(p50), 3), "p95_ms": round(float(p95), 3)}


def _peak_mb() -> int:
    """Give the most memory that this process has had; what getrusage says begins with the parent's."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024
