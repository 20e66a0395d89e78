"""The collections of a server, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar, cast

from fastapi import Request

from samesay.collection.build import Build
from samesay.collection.compacting import tidy
from samesay.collection.generic import GenericQuestions
from samesay.collection.held import HeldBuild
from samesay.collection.manifest import Manifest, read_manifest
from samesay.collection.model_check import fits
from samesay.collection.opening import none_here
from samesay.collection.search_settings import SearchSettings
from samesay.collection.searching import search
from samesay.errors import IdentityMismatchError, MissingExtraError, SamesayError, ServerError
from samesay.server.naming import named
from samesay.server.plans import CollectionPlan
from samesay.server.served_models import ServedModel, ServedModels

Result = TypeVar("Result")
_SEARCHING_THREADS = 2
_FIRST_QUERY = "first query 第一个问题"


@dataclass(frozen=True)
class ServedCollection:
    """A collection that is open, with its model.

    Attributes:
        name: What requests and answers call it.
        served: The model that made its vectors.
        searched: What searches read; a commit does not keep them waiting.
        written: What commits go through.
        generic: What the questions to its model have in common.
    """

    name: str
    served: ServedModel
    searched: HeldBuild
    written: HeldBuild
    generic: GenericQuestions = field(default_factory=GenericQuestions)


class ServedCollections:
    """The collections, open or not.

    Args:
        plans: What is to be served.

    Raises:
        ServerError: When two collections have a name in common.
    """

    def __init__(self, plans: Sequence[CollectionPlan]) -> None:
        self.plans = tuple(plans)
        for place, plan in enumerate(plans):
            if any(plan.name == other.name for other in plans[:place]):
                raise ServerError(
                    f"two collections are called {plan.name!r}; name one anew: --collection NAME=FOLDER"
                )
        self._open: dict[str, ServedCollection] = {}
        self._stopping = False
        self._searching = ThreadPoolExecutor(_SEARCHING_THREADS, thread_name_prefix="samesay-searches")
        # One thread, as a collection has one writer at a time.
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="samesay-writes")

    def __iter__(self) -> Iterator[ServedCollection]:
        return iter(list(self._open.values()))

    @property
    def ready(self) -> bool:
        """Whether all are open."""
        return len(self._open) == len(self.plans)

    def open_all(self, models: ServedModels, notice: Callable[[str], None] = lambda _: None) -> None:
        """Open every collection, when all models are loaded.

        Args:
            models: What is served.
            notice: Is told of each collection that is open.

        Raises:
            IdentityMismatchError: None of the models made a collection; all are named.
            CollectionError: One cannot be read.
        """
        for plan in self.plans:
            manifest = read_manifest(plan.folder)
            if manifest is None:
                raise none_here(plan.folder)
            served = _model_of(plan, manifest, models)
            searched = HeldBuild(plan.folder, Build(plan.folder, manifest))
            with searched.reading() as build, build.catalogue.reading():
                count = int(build.snapshot().alive.sum())
            written = HeldBuild(plan.folder, Build(plan.folder, manifest)) if _two(manifest) else searched
            collection = ServedCollection(plan.name, served, searched, written)
            _search_once(collection)
            self._open[plan.name] = collection
            notice(f"collection {plan.name} is open: {count} documents, {manifest.identity}")

    def find(self, name: str | None) -> ServedCollection:
        """Give the collection of that name; without one, the only collection.

        Raises:
            Problem: When there is none, several, or it is not open yet.
        """
        return named(
            name,
            [plan.name for plan in self.plans],
            self._open,
            param="collection",
            missing="does not exist",
            coming="is still being opened",
        )

    async def searching(self, work: Callable[[], Result]) -> Result:
        """Search, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._searching, work)

    async def writing(self, collection: ServedCollection, work: Callable[[], Result]) -> Result:
        """Write, in the only thread that does; what has begun goes on to its end, client or not.

        What has gathered is compacted afterwards, when the answer is on its way.
        """
        done = asyncio.get_running_loop().run_in_executor(self._writing, work)
        result = await asyncio.shield(done)
        self._writing.submit(self._tidy, collection)
        return result

    def close(self) -> None:
        """Wait for writes that have begun, and let go of files."""
        self._stopping = True
        self._searching.shutdown()
        self._writing.shutdown()
        for collection in self:
            collection.searched.close()
            collection.written.close()

    def _tidy(self, collection: ServedCollection) -> None:
        if self._stopping:
            return
        # What was written is safe whether this succeeds or not, and the next write tries again.
        with suppress(SamesayError), collection.written.writing() as build:
            tidy(build)


def collections_of(request: Request) -> ServedCollections:
    """Give the collections of the server that a request came to."""
    return cast(ServedCollections, request.app.state.collections)


def _model_of(plan: CollectionPlan, manifest: Manifest, models: ServedModels) -> ServedModel:
    for served in models:
        if fits(served.model, manifest):
            return served
    given = "; ".join(str(served.model.identity) for served in models)
    raise IdentityMismatchError(
        f"the collection {plan.name} ({plan.folder}) was made with {manifest.identity}; served is {given}. "
        f"Serve that model too (--model {manifest.reference} --precision {manifest.identity.precision}), "
        "or go over to a served one: samesay collection upgrade"
    )


def _search_once(collection: ServedCollection) -> None:
    """Read what a first search reads, so that no request waits for it: the rows, and Chinese words."""
    model, settings = collection.served.model, SearchSettings(mode="hybrid")
    dimensions = collection.searched.manifest.dimensions
    vectors = model.encode([_FIRST_QUERY], prompt="query", dimensions=dimensions)
    generic = collection.generic.of(model, None, dimensions)
    # Full text of Chinese can be missing; whoever asks for it is told so.
    with suppress(MissingExtraError), collection.searched.reading() as build:
        search(build, [_FIRST_QUERY], vectors, settings, generic)


def _two(manifest: Manifest) -> bool:
    """Say whether it can be opened twice; a folder of Qdrant's local mode cannot."""
    return manifest.store == "lance" or (manifest.location is not None and "://" in manifest.location)
