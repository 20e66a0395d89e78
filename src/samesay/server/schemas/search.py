"""``POST /v1/search``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from samesay.server.schemas.base import AnswerModel, CollectionRequest, Overlength
from samesay.server.schemas.embeddings import EmbeddingsUsage
from samesay.server.schemas.inputs import check_text, check_texts

MOST_HITS = 1000
_QUERY: dict[str, Any] = {"type": "string", "minLength": 1, "pattern": r"\S"}


def _check_query(value: object) -> str | list[str]:
    texts = [check_text(value, "query")] if isinstance(value, str) else check_texts(value, "query")
    if not all(text.strip() for text in texts):
        raise ValueError("the query is empty")
    return value if isinstance(value, str) else texts


Query = Annotated[
    str | list[str],
    PlainValidator(_check_query),
    WithJsonSchema({"anyOf": [_QUERY, {"type": "array", "items": _QUERY, "minItems": 1}]}),
]


class SearchRequest(CollectionRequest):
    """One or several queries over a collection."""

    query: Query = Field(description="A question or some words, or several of them.")
    top_k: int = Field(3, ge=1, le=MOST_HITS, description="Documents to give for each query, at most.")
    mode: Literal["semantic", "text", "hybrid"] = Field(
        "semantic", description="Compare meanings, words (BM25), or fuse both rankings."
    )
    filter: dict[str, Any] | None = Field(
        None,
        description="Over metadata, such as {'topic': 'storage', 'year': {'gte': 2020}}; with eq, ne, in, "
        "gt, gte, lt, lte, exists, and, or, not.",
    )
    min_score: float | None = Field(
        None, description="Leave out hits with a lower score; its scale is that of the mode."
    )
    task: str | None = Field(None, description="A named task or an instruction, for models that take one.")
    overlength: Overlength = Field("error", description="A query that is too long is refused, or cut.")


class SearchHit(AnswerModel):
    """A document that was found, with its best passage."""

    document_id: str
    score: float = Field(
        description="The cosine, whose order is adjusted; the BM25 score; or in hybrid mode the sum of both "
        "reciprocal ranks, that by text times the coverage."
    )
    passage: str
    begin: int = Field(description="The first character of the passage in the document's text.")
    end: int = Field(description="The character after its last.")
    title: str | None
    headings: list[str] = Field(description="The headings above the passage, outermost first.")
    language: str | None
    metadata: dict[str, Any]
    components: dict[str, float] = Field(description="The parts that the score is made of.")


class QueryHits(AnswerModel):
    """The hits of one query, best first."""

    object: Literal["hits"]
    index: int = Field(description="Which query, from 0.")
    hits: list[SearchHit]


class SearchAnswer(AnswerModel):
    """The hits of all queries, in their order."""

    object: Literal["search"]
    collection: str
    model: str
    identity: str = Field(description="What made the vectors.")
    mode: str
    data: list[QueryHits]
    usage: EmbeddingsUsage
