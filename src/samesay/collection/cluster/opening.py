"""Opening a collection in a Qdrant cluster, or making a new one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from samesay.collection.cluster.collection import ClusterCollection, told
from samesay.collection.cluster.points import VECTOR
from samesay.collection.cluster.settings import ClusterSettings
from samesay.collection.fulltext.tokens import revision
from samesay.collection.manifest import Manifest, Segmenting, manifest_of, manifest_text
from samesay.collection.model_check import check_identity
from samesay.errors import CollectionError, DamagedCollectionError, MissingExtraError

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

    from samesay.text_model import TextModel

_ABOUT = "samesay"
_IS_THERE = 409
MEMORY = ":memory:"


def open_cluster(
    url: str,
    name: str,
    model: TextModel | None = None,
    *,
    dimensions: int | None = None,
    create: bool = True,
    settings: ClusterSettings | None = None,
) -> ClusterCollection:
    """Open a collection in a Qdrant cluster, or make a new one where there is none.

    Args:
        url: Where the cluster answers, such as ``https://qdrant.example:6333``. ``:memory:`` and the path of
            a folder are for trying things out: there the client stands in for a server.
        name: The Qdrant collection.
        model: The model; needed for a new one, by default that of the collection.
        dimensions: Width of the vectors of a new one, where the model was trained to be cut.
        create: Whether to make a new one where there is none.
        settings: How the cluster is to keep it, and how it is loaded.

    Raises:
        MissingExtraError: qdrant-client is not installed.
        CollectionError: There is no server, none of that name, or one that samesay has not made.
        IdentityMismatchError: The model given is not that of the collection.
    """
    from samesay.collection.opening import load_again

    try:
        import qdrant_client  # noqa: F401
    except ImportError:
        raise MissingExtraError("a collection in a Qdrant cluster", "qdrant") from None
    chosen = settings or ClusterSettings()
    with told():
        client = _client(url, chosen)
    try:
        with told():
            there = client.collection_exists(name)
        if not there:
            if not create or model is None:
                raise CollectionError(f"Qdrant at {url} has no collection {name!r}; a new one needs a model")
            with told():
                _create(client, name, _new_manifest(model, dimensions), chosen)
        manifest = _manifest(client, url, name)
        if model is not None:
            check_identity(model, manifest, None)
    except BaseException:
        client.close()
        raise
    given = model
    return ClusterCollection(
        client,
        name,
        manifest,
        chosen,
        lambda found: load_again(found) if given is None else given,
        server=_is_server(url),
    )


def _client(url: str, settings: ClusterSettings) -> QdrantClient:
    from qdrant_client import QdrantClient

    if url == MEMORY:
        return QdrantClient(MEMORY)
    if not _is_server(url):
        return QdrantClient(path=str(Path(url)))
    key = os.environ.get(settings.key_variable)
    return QdrantClient(url=url, api_key=key, timeout=settings.patience_seconds, check_compatibility=False)


def _is_server(url: str) -> bool:
    return "://" in url


def _new_manifest(model: TextModel, dimensions: int | None) -> Manifest:
    return Manifest(
        build=f"build-{secrets.token_hex(6)}",
        identity=model.identity_at(dimensions),
        reference=model.reference,
        store="qdrant",
        location=None,
        storage="f32",
        segmenting=Segmenting(),
        weighting="uniform",
        tokens=revision(),
    )


def _manifest(client: QdrantClient, url: str, name: str) -> Manifest:
    with told():
        about = (client.get_collection(name).config.metadata or {}).get(_ABOUT)
    if not isinstance(about, str):
        raise CollectionError(
            f"Qdrant at {url}: samesay has not made the collection {name!r}; give another name"
        )
    try:
        return manifest_of(about, Path(name))
    except DamagedCollectionError:
        raise DamagedCollectionError(
            f"Qdrant at {url}: what {name!r} says of its model is damaged; fill a new collection"
        ) from None


def _create(client: QdrantClient, name: str, manifest: Manifest, settings: ClusterSettings) -> None:
    """Make a collection, unless another loader has made it meanwhile."""
    from qdrant_client import models
    from qdrant_client.http.exceptions import UnexpectedResponse

    codes: models.QuantizationConfig | None = None
    if settings.on_disk and settings.codes == "binary":
        codes = models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
    elif settings.on_disk:
        scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        codes = models.ScalarQuantization(scalar=scalar)
    try:
        client.create_collection(
            name,
            vectors_config={
                VECTOR: models.VectorParams(
                    size=manifest.dimensions,
                    distance=models.Distance.COSINE,
                    on_disk=settings.on_disk,
                    quantization_config=codes,
                )
            },
            shard_number=settings.shard_number,
            replication_factor=settings.replication_factor,
            write_consistency_factor=settings.write_consistency_factor,
            metadata={_ABOUT: manifest_text(manifest)},
        )
    except UnexpectedResponse as error:
        if error.status_code != _IS_THERE:
            raise
