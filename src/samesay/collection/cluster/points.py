"""Segments as points: a name that is always the same, and what is kept beside the vector."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesay.collection.document import Document
from samesay.collection.hit import Hit

VECTOR = "segment"
_NAMESPACE = uuid.UUID("6f0c3a52-5d3f-5f0e-9a53-6c1a1f6a5d10")


@dataclass(frozen=True)
class Point:
    """A segment with its vector.

    Args:
        name: Its id in Qdrant; the same segment of the same document always has the same.
        vector: Of length 1; None for text without any token, which no search finds.
        payload: What filters and hits need.
    """

    name: str
    vector: NDArray[np.float32] | None
    payload: dict[str, Any]


def point_name(document_id: str, segment: int) -> str:
    """Give the id of a segment: a UUID (version 5) of the document's id and the segment's number."""
    return str(uuid.uuid5(_NAMESPACE, f"{segment} {document_id}"))


def payload_of(
    document: Document, digest: bytes, segment: int, begin: int, end: int, headings: tuple[str, ...]
) -> dict[str, Any]:
    """Give what is kept of a segment."""
    return {
        "id": document.id,
        "segment": segment,
        "hash": digest.hex(),
        "text": document.text[begin:end],
        "begin": begin,
        "end": end,
        "title": document.title,
        "language": document.language,
        "headings": list(headings),
        "metadata": dict(document.metadata),
    }


def hit_of(payload: Mapping[str, Any], score: float) -> Hit:
    """Give a point as a hit."""
    text = str(payload["text"])
    left, right = len(text) - len(text.lstrip()), len(text) - len(text.rstrip())
    return Hit(
        str(payload["id"]),
        score,
        text.strip(),
        int(payload["begin"]) + left,
        int(payload["end"]) - right,
        payload["title"],
        tuple(payload["headings"]),
        payload["language"],
        dict(payload["metadata"]),
        {"segment": score},
    )


def field_key(field: str) -> str:
    """Give the path of a field of filters in the payload."""
    if field in ("id", "title", "language"):
        return field
    plain = field.replace("_", "").replace("-", "").isalnum()
    return f"metadata.{field}" if plain else f"metadata.{json.dumps(field, ensure_ascii=False)}"
