"""Documents of a request on their way into a collection: cut, prepared for the queue, and committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.collection.document import Document, content_hash
from samesay.collection.manifest import Manifest
from samesay.collection.segmenting import CutDocument, Encoder
from samesay.collection.writing import AddReport, Ready, commit, delete, recover
from samesay.errors import TextError
from samesay.model import EmbeddingModel
from samesay.server.preparing import Prepared
from samesay.server.problems import invalid, unavailable
from samesay.server.served_collections import ServedCollection
from samesay.server.services import Services, Work
from samesay.tokens import TokenizedTexts

_RETRY_CHANGED = 1


@dataclass(frozen=True)
class Changes:
    """Documents that are cut and wait for their vectors.

    Attributes:
        collection: Where they go.
        manifest: What the collection was when they were cut.
        unchanged: How many of the request are there as they are.
        documents: The others, in segments.
        have: For each segment of all of them whether it gets a vector.
        work: The texts to be embedded; None where there are none.
    """

    collection: ServedCollection
    manifest: Manifest
    unchanged: int
    documents: Sequence[CutDocument]
    have: Sequence[bool]
    work: Work | None

    @property
    def tokens(self) -> int:
        """Tokens to be embedded."""
        return self.work.prepared.input_tokens if self.work else 0


def changes_of(services: Services, collection: ServedCollection, documents: Sequence[Document]) -> Changes:
    """Find what is new, cut it and tokenize it.

    Raises:
        Problem: For more than one request may have, and when the queue is too full for it.
        DocumentError: For a document that cannot be cut.
    """
    served = collection.served
    digests = {document.id: (document, content_hash(document)) for document in documents}
    with collection.searched.reading() as build, build.catalogue.reading():
        known = build.catalogue.hashes(list(digests))
        manifest = build.manifest
    new = [(document, digest) for document, digest in digests.values() if known.get(document.id) != digest]
    encoder = Encoder(served.model, manifest)
    cut = [encoder.cut(document, digest) for document, digest in new]
    texts = [text for one in cut for text in one.embedded]
    have = [bool(text.strip()) for text in texts]
    chosen = [text for text, usable in zip(texts, have, strict=True) if usable]
    tokens: TokenizedTexts | None = None
    if chosen:
        served.batcher.require_room(len(chosen))
        try:
            tokens = _tokenized(chosen, served.model)
        except TextError:
            have = [
                usable and _has_tokens(text, served.model) for text, usable in zip(texts, have, strict=True)
            ]
            chosen = [text for text, usable in zip(texts, have, strict=True) if usable]
            tokens = _tokenized(chosen, served.model) if chosen else None
    work = None
    if tokens is not None:
        work = Work(served, _prepared(tokens, manifest.dimensions, served.preparing.max_tokens), chosen)
        services.check_size(work.prepared, "documents")
    return Changes(collection, manifest, len(digests) - len(new), cut, have, work)


def committed(changes: Changes, found: NDArray[np.float32] | None) -> AddReport:
    """Make the documents part of the collection, all at once.

    Args:
        changes: The documents.
        found: The vectors of the texts of ``changes.work``.

    Raises:
        Problem: When the collection was changed meanwhile so that they must be cut anew.
        CollectionError: As for ``Collection.add``.
    """
    ready = _ready(changes, found)
    if not ready:
        return AddReport(unchanged=changes.unchanged)
    with changes.collection.written.writing() as build:
        if build.manifest != changes.manifest:
            raise unavailable(
                "the settings of the collection were changed meanwhile; send the request again",
                "collection_changed",
                _RETRY_CHANGED,
            )
        recover(build)
        replaced = commit(build, ready, Encoder(changes.collection.served.model, changes.manifest))
    return AddReport(
        added=len(ready) - replaced,
        changed=replaced,
        unchanged=changes.unchanged,
        segments=len(changes.have),
        cut_segments=changes.work.prepared.cut_inputs if changes.work else 0,
    )


def deleted(collection: ServedCollection, ids: Sequence[str]) -> int:
    """Take documents out, all at once; give how many were there."""
    with collection.written.writing() as build:
        return delete(build, list(dict.fromkeys(ids)))


def _ready(changes: Changes, found: NDArray[np.float32] | None) -> list[Ready]:
    have = np.array(changes.have, np.bool_)
    vectors = np.zeros((len(have), changes.manifest.dimensions), np.float32)
    if found is not None:
        vectors[have] = found
    ready, begin = [], 0
    for document in changes.documents:
        end = begin + len(document.segments)
        ready.append(Ready(document, vectors[begin:end], have[begin:end].tolist()))
        begin = end
    return ready


def _prepared(tokens: TokenizedTexts, width: int, most: int) -> Prepared:
    longest = int(tokens.lengths.max())
    if longest > most:
        raise invalid(
            f"a segment has {longest} tokens; this server takes texts of {most}. Let segments be smaller "
            "(samesay collection upgrade --segment-tokens), or add the document with samesay index",
            "documents",
        )
    nothing: list[NDArray[np.int32] | None] = [None] * len(tokens)
    return Prepared(tokens, nothing, np.arange(len(tokens)), width, int((tokens.cut > 0).sum()))


def _tokenized(texts: Sequence[str], model: EmbeddingModel) -> TokenizedTexts:
    return model.tokenize(texts, prompt="document", overlength="truncate")


def _has_tokens(text: str, model: EmbeddingModel) -> bool:
    try:
        _tokenized([text], model)
    except TextError:
        return False
    return True
