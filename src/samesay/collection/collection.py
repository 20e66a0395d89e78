"""A collection: documents in, the right passages out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, overload

from samesay.collection.arguments import id_texts, query_texts
from samesay.collection.build import Build, discard_all_but
from samesay.collection.document import Document
from samesay.collection.filters import Filter
from samesay.collection.fusion import K
from samesay.collection.generic import GenericQuestions
from samesay.collection.held import HeldBuild
from samesay.collection.held_model import HeldModel, ModelLoader
from samesay.collection.hit import Hit
from samesay.collection.info import CollectionInfo, info
from samesay.collection.manifest import Manifest
from samesay.collection.search_settings import Level, Mode, Order, SearchSettings
from samesay.collection.searching import search
from samesay.collection.segmenting import Encoder
from samesay.collection.storage import Storage
from samesay.collection.writing import Adding, AddReport, Progress, delete

if TYPE_CHECKING:
    from samesay.collection.base import Vectors
    from samesay.collection.checking import CheckReport
    from samesay.collection.generic import Generic
    from samesay.text_model import TextModel


class Collection:
    """Documents, embedded by one model. Made by ``samesay.open``.

    Safe to use from several threads; they take turns. Any number of processes may search a collection while
    one writes it.

    Args:
        folder: Where it lies; None keeps it in memory.
        build: What lies there.
        load: Loads its model at first use.
    """

    def __init__(self, folder: Path | None, build: Build, load: ModelLoader) -> None:
        self.folder = folder
        self._held = HeldBuild(folder, build)
        self._models = HeldModel(folder, load)
        self._generic = GenericQuestions()

    def __repr__(self) -> str:
        place = str(self.folder) if self.folder else "in memory"
        return f"Collection({place!r}, {self.manifest.identity})"

    def __enter__(self) -> Collection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Give the number of documents."""
        with self._held.reading() as build, build.catalogue.reading():
            return int(build.snapshot().alive.sum())

    def __contains__(self, document_id: object) -> bool:
        """Say whether a document of that id is here."""
        chosen = id_texts([document_id]) if isinstance(document_id, str) else []
        with self._held.reading() as build, build.catalogue.reading():
            return bool(build.catalogue.documents(chosen))

    @property
    def place(self) -> str:
        """Where it lies, in words."""
        return str(self.folder) if self.folder else "the collection in memory"

    @property
    def manifest(self) -> Manifest:
        """What the collection is: model, storage, segmenting."""
        return self._held.manifest

    @property
    def model(self) -> TextModel:
        """The model, loaded at first use.

        Raises:
            ModelNotFoundError: It is not on this machine.
            IdentityMismatchError: What is found under its name gives other vectors.
        """
        return self._models.of(self.manifest)

    def add(
        self,
        documents: Iterable[Document | Mapping[str, object]],
        *,
        prune: bool | Callable[[str], bool] = False,
        prune_files: Callable[[str], bool] | None = None,
        progress: Progress | None = None,
    ) -> AddReport:
        """Add documents, or replace those of the same ids.

        A document that is here as it is, text, title, language, format and metadata, is left alone. Documents
        are committed in batches, each of them whole or not at all; what an interrupt or a crash leaves is the
        last commit, and the same call goes on from there.

        Args:
            documents: Documents, or dicts with ``id``, ``text`` and as they like ``title``, ``language``,
                ``format``, ``metadata`` and ``file``.
            prune: In the end take out the documents that were not among these; a function says of an id
                whether it may go.
            prune_files: Also take out those that were not among these and whose ``file`` this function says
                may go.
            progress: Called with (documents done, their number or None) now and then. What it raises stops
                the work.

        Raises:
            DocumentError: For what is not a document; those before it may be committed.
            CollectionBusyError: Another process is writing.
            CollectionError: The folder cannot be written to, or the disk is full.
        """
        from samesay.collection.compacting import tidy

        _ = self.model  # loaded before other writers are kept out
        with self._held.writing() as build:
            adding = Adding(build, Encoder(self._models.of(build.manifest), build.manifest))
            report = adding.run(documents, prune=prune, prune_files=prune_files, progress=progress)
            tidy(build)
            return report

    def fill(
        self,
        paths: Iterable[str | Path],
        *,
        column: str | None = None,
        progress: Progress | None = None,
    ) -> AddReport:
        """Add texts with the vectors that ``samesay embed`` made of them; nothing is embedded.

        Each row becomes a document with one segment. Commits and interrupts are as for ``add``.

        Args:
            paths: Parquet files with ids, and folders of them.
            column: The column of texts; by default ``text``, or the only one that can be.
            progress: As for ``add``.

        Raises:
            InputFileError: A file cannot be read, or does not say which model made it.
            IdentityMismatchError: The vectors are of another model, prompt or width than the collection's.
            CollectionBusyError: Another process is writing.
        """
        from samesay.collection.compacting import tidy
        from samesay.collection.filling import Filling
        from samesay.collection.vector_rows import check_source, vector_source

        source = vector_source(paths, column)
        with self._held.writing() as build:
            manifest = build.manifest
            check_source(source, manifest.identity, self.place, lambda: self._models.of(manifest))
            report = Filling(build, source).run(progress)
            tidy(build)
            return report

    def delete(self, ids: Iterable[str]) -> int:
        """Take documents out, all at once; ids that are not here are no error.

        Their texts go from the catalogue at once, their vectors and words at the next compaction.

        Returns:
            How many there were.
        """
        chosen = id_texts(ids)
        with self._held.writing() as build:
            return delete(build, chosen)

    def get(self, document_id: str) -> Document | None:
        """Give a document as it was added, or None."""
        chosen = id_texts([document_id])
        with self._held.reading() as build, build.catalogue.reading():
            stored = build.catalogue.documents(chosen)
            return build.catalogue.restored(stored[0]) if stored else None

    def documents(self) -> Iterator[Document]:
        """Give all documents, in the order in which they came."""
        last = -1
        while True:
            with self._held.reading() as build, build.catalogue.reading():
                stored = build.catalogue.all_documents(after=last)
                found = [build.catalogue.restored(one) for one in stored]
            if not stored:
                return
            yield from found
            last = stored[-1].number

    @overload
    def search(
        self,
        query: str,
        top_k: int = ...,
        *,
        mode: Mode = ...,
        where: Filter | None = ...,
        min_score: float | None = ...,
        task: str | None = ...,
        level: Level = ...,
        rank_constant: float = ...,
        exact: bool = ...,
        order: Order = ...,
    ) -> list[Hit]: ...

    @overload
    def search(
        self,
        query: list[str] | tuple[str, ...],
        top_k: int = ...,
        *,
        mode: Mode = ...,
        where: Filter | None = ...,
        min_score: float | None = ...,
        task: str | None = ...,
        level: Level = ...,
        rank_constant: float = ...,
        exact: bool = ...,
        order: Order = ...,
    ) -> list[list[Hit]]: ...

    def search(
        self,
        query: str | list[str] | tuple[str, ...],
        top_k: int = 3,
        *,
        mode: Mode = "semantic",
        where: Filter | None = None,
        min_score: float | None = None,
        task: str | None = None,
        level: Level = "segments",
        rank_constant: float = K,
        exact: bool = False,
        order: Order = "adjusted",
    ) -> list[Hit] | list[list[Hit]]:
        """Give the documents that answer a query best, each with its best passage.

        Args:
            query: A question or some words; or several, which are embedded together.
            top_k: Documents to give for each, at most.
            mode: ``"semantic"`` compares meanings, ``"text"`` words (BM25), ``"hybrid"`` fuses both rankings.
            where: A filter over metadata, such as ``{"topic": "storage", "year": {"gte": 2020}}``; the fields
                ``id``, ``title`` and ``language`` are the document's own.
            min_score: Of these, leave out hits whose ``score`` is lower; its scale is that of the mode.
            task: A named task or an instruction in free words, for models that take one.
            level: Compare with ``"segments"``, with whole ``"documents"``, or with ``"both"``.
            rank_constant: The constant of reciprocal rank fusion, in mode ``"hybrid"``.
            exact: Compare with every vector even where there is an index.
            order: ``"cosine"`` ranks by the cosine alone. ``"adjusted"`` also counts against passages that
                they are near to any question, and against documents how many segments they have; a hit may
                then stand above one with a higher score.

        Returns:
            Hits, best first, equal ones in the order of ids; for several queries a list for each.

        Raises:
            SearchError: For an empty query or a setting that is not known.
            FilterError: For a filter that is none.
            OverlengthError: For a query that is longer than the model reads.
        """
        queries = query_texts(query)
        settings = SearchSettings(top_k, mode, where, min_score, level, rank_constant, exact, order)
        hits = self._found(queries, task, settings)
        return hits[0] if isinstance(query, str) else hits

    def _found(self, queries: Sequence[str], task: str | None, settings: SearchSettings) -> list[list[Hit]]:
        manifest = self.manifest
        while True:
            vectors = generic = None
            if settings.mode != "text" and queries:
                vectors, generic = self._encoded(manifest, queries, task, settings)
            with self._held.reading() as build:
                if vectors is None or build.manifest.identity.fingerprint == manifest.identity.fingerprint:
                    return search(build, queries, vectors, settings, generic)
                manifest = build.manifest  # an upgrade came between: its model encodes anew

    def _encoded(
        self, manifest: Manifest, queries: Sequence[str], task: str | None, settings: SearchSettings
    ) -> tuple[Vectors, Generic | None]:
        model, dimensions = self._models.of(manifest), manifest.dimensions
        vectors = model.encode(queries, prompt="query", task=task, dimensions=dimensions)
        if settings.order != "adjusted":
            return vectors, None
        return vectors, self._generic.of(model, task, dimensions)

    def info(self) -> CollectionInfo:
        """Say what is here; needs neither model nor vectors."""
        with self._held.reading() as build:
            return info(build, self.folder)

    def compact(self) -> None:
        """Give back the space of what is gone, and bring indexes up to date."""
        from samesay.collection.compacting import compact

        with self._held.writing() as build:
            compact(build)
            if self.folder is not None:
                discard_all_but(self.folder, build.manifest.build)

    def check(self, *, samples: int = 100) -> CheckReport:
        """Verify that everything is here and fits together, and measure what the index finds.

        Args:
            samples: Stored vectors that are searched for, to compare the index with exact search.
        """
        from samesay.collection.checking import check

        with self._held.reading() as build:
            return check(build, samples)

    def upgrade(
        self,
        model: TextModel,
        *,
        dimensions: int | None = None,
        storage: Storage | None = None,
        segment_tokens: int | None = None,
        segment_limit: int | None = None,
        weighting: str | None = None,
        progress: Progress | None = None,
    ) -> AddReport:
        """Embed all documents anew with another model or other settings, and go over to the result at once.

        The collection is searched as it was until then. After an interrupt or a crash it is as it was, and
        the same call goes on from there.

        Args:
            model: The model to go over to.
            dimensions: As for ``samesay.open``; by default the model's full width.
            storage: As for ``samesay.open``; what is not given, here and below, stays as it is.
            segment_tokens: As for ``samesay.open``.
            segment_limit: As for ``samesay.open``.
            weighting: As for ``samesay.open``.
            progress: As for ``add``.
        """
        from samesay.collection.opening import upgraded_manifest
        from samesay.collection.upgrading import upgrade

        with self._held.writing() as build:
            wanted = upgraded_manifest(
                build.manifest, model, dimensions, storage, segment_tokens, segment_limit, weighting
            )
            if wanted == build.manifest:
                return AddReport(unchanged=len(self))
            made, report = upgrade(self.folder, build, wanted, Encoder(model, wanted), progress)
            # Known before anybody sees the new build, and whatever comes of removing the old one.
            self._models.know(model, made.manifest)
            try:
                self._held.switch(made)
            finally:
                self._models.keep_only(self.manifest)
            return report

    def close(self) -> None:
        """Let go of files; the collection cannot be used after it."""
        self._held.close()
