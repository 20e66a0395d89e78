"""What a search gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Hit:
    """A document that was found, with its best passage.

    Args:
        document_id: The document.
        score: In semantic mode the cosine with the query, in text mode the BM25 score; in hybrid mode the sum
            of both reciprocal ranks, that by text times the coverage. Hits come in its order, but for
            semantic mode with ``order="adjusted"``, the default, where one with a lower score may come first.
        passage: The text of the best segment: ``source[begin:end]``.
        begin: Its first character in the document's text.
        end: The character after its last.
        title: The document's title.
        headings: The headings above the passage, outermost first.
        language: The document's language.
        metadata: The document's metadata.
        components: The parts that the score is made of: ``segment``, ``document``, ``text``,
            ``text_coverage`` (the part of the query's words that the passage has, each by its rarity, from 0
            to 1) and, in hybrid mode, ``semantic_rank`` and ``text_rank``, from 1.
    """

    document_id: str
    score: float
    passage: str
    begin: int
    end: int
    title: str | None
    headings: tuple[str, ...]
    language: str | None
    metadata: Mapping[str, object]
    components: Mapping[str, float]
