"""Documents to what is embedded: segments with the text that stands for each, and their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from samesay.collection.base import Vectors
from samesay.collection.catalogue import StoredSegment
from samesay.collection.document import Document
from samesay.collection.fulltext.above import above
from samesay.collection.fulltext.tokens import length, tokens
from samesay.collection.manifest import Manifest, Segmenting
from samesay.errors import DocumentError, TextError

if TYPE_CHECKING:
    from samesay.longtext.weighting import DocumentFrequencies
    from samesay.text_model import TextModel


@dataclass(frozen=True)
class CutDocument:
    """A document in segments.

    Args:
        document: The document.
        digest: Its content hash.
        segments: Its segments, which cover the text without gaps.
        embedded: For each segment the text that its vector is made of; empty where it has none.
        words: For each segment the tokens that full text finds it by.
    """

    document: Document
    digest: bytes
    segments: tuple[StoredSegment, ...]
    embedded: tuple[str, ...]
    words: tuple[list[str], ...]


# A longer title is embedded without its end; full text has more of it, and hits have it whole.
_LONGEST_TITLE = 200


class Encoder:
    """How one collection turns documents into vectors.

    Args:
        model: Its model.
        manifest: Its settings.
    """

    def __init__(self, model: TextModel, manifest: Manifest) -> None:
        self._model = model
        self._manifest = manifest

    def cut(self, document: Document, digest: bytes) -> CutDocument:
        """See ``cut``."""
        return cut(document, digest, self._model, self._manifest.segmenting)

    def embed(self, texts: Sequence[str]) -> Embedded:
        """See ``embed``."""
        return embed(texts, self._model, self._manifest.dimensions)

    def combine(
        self,
        document: CutDocument,
        vectors: Vectors,
        have: Sequence[bool],
        frequencies: DocumentFrequencies,
    ) -> Vectors:
        """Give the vector of a document from those of its segments, shape (dimensions,)."""
        from samesay.longtext.aggregate import document_vector
        from samesay.longtext.weighting import position_weights, tfidf_weights, uniform_weights

        which = np.array(have, np.bool_)
        if self._manifest.weighting == "position":
            weights = position_weights(int(which.sum()))
        elif self._manifest.weighting == "tfidf":
            words = [one for one, usable in zip(document.words, have, strict=True) if usable]
            weights = tfidf_weights(words, frequencies)
        else:
            weights = uniform_weights(int(which.sum()))
        return document_vector(vectors[which], weights)


def cut(document: Document, digest: bytes, model: TextModel, settings: Segmenting) -> CutDocument:
    """Cut a document along its structure, into segments that the model reads whole.

    Raises:
        DocumentError: The model's limit is too small for it.
    """
    from samesay.longtext.segment import segment

    def count_tokens(texts: Sequence[str]) -> list[int]:
        return [int(count) for count in model.count_tokens(texts, prompt="document")]

    limit = min(settings.limit or model.max_tokens, model.max_tokens)
    title = document.title[:_LONGEST_TITLE] if document.title else None
    if title:
        limit = max(limit // 2, limit - count_tokens([title])[0])
    try:
        found = segment(
            document.text,
            format=document.format,
            language=document.language if document.format == "code" else None,
            count_tokens=count_tokens,
            limit=limit,
            target=settings.target,
        )
    except TextError as error:
        raise DocumentError(f"document {document.id!r}: {error}") from None
    segments, embedded, words = [], [], []
    known: dict[str, tuple[list[str], int]] = {}
    for one in found:
        text = document.text[one.begin : one.end]
        visible = bool(text.strip())
        over = above(document.title, one.headings)
        if over not in known:
            known[over] = tokens(over), length(over)
        size = known[over][1] + length(text)
        segments.append(StoredSegment(one.begin, one.end, one.kind, tuple(one.headings), text, size, visible))
        embedded.append(one.embedded(document.text, title) if visible else "")
        words.append([*known[over][0], *tokens(text)])
    return CutDocument(document, digest, tuple(segments), tuple(embedded), tuple(words))


@dataclass(frozen=True)
class Embedded:
    """Vectors of texts.

    Args:
        vectors: One row for each text, shape (n, dimensions).
        have: Which texts have a vector: not those without any token.
        cut: How many texts were cut to the model's limit.
    """

    vectors: Vectors
    have: list[bool]
    cut: int


def embed(texts: Sequence[str], model: TextModel, dimensions: int) -> Embedded:
    """Give the vectors of texts as documents; what the model cannot read whole is cut and counted."""
    have = [bool(text.strip()) for text in texts]
    try:
        return _embed(texts, have, model, dimensions)
    except TextError:
        have = [usable and _has_tokens(text, model) for text, usable in zip(texts, have, strict=True)]
        return _embed(texts, have, model, dimensions)


def _embed(texts: Sequence[str], have: list[bool], model: TextModel, dimensions: int) -> Embedded:
    vectors = np.zeros((len(texts), dimensions), np.float32)
    chosen = [text for text, usable in zip(texts, have, strict=True) if usable]
    if not chosen:
        return Embedded(vectors, have, 0)
    prefix = model.prompts.prefix("document")
    found, cut_tokens = model.embed_texts(chosen, prefix, dimensions=dimensions, overlength="truncate")
    vectors[np.array(have)] = found
    return Embedded(vectors, have, int((cut_tokens > 0).sum()))


def _has_tokens(text: str, model: TextModel) -> bool:
    try:
        model.check([text], prompt="document", overlength="truncate")
    except TextError:
        return False
    return True
