"""The settings that are asked for when a collection is opened, and those that it has."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from samesay.collection.arguments import whole_number
from samesay.collection.base import StoreKind
from samesay.collection.fulltext.tokens import revision
from samesay.collection.manifest import Manifest, Segmenting
from samesay.collection.storage import STORAGES, Storage
from samesay.errors import CollectionError

if TYPE_CHECKING:
    from samesay.collection.shared.address import SharedAddress
    from samesay.text_model import TextModel

WEIGHTINGS = ("uniform", "position", "tfidf")
DEFAULT_WEIGHTING = "uniform"


class Asked:
    """The settings that were given; see ``open_collection``.

    Raises:
        CollectionError: A number of tokens is none.
    """

    def __init__(
        self,
        store: StoreKind | None,
        location: str | None,
        dimensions: int | None,
        storage: Storage | None,
        segment_tokens: int | None,
        segment_limit: int | None,
        weighting: str | None,
    ) -> None:
        self.store = store
        self.location = location
        self.dimensions = dimensions
        self.storage = storage
        self.segmenting = Segmenting(
            _tokens("segment_tokens", segment_tokens), _tokens("segment_limit", segment_limit)
        )
        self.weighting = weighting

    def check(self) -> None:
        """Refuse values that are not known."""
        for name, value, known in (
            ("store", self.store, ("memory", "lance", "qdrant")),
            ("storage", self.storage, STORAGES),
            ("weighting", self.weighting, WEIGHTINGS),
        ):
            if value is not None and value not in known:
                raise CollectionError(f"{name} is {value!r}; it must be one of {', '.join(known)}")

    def manifest(self, model: TextModel, reference: str, *, in_memory: bool) -> Manifest:
        """Give the manifest of a new collection."""
        store = self.store or ("memory" if in_memory else "lance")
        if in_memory and store != "memory" and self.location is None:
            raise CollectionError(f"store {store!r} needs a path")
        if not in_memory and store == "memory":
            raise CollectionError("store 'memory' keeps nothing in a folder; leave out the store or the path")
        return Manifest(
            build=f"build-{secrets.token_hex(6)}",
            identity=model.identity_at(self.dimensions),
            reference=reference,
            store=store,
            location=self.location,
            storage=self.storage or "f32",
            segmenting=self.segmenting,
            weighting=self.weighting or DEFAULT_WEIGHTING,
            tokens=revision(),
        )

    def compare(self, manifest: Manifest, folder: Path | SharedAddress | None) -> None:
        """Refuse what differs from a collection that exists."""
        target, limit = manifest.segmenting.target, manifest.segmenting.limit
        for name, asked, has in (
            ("store", self.store, manifest.store),
            ("location", self.location, manifest.location),
            ("dimensions", self.dimensions, manifest.dimensions),
            ("storage", self.storage, manifest.storage),
            ("segment_tokens", self.segmenting.target, target),
            ("segment_limit", self.segmenting.limit, limit),
            ("weighting", self.weighting, manifest.weighting),
        ):
            if asked is not None and asked != has:
                raise CollectionError(
                    f"{folder} has {name} {has!r}, not {asked!r}; leave it out, "
                    "or change it for all documents: samesay collection upgrade"
                )


def _tokens(name: str, value: object) -> int | None:
    if value is None:
        return None
    number = whole_number(value)
    if number is None or number < 1:
        raise CollectionError(f"{name} is {value!r}; it must be a whole number, at least 1")
    return number
