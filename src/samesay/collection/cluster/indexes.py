"""Payload indexes: of the fields that every segment has, and of the metadata's as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samesay.collection.cluster.points import field_key

if TYPE_CHECKING:
    from qdrant_client import QdrantClient, models


def own_indexes() -> dict[str, models.PayloadSchemaType]:
    """Give the fields that every segment has and that are asked for, with their kinds."""
    from qdrant_client.models import PayloadSchemaType

    words = dict.fromkeys(("id", "title", "language"), PayloadSchemaType.KEYWORD)
    return {**words, "segment": PayloadSchemaType.INTEGER}


def index_of(client: QdrantClient, name: str, field: str, value: object) -> bool:
    """Have a field of the metadata indexed, as what its value is; False where the value does not tell."""
    from qdrant_client.models import PayloadSchemaType

    one = value[0] if isinstance(value, list) and value else value
    if one is None or isinstance(one, list):
        return False
    kind = PayloadSchemaType.KEYWORD
    if isinstance(one, bool):
        kind = PayloadSchemaType.BOOL
    elif isinstance(one, int | float):
        kind = PayloadSchemaType.FLOAT
    client.create_payload_index(name, field_key(field), kind)
    return True
