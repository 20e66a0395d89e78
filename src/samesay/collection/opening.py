"""Opening a collection, or making a new one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from samesay.collection.asked import Asked
from samesay.collection.base import StoreKind
from samesay.collection.build import Build, discard_all_but
from samesay.collection.collection import Collection
from samesay.collection.fulltext.tokens import revision
from samesay.collection.held_model import ModelLoader
from samesay.collection.locking import one_writer
from samesay.collection.manifest import (
    NAME,
    Manifest,
    Segmenting,
    read_manifest,
    write_manifest,
)
from samesay.collection.model_check import check_identity
from samesay.collection.shared.address import SharedAddress, shared_address
from samesay.collection.storage import Storage
from samesay.errors import CollectionError, DamagedCollectionError
from samesay.flushing import flush

if TYPE_CHECKING:
    from samesay.identity import Identity
    from samesay.text_model import TextModel


def open_collection(
    path: str | Path | None,
    model: TextModel | str | Path | None = None,
    *,
    create: bool = True,
    store: StoreKind | None = None,
    location: str | None = None,
    dimensions: int | None = None,
    storage: Storage | None = None,
    segment_tokens: int | None = None,
    segment_limit: int | None = None,
    weighting: str | None = None,
) -> Collection:
    """Open a collection, or make a new one where there is none.

    What a collection was made with, it keeps: of the settings those that are given must be the ones it has.

    Args:
        path: Its folder, or its address on shared storage, ``s3://BUCKET/PATH``; None makes one in memory
            that ends with the process.
        model: The model, or the name to load it by; by default that of the collection, or for a new one
            the best present.
        create: Whether to make a new one where there is none.
        store: ``"lance"`` (the default), ``"qdrant"``, or ``"memory"`` (the default without a path).
        location: Where vectors lie when not in the folder: the URL of a Qdrant server, or an object store's
            address for LanceDB.
        dimensions: Width of the vectors, where the model was trained to be cut.
        storage: What is kept of vectors: ``"f32"`` (the default), ``"f16"``, or ``"int8"``, which searches
            8 bits a number and scores with 16.
        segment_tokens: Tokens that a segment should have.
        segment_limit: Tokens that a segment may have at most; by default what the model reads.
        weighting: How segments weigh in the vector of a document: ``"uniform"``, ``"position"`` or
            ``"tfidf"``.

    Raises:
        CollectionError: There is none and ``create`` is false, the folder holds something else, or a setting
            differs from the collection's.
        IdentityMismatchError: The model given is not that of the collection.
        DamagedCollectionError: Its files do not hold what they should.
    """
    asked = Asked(store, location, dimensions, storage, segment_tokens, segment_limit, weighting)
    address = shared_address(path)
    if address is not None:
        return _on_shared_storage(address, model, asked, create=create)
    folder = None if path is None else Path(path)
    manifest = None if folder is None else read_manifest(folder)
    if manifest is None and not create:
        raise none_here(folder)
    if manifest is not None:
        return _existing(folder, manifest, model, asked)
    asked.check()
    loaded = _loaded(model)
    made = asked.manifest(loaded, loaded.reference, in_memory=folder is None)
    if folder is None:
        build = Build(None, made, create=True)
    else:
        other = _make(folder, made)
        if other is not None:
            return _existing(folder, other, loaded, asked)
        build = Build(folder, made)
    collection = Collection(folder, build, lambda _: loaded)
    return collection


def open_existing(path: Path, load: ModelLoader) -> Collection:
    """Open a collection that exists; its model is loaded when it is needed.

    Raises:
        CollectionError: There is none.
    """
    address = shared_address(path)
    if address is None:
        manifest = read_manifest(path)
        if manifest is None:
            raise none_here(path)
        return Collection(path, Build(path, manifest), load)
    from samesay.collection.shared.collection import SharedCollection
    from samesay.collection.shared.place import SharedPlace

    place = SharedPlace(address)
    version = place.newest_version()
    if version is None:
        raise none_shared(address)
    return SharedCollection(place, version, load)


def manifest_at(path: Path) -> Manifest | None:
    """Give the manifest of a collection, wherever it lies, or None where there is none."""
    address = shared_address(path)
    if address is None:
        return read_manifest(path)
    from samesay.collection.shared.place import SharedPlace

    version = SharedPlace(address).newest_version()
    return None if version is None else version.manifest


def _on_shared_storage(
    address: SharedAddress, model: TextModel | str | Path | None, asked: Asked, *, create: bool
) -> Collection:
    from samesay.collection.shared.collection import SharedCollection
    from samesay.collection.shared.place import SharedPlace

    if asked.store not in (None, "lance") or asked.location is not None:
        raise CollectionError(f"{address} keeps its vectors beside it; leave out store and location")
    place = SharedPlace(address)
    version = place.newest_version()
    loaded = None
    if version is None:
        if not create:
            raise none_shared(address)
        asked.check()
        loaded = _loaded(model)
        version = place.make(asked.manifest(loaded, loaded.reference, in_memory=False))
    asked.compare(version.manifest, address)
    if loaded is None and model is None:
        return SharedCollection(place, version, load_again)
    chosen = loaded or _loaded(model, version.manifest.identity)
    check_identity(chosen, version.manifest, address)
    return SharedCollection(place, version, lambda _: chosen)


def _existing(
    folder: Path | None, manifest: Manifest, model: TextModel | str | Path | None, asked: Asked
) -> Collection:
    asked.compare(manifest, folder)
    if model is None:
        return Collection(folder, Build(folder, manifest), load_again)
    loaded = _loaded(model, manifest.identity)
    check_identity(loaded, manifest, folder)
    return Collection(folder, Build(folder, manifest), lambda _: loaded)


def upgraded_manifest(
    manifest: Manifest,
    model: TextModel,
    dimensions: int | None,
    storage: Storage | None,
    segment_tokens: int | None,
    segment_limit: int | None,
    weighting: str | None,
) -> Manifest:
    """Give the manifest of a collection with another model and other settings; None leaves one as it is."""
    asked = Asked(None, None, dimensions, storage, segment_tokens, segment_limit, weighting)
    asked.check()
    identity = model.identity_at(dimensions)
    same = identity.fingerprint == manifest.identity.fingerprint
    return replace(
        manifest,
        identity=manifest.identity if same else identity,
        reference=manifest.reference if same else model.reference,
        storage=storage or manifest.storage,
        segmenting=Segmenting(
            asked.segmenting.target or manifest.segmenting.target,
            asked.segmenting.limit or manifest.segmenting.limit,
        ),
        weighting=weighting or manifest.weighting,
        tokens=revision(),
    )


def load_again(manifest: Manifest) -> TextModel:
    """Load the model that a collection was made with, as it was asked for then."""
    from samesay.model import load_as

    return load_as(manifest.reference, manifest.identity)


def _loaded(model: TextModel | str | Path | None, identity: Identity | None = None) -> TextModel:
    """Give the model; one that is named is loaded as the identity says."""
    from samesay.model import load, load_as

    if model is None:
        return load(None)
    if not isinstance(model, str | Path):
        return model
    return load(model) if identity is None else load_as(str(model), identity)


def _make(folder: Path, manifest: Manifest) -> Manifest | None:
    """Write a new collection; give the manifest of another that a process has made meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CollectionError(f"{folder} cannot be made: {error.strerror or error}") from None
    with one_writer(folder):
        there = read_manifest(folder)
        if there is not None:
            return there
        _check_empty(folder)
        discard_all_but(folder, manifest.build)  # what a process left that died while it made one
        build = Build(folder, manifest, create=True)
        build.close()
        flush(folder)
        write_manifest(folder, manifest)
    return None


def _check_empty(folder: Path) -> None:
    left = [
        name
        for name in sorted(path.name for path in folder.iterdir())
        if name not in ("write.lock", f"{NAME}.new") and not name.startswith(("build-", "discarded-"))
    ]
    if left:
        raise CollectionError(
            f"{folder} is no collection and has other files, such as {left[0]!r}; give a folder of its own"
        )
    catalogues = sorted(folder.glob("build-*/catalogue.sqlite"))
    if any(_has_documents(path) for path in catalogues):
        raise DamagedCollectionError(
            f"{folder / NAME} is missing, but there are documents; "
            f"samesay collection check {folder} --repair writes it anew"
        )


def _has_documents(path: Path) -> bool:
    from samesay.collection.catalogue import Catalogue
    from samesay.collection.catalogue_file import is_unmade

    if is_unmade(path):
        return False
    catalogue = Catalogue(path)
    try:
        with catalogue.reading():
            return catalogue.count("documents") > 0
    finally:
        catalogue.close()


def none_here(folder: Path | None) -> CollectionError:
    """What to tell where there is no collection."""
    if folder is not None and not folder.is_dir():
        return CollectionError(
            f"there is no collection {folder}; make one: samesay index PATH --collection {folder}"
        )
    return CollectionError(f"{folder} is no collection: it has no {NAME}")


def none_shared(address: SharedAddress) -> CollectionError:
    """What to tell where there is no collection on shared storage."""
    return CollectionError(
        f"there is no collection {address}; make one: samesay index PATH --collection {address}"
    )
