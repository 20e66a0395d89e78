"""``POST /v1/documents`` and ``POST /v1/documents/delete``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, PlainValidator, WithJsonSchema

from samesay.collection.document import LONGEST_ID, Document, Format, as_document
from samesay.errors import DocumentError
from samesay.server.schemas.base import AnswerModel, CollectionRequest
from samesay.server.schemas.embeddings import EmbeddingsUsage
from samesay.server.schemas.inputs import check_texts
from samesay.server.strict_json import kind_of

_ID: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID}
_SCALARS: list[dict[str, Any]] = [
    {"type": kind} for kind in ("string", "integer", "number", "boolean", "null")
]
_DOCUMENT: dict[str, Any] = {
    "type": "object",
    "required": ["id", "text"],
    "additionalProperties": False,
    "properties": {
        "id": _ID,
        "text": {"type": "string"},
        "title": {"type": ["string", "null"]},
        "language": {"type": ["string", "null"]},
        "format": {"enum": list(get_args(Format)), "description": "How the text is cut into segments."},
        "metadata": {
            "type": "object",
            "additionalProperties": {
                "anyOf": [*_SCALARS, {"type": "array", "items": {"anyOf": _SCALARS[:4]}}]
            },
        },
    },
}


def _check_documents(value: object) -> list[Document]:
    if not isinstance(value, list):
        raise ValueError(f"documents must be an array of objects, not {kind_of(value)}")
    if not value:
        raise ValueError("documents must not be an empty array")
    found = []
    for index, entry in enumerate(value):
        try:
            found.append(as_document(entry))
        except DocumentError as error:
            raise ValueError(f"documents[{index}]: {error}") from None
    return found


class UpsertRequest(CollectionRequest):
    """Documents to add, or to put in the place of those with the same ids."""

    documents: Annotated[
        list[Document],
        PlainValidator(_check_documents),
        WithJsonSchema({"type": "array", "items": _DOCUMENT, "minItems": 1}),
    ] = Field(description="What is there as it is, is not embedded again; of equal ids the last counts.")


class DeleteRequest(CollectionRequest):
    """Documents to take out."""

    ids: Annotated[
        list[str],
        PlainValidator(lambda value: check_texts(value, "ids")),
        WithJsonSchema({"type": "array", "items": _ID, "minItems": 1}),
    ] = Field(description="Their ids; those that are not there are no error.")


class UpsertAnswer(AnswerModel):
    """What was done, all of it on disk."""

    object: Literal["documents.upsert"]
    collection: str
    added: int
    changed: int
    unchanged: int
    segments: int = Field(description="Segments of the added and changed documents.")
    cut_segments: int = Field(description="Segments of which the model read only the beginning.")
    usage: EmbeddingsUsage


class DeleteAnswer(AnswerModel):
    """What was done, all of it on disk."""

    object: Literal["documents.delete"]
    collection: str
    deleted: int
