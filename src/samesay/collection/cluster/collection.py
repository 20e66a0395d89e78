"""A collection in a Qdrant cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from samesay.collection.cluster.conditions import condition_of
from samesay.collection.cluster.indexes import index_of, own_indexes
from samesay.collection.cluster.loading import Loader, reason, sent_again
from samesay.collection.cluster.points import VECTOR, Point, field_key, hit_of, payload_of, point_name
from samesay.collection.cluster.settings import ClusterSettings
from samesay.collection.document import Document, as_document, content_hash
from samesay.collection.filters import Filter, check_filter
from samesay.collection.hit import Hit
from samesay.collection.manifest import Manifest
from samesay.collection.qdrant_errors import request_errors
from samesay.collection.segmenting import CutDocument, Encoder
from samesay.collection.vector_rows import VectorBlock, check_source, read_blocks, vector_source
from samesay.collection.writing import AddReport, Progress
from samesay.errors import CollectionError, SearchError

if TYPE_CHECKING:
    from pathlib import Path

    from qdrant_client import QdrantClient, models

    from samesay.text_model import TextModel

_DOCUMENTS_TOGETHER = 64
_INDEXED_FIELDS = 64
_MOST_RECENT = 100_000
_SCORED_AGAIN = 8.0
Values = dict[str, str]
Result = TypeVar("Result")


class ClusterCollection:
    """Documents whose segments are points of one Qdrant collection. Made by ``open_cluster``.

    There is no catalogue and no lock: the name of a point follows from the id of its document, so that
    whatever is sent twice, by one loader or by several, is there once. What is acknowledged is there; a
    search may see a load before its end. Search compares meanings only.

    Args:
        client: The client.
        name: The Qdrant collection.
        manifest: What it is.
        settings: How it is loaded.
        load: Loads its model at first use.
        server: Whether the client speaks to a server, or stands in for one.
    """

    def __init__(
        self,
        client: QdrantClient,
        name: str,
        manifest: Manifest,
        settings: ClusterSettings,
        load: Callable[[Manifest], TextModel],
        *,
        server: bool,
    ) -> None:
        self.name = name
        self.manifest = manifest
        self._client = client
        self._settings = settings
        self._load = load
        self._server = server
        self._model: TextModel | None = None
        self._prepared = False
        self._indexed: set[str] = set()
        self._keys: set[str] = set()

    def __enter__(self) -> ClusterCollection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def model(self) -> TextModel:
        """The model, loaded at first use.

        Raises:
            IdentityMismatchError: It gives other vectors than those of the collection.
        """
        from samesay.collection.model_check import check_identity

        if self._model is None:
            model = self._load(self.manifest)
            check_identity(model, self.manifest, None)
            self._model = model
        return self._model

    def segments(self) -> int:
        """Give the number of segments, of those without any token too."""
        with told():
            return int(self._client.count(self.name, exact=True).count)

    def fill(
        self, paths: Iterable[str | Path], *, column: str | None = None, progress: Progress | None = None
    ) -> AddReport:
        """Add texts with the vectors that ``samesay embed`` made of them; see ``Collection.fill``.

        After an interrupt the same call goes on: what is there as it is, is not sent again.

        Args:
            paths: Parquet files with ids, and folders of them.
            column: The column of texts.
            progress: Called with (rows looked at, all rows); what was acknowledged is no more than that.

        Raises:
            InputFileError: A file cannot be read, or does not say which model made it.
            IdentityMismatchError: The vectors are of another model, prompt or width.
            CollectionError: The cluster does not take a request, however often it is sent.
        """
        source = vector_source(paths, column)
        check_source(source, self.manifest.identity, self.name, lambda: self.model)
        self._prepare()
        long_ones = self._any_long()
        report, done = AddReport(), 0
        recent: set[str] = set()
        with self._loader() as loader:
            for block in read_blocks(source):
                ids = {document.id for document in block.documents}
                if not recent.isdisjoint(ids) or len(recent) > _MOST_RECENT:
                    loader.finish()  # the same id twice: the later one comes after the earlier
                    recent.clear()
                recent |= ids
                added, changed = self._put_rows(block, loader, long_ones=long_ones)
                unchanged = len(block.documents) - added - changed
                report = _sum(report, added, changed, unchanged, added + changed)
                done += len(block.documents)
                if progress:
                    progress(done, source.rows)
        return report

    def add(self, documents: Iterable[Document | Mapping[str, object]]) -> AddReport:
        """Add documents, or replace those of the same ids; each is cut and embedded.

        Raises:
            DocumentError: For what is not a document; those before it may be there.
            CollectionError: The cluster does not take a request, however often it is sent.
        """
        encoder = Encoder(self.model, self.manifest)
        self._prepare()
        report = AddReport()
        waiting: dict[str, tuple[Document, bytes]] = {}
        for one in documents:
            document = as_document(one)
            waiting[document.id] = (document, content_hash(document))
            if len(waiting) >= _DOCUMENTS_TOGETHER:
                report = self._add(list(waiting.values()), encoder, report)
                waiting = {}
        return self._add(list(waiting.values()), encoder, report)

    def delete(self, ids: Sequence[str]) -> None:
        """Take documents out; ids that are not here are no error."""
        from qdrant_client import models

        self._prepare()
        chosen = models.Filter(
            must=[models.FieldCondition(key="id", match=models.MatchAny(any=list(ids)))],
        )
        self._delete(chosen)

    def search(
        self,
        query: str,
        top_k: int = 3,
        *,
        where: Filter | None = None,
        min_score: float | None = None,
        task: str | None = None,
        exact: bool = False,
    ) -> list[Hit]:
        """Give the documents whose meaning is nearest to a query, each with its best passage.

        Args:
            query: A question or some words.
            top_k: Documents to give, at most.
            where: As for ``Collection.search``; strings are compared for being equal only.
            min_score: Leave out hits with a lower cosine.
            task: A named task or an instruction, for models that take one.
            exact: Compare with every vector instead of by the index.
        """
        if not isinstance(query, str) or not query.strip():
            raise SearchError("the query is empty")
        if where is not None:
            check_filter(where)
        vector = self.model.encode(query, prompt="query", task=task, dimensions=self.manifest.dimensions)
        return self.nearest(vector, top_k, where=where, min_score=min_score, exact=exact)

    def nearest(
        self,
        vector: np.ndarray[Any, np.dtype[np.float32]],
        top_k: int,
        *,
        where: Filter | None = None,
        min_score: float | None = None,
        exact: bool = False,
    ) -> list[Hit]:
        """Give the documents nearest to a vector of length 1; see ``search``."""
        from qdrant_client import models

        parameters = None
        if self._server:
            # Where it keeps codes: so many times the points asked for are scored with their vectors.
            again = models.QuantizationSearchParams(rescore=True, oversampling=_SCORED_AGAIN, ignore=exact)
            parameters = models.SearchParams(exact=exact, quantization=again)
        with told():
            groups = self._client.query_points_groups(
                self.name,
                query=vector.tolist(),
                using=VECTOR,
                group_by="id",
                limit=top_k,
                group_size=1,
                query_filter=None if where is None else condition_of(where),
                score_threshold=min_score,
                search_params=parameters,
                with_payload=True,
            ).groups
        hits = [hit_of(one.hits[0].payload or {}, float(one.hits[0].score)) for one in groups]
        return sorted(hits, key=lambda hit: (-hit.score, hit.document_id))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _loader(self) -> Loader:
        return Loader(self._client, self.name, self._settings, parallel=self._server)

    def _put_rows(self, block: VectorBlock, loader: Loader, *, long_ones: bool) -> tuple[int, int]:
        """Send the rows of a block that are not there as they are; give how many are new and replaced."""
        rows = {document.id: place for place, document in enumerate(block.documents)}
        there = self._hashes(list(rows))
        points: list[Point] = []
        replaced: list[str] = []
        for identifier, place in rows.items():
            document = block.documents[place]
            digest = content_hash(document)
            if there.get(identifier) == digest.hex():
                continue
            if identifier in there:
                replaced.append(identifier)
            self._index(document)
            payload = payload_of(document, digest, 0, 0, len(document.text), ())
            points.append(Point(point_name(identifier, 0), block.vectors[place], payload))
        if long_ones and replaced:
            self._drop_after(dict.fromkeys(replaced, 1))
        loader.put(points)
        return len(points) - len(replaced), len(replaced)

    def _add(self, documents: list[tuple[Document, bytes]], encoder: Encoder, report: AddReport) -> AddReport:
        there = self._hashes([document.id for document, _ in documents])
        cut = [
            encoder.cut(document, digest)
            for document, digest in documents
            if there.get(document.id) != digest.hex()
        ]
        found = encoder.embed([text for one in cut for text in one.embedded])
        points: list[Point] = []
        first = 0
        for one in cut:
            self._index(one.document)
            points.extend(_points(one, found.vectors[first:], found.have[first:]))
            first += len(one.segments)
        replaced = [one for one in cut if one.document.id in there]
        with self._loader() as loader:
            loader.put([one for one in points if one.payload["segment"]])
        if replaced:
            # The first is always there, be it without a vector: it has the hash.
            self._drop_after({one.document.id: max(1, len(one.segments)) for one in replaced})
        with self._loader() as loader:
            # Last: the first segment says that the document is there as it is.
            loader.put([one for one in points if not one.payload["segment"]])
        new = len(cut) - len(replaced)
        segments = sum(len(one.segments) for one in cut)
        return _sum(report, new, len(replaced), len(documents) - len(cut), segments)

    def _hashes(self, ids: Sequence[str]) -> Values:
        """Give the content hashes of those of these documents that are here."""
        names = [point_name(one, 0) for one in ids]
        found: Values = {}
        for begin in range(0, len(names), self._settings.batch):
            block = names[begin : begin + self._settings.batch]
            for record in self._asked(
                partial(self._client.retrieve, self.name, block, with_payload=["id", "hash"])
            ):
                payload = record.payload or {}
                found[str(payload["id"])] = str(payload["hash"])
        return found

    def _any_long(self) -> bool:
        from qdrant_client import models

        later = models.Filter(must=[models.FieldCondition(key="segment", range=models.Range(gte=1))])
        found, _ = self._asked(lambda: self._client.scroll(self.name, scroll_filter=later, limit=1))
        return bool(found)

    def _drop_after(self, lengths: Mapping[str, int]) -> None:
        """Remove what is left of longer documents of the same ids."""
        from qdrant_client import models

        parts: list[models.Condition] = [
            models.Filter(
                must=[
                    models.FieldCondition(key="id", match=models.MatchValue(value=identifier)),
                    models.FieldCondition(key="segment", range=models.Range(gte=length)),
                ]
            )
            for identifier, length in lengths.items()
        ]
        for begin in range(0, len(parts), self._settings.batch):
            self._delete(models.Filter(should=parts[begin : begin + self._settings.batch]))

    def _delete(self, chosen: models.Filter) -> None:
        from qdrant_client import models

        selector = models.FilterSelector(filter=chosen)
        self._asked(lambda: self._client.delete(self.name, selector, wait=True))

    def _prepare(self) -> None:
        """Before the first write: have indexed what a making that was interrupted has not."""
        if self._prepared or not self._server:
            return
        there = self._asked(lambda: self._client.get_collection(self.name)).payload_schema
        for field, kind in own_indexes().items():
            if field not in there:
                self._asked(partial(self._client.create_payload_index, self.name, field, kind))
        self._keys = there.keys() - own_indexes().keys()
        self._prepared = True

    def _index(self, document: Document) -> None:
        """Have the cluster index the fields that filters may name, as they come."""
        if not self._server or document.metadata.keys() <= self._indexed:
            return
        for field, value in document.metadata.items():
            key = field_key(field)
            if key not in self._keys:
                full = len(self._keys) >= _INDEXED_FIELDS
                # Nothing and an empty list do not tell what the field holds: a later document does.
                if full or not self._asked(partial(index_of, self._client, self.name, field, value)):
                    continue
                self._keys.add(key)
            self._indexed.add(field)

    def _asked(self, request: Callable[[], Result]) -> Result:
        """Send a request of a load, again where that can help."""
        with told():
            return sent_again(request, self._settings.tries)


@contextmanager
def told() -> Iterator[None]:
    """Say what a client's error means.

    Raises:
        CollectionError: In place of the client's own.
    """
    try:
        yield
    except request_errors(RuntimeError) as error:
        raise CollectionError(f"Qdrant: {reason(error)}") from None


def _points(
    cut: CutDocument, vectors: np.ndarray[Any, np.dtype[np.float32]], have: Sequence[bool]
) -> Iterator[Point]:
    """Give all segments, those without a vector too: they take the place of what was there before."""
    name = cut.document.id
    for number, one in enumerate(cut.segments):
        payload = payload_of(cut.document, cut.digest, number, one.begin, one.end, one.headings)
        yield Point(point_name(name, number), vectors[number] if have[number] else None, payload)
    if not cut.segments:
        yield Point(point_name(name, 0), None, payload_of(cut.document, cut.digest, 0, 0, 0, ()))


def _sum(report: AddReport, added: int, changed: int, unchanged: int, segments: int) -> AddReport:
    return AddReport(
        added=report.added + added,
        changed=report.changed + changed,
        unchanged=report.unchanged + unchanged,
        segments=report.segments + segments,
    )
