"""Vectors in Qdrant: a server or a cluster for collections that outgrow one machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Mask, Ranking, Rows, Vectors
from samesay.collection.permitting import search_permitted
from samesay.collection.qdrant_errors import request_errors
from samesay.collection.scan import permitted
from samesay.collection.storage import Storage
from samesay.errors import CollectionError, DamagedCollectionError, MissingExtraError

if TYPE_CHECKING:
    from qdrant_client import QdrantClient
    from qdrant_client.models import Record

MEMORY = ":memory:"
_POINTS_AT_A_TIME = 1024
_ROW = "row"


class QdrantStore:
    """A store of vectors that is one Qdrant collection.

    Args:
        location: The address of a server, such as ``http://localhost:6333``; its key is taken from the
            environment variable ``QDRANT_API_KEY``. ``:memory:`` and the path of a folder are for trying
            things out: there the client stands in for a server.
        name: The Qdrant collection.
        width: Numbers in a vector.
        storage: What is kept of them; with ``int8`` the server searches 8 bits and scores with 16.

    Raises:
        MissingExtraError: qdrant-client is not installed.
        CollectionError: There is no address, or no server.
    """

    def __init__(self, location: str | None, name: str, width: int, storage: Storage) -> None:
        if not location:
            raise CollectionError("the store qdrant needs a location, such as http://localhost:6333")
        try:
            import qdrant_client  # noqa: F401
        except ImportError:
            raise MissingExtraError("the store qdrant", "qdrant") from None
        self._name = name
        self._location = location
        self._width = width
        self._is_server = "://" in location
        with self._told():
            self._client = _client(location, name)
            if not self._client.collection_exists(name):
                self._create(storage)

    @property
    def searching(self) -> str:
        """As the server decides."""
        return f"HNSW index of Qdrant at {self._location}"

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """See ``VectorStore.add``."""
        from qdrant_client.models import Batch

        for begin in range(0, len(rows), _POINTS_AT_A_TIME):
            numbers = rows[begin : begin + _POINTS_AT_A_TIME].tolist()
            block = vectors[begin : begin + _POINTS_AT_A_TIME].tolist()
            with self._told():
                points = Batch(ids=numbers, vectors=block, payloads=[{_ROW: row} for row in numbers])
                self._client.upsert(self._name, points, wait=True)

    def remove(self, rows: Rows) -> None:
        """See ``VectorStore.remove``."""
        from qdrant_client.models import PointIdsList

        for begin in range(0, len(rows), _POINTS_AT_A_TIME):
            chosen = PointIdsList(points=rows[begin : begin + _POINTS_AT_A_TIME].tolist())
            with self._told():
                self._client.delete(self._name, chosen, wait=True)

    def remove_from(self, first: int) -> None:
        """See ``VectorStore.remove_from``."""
        from qdrant_client.models import FieldCondition, Filter, FilterSelector, Range

        condition = Filter(must=[FieldCondition(key=_ROW, range=Range(gte=first))])
        with self._told():
            self._client.delete(self._name, FilterSelector(filter=condition), wait=True)

    def refresh(self) -> None:
        """The server sees everything."""

    def read(self, rows: Rows) -> Vectors:
        """See ``VectorStore.read``."""
        wanted = np.unique(rows)
        vectors = np.zeros((len(wanted), self._width), np.float32)
        seen = np.zeros(len(wanted), np.bool_)
        for begin in range(0, len(wanted), _POINTS_AT_A_TIME):
            with self._told():
                found = self._client.retrieve(
                    self._name,
                    wanted[begin : begin + _POINTS_AT_A_TIME].tolist(),
                    with_payload=False,
                    with_vectors=True,
                )
            places = np.searchsorted(wanted, [int(one.id) for one in found])
            seen[places] = True
            vectors[places] = np.array([one.vector for one in found], np.float32).reshape(-1, self._width)
        if not seen.all():
            raise DamagedCollectionError(
                f"{self._location}, {self._name}: {int((~seen).sum())} vectors are missing"
            )
        return vectors[np.searchsorted(wanted, rows)]

    def rows(self) -> Rows:
        """See ``VectorStore.rows``."""
        numbers = [int(one.id) for one in self._points()]
        return np.sort(np.array(numbers, np.int64))

    def search(self, queries: Vectors, count: int, allowed: Mask, *, exact: bool = False) -> list[Ranking]:
        """See ``VectorStore.search``."""
        rankings = []
        for query in queries:

            def nearest(wanted: int, query: NDArray[np.float32] = query) -> Ranking:
                return self._nearest(query, wanted, exact=exact)

            def among(rows: Rows, query: NDArray[np.float32] = query) -> Ranking:
                return self._nearest(query, count, exact=exact, among=rows)

            found = search_permitted(count, allowed, nearest, among)
            if found is None:
                # The index has come to its end before enough rows were allowed; an exact search has all.
                everything = self._nearest(query, self._count(), exact=True)
                which = permitted(everything.rows, allowed)
                found = Ranking(everything.rows[which][:count], everything.scores[which][:count])
            rankings.append(found)
        return rankings

    def scores(
        self,
        query: NDArray[np.float32],  # noqa: ARG002
        allowed: Mask,  # noqa: ARG002
        *,
        exact: bool = False,  # noqa: ARG002
    ) -> tuple[Rows, NDArray[np.float32]] | None:
        """See ``VectorStore.scores``; a server gives the nearest alone."""
        return None

    def compact(self) -> None:
        """The server does it on its own."""

    def clear(self) -> None:
        """See ``VectorStore.clear``."""
        with self._told():
            self._client.delete_collection(self._name)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _create(self, storage: Storage) -> None:
        from qdrant_client import models

        kind = models.Datatype.FLOAT32 if storage == "f32" else models.Datatype.FLOAT16
        scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        self._client.create_collection(
            self._name,
            vectors_config=models.VectorParams(
                size=self._width, distance=models.Distance.COSINE, datatype=kind, on_disk=storage == "int8"
            ),
            quantization_config=models.ScalarQuantization(scalar=scalar) if storage == "int8" else None,
        )
        if self._is_server:
            self._client.create_payload_index(self._name, _ROW, models.PayloadSchemaType.INTEGER)

    def _nearest(
        self, query: NDArray[np.float32], count: int, *, exact: bool, among: Rows | None = None
    ) -> Ranking:
        from qdrant_client.models import Filter, HasIdCondition, QuantizationSearchParams, SearchParams

        chosen = None if among is None else Filter(must=[HasIdCondition(has_id=among.tolist())])
        settings = None
        if self._is_server:  # what stands in for one compares with every vector anyway
            quantization = QuantizationSearchParams(rescore=True, oversampling=4.0, ignore=exact)
            settings = SearchParams(exact=exact, quantization=quantization)
        with self._told():
            found = self._client.query_points(
                self._name,
                query=query.tolist(),
                query_filter=chosen,
                limit=count,
                with_payload=False,
                search_params=settings,
            ).points
        rows = np.array([int(one.id) for one in found], np.int64)
        scores = np.array([one.score for one in found], np.float32)
        order = np.lexsort((rows, -scores))
        return Ranking(rows[order], scores[order])

    def _count(self) -> int:
        with self._told():
            return self._client.count(self._name, exact=True).count

    def _points(self) -> Iterator[Record]:
        offset = None
        while True:
            with self._told():
                found, offset = self._client.scroll(
                    self._name,
                    limit=_POINTS_AT_A_TIME,
                    offset=offset,
                    with_payload=False,
                    with_vectors=False,
                )
            yield from found
            if offset is None:
                return

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except request_errors(RuntimeError, ValueError) as error:
            reason = (str(error) or type(error).__name__).split("\n")[0]
            raise CollectionError(f"Qdrant at {self._location}, {self._name}: {reason}") from None


def _client(location: str, name: str) -> QdrantClient:
    from qdrant_client import QdrantClient

    if location == MEMORY:
        return QdrantClient(MEMORY)
    if "://" in location:
        key = os.environ.get("QDRANT_API_KEY")
        return QdrantClient(url=location, api_key=key, timeout=60, check_compatibility=False)
    return QdrantClient(path=str(Path(location) / name))
