"""What goes into a collection: documents, checked, and the hash that says whether one has changed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from samesay.errors import DocumentError

Format = Literal["markdown", "text", "python", "code"]
Scalar = str | int | float | bool | None
MetadataValue = Scalar | list[str] | list[int] | list[float] | list[bool]

LONGEST_ID = 4096
# Characters. A document is in memory whole, with its segments, words and vectors, until its commit.
LONGEST_TEXT = 2**26
# Names that filters use for something else.
RESERVED = frozenset({"id", "text", "title", "language", "and", "or", "not"})
_FIELDS = ("id", "text", "title", "language", "format", "metadata", "file")
_LARGEST_INTEGER = 2**63


@dataclass(frozen=True)
class Document:
    """One document of a collection.

    Args:
        id: Any text; documents with the same id replace each other.
        text: The source, of at most 2²⁶ characters. Offsets of hits count them.
        title: Stands above every segment when it is embedded.
        language: For filters, such as ``en``.
        metadata: Names to strings, numbers, booleans, None, or lists of them; for filters.
        format: How the text is cut into segments.
        file: Where it was read from, as ``samesay index`` names files; ``--prune`` goes by it alone.

    Raises:
        DocumentError: On use in a collection, for what is not as described.
    """

    id: str
    text: str
    title: str | None = None
    language: str | None = None
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    format: Format = "text"
    file: str | None = None


def as_document(value: Document | Mapping[str, object]) -> Document:
    """Give a checked document; a mapping has the same names, and a whole number as id becomes text.

    Raises:
        DocumentError: For what is not a document; the message names the id and the field.
    """
    if not isinstance(value, Document):
        value = _from_mapping(value)
    _check_text(value.id, "id", "a document")
    if not value.id or len(value.id) > LONGEST_ID:
        raise DocumentError(
            f"the id of a document has {len(value.id)} characters; 1 to {LONGEST_ID} are allowed"
        )
    name = f"document {value.id!r}"
    if isinstance(value.text, str) and len(value.text) > LONGEST_TEXT:
        raise DocumentError(
            f"{name}: text has {len(value.text):,} characters; at most {LONGEST_TEXT:,} are allowed, "
            "because a document is held in memory whole: make several documents of it"
        )
    _check_text(value.text, "text", name)
    for optional in ("title", "language", "file"):
        if getattr(value, optional) is not None:
            _check_text(getattr(value, optional), optional, name)
    if value.format not in get_args(Format):
        raise DocumentError(
            f"{name}: format is {value.format!r}; it must be one of {', '.join(get_args(Format))}"
        )
    _check_metadata(value.metadata, name)
    return value


def content_hash(document: Document) -> bytes:
    """SHA-256 over everything of the document that changes its vectors or what a search shows.

    Where it was read from does neither.
    """
    content = [
        document.text,
        document.title,
        document.language,
        document.format,
        sorted(document.metadata.items()),
    ]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).digest()


def _from_mapping(value: Mapping[str, object]) -> Document:
    if not isinstance(value, Mapping):
        raise DocumentError(f"a document is a dict or a Document, not {type(value).__name__}")
    unknown = sorted(map(str, set(value) - set(_FIELDS)))
    if unknown:
        raise DocumentError(
            f"document {value.get('id')!r}: unknown field {unknown[0]!r}; "
            f"a document has {', '.join(_FIELDS)}, and everything else goes into metadata"
        )
    if "id" not in value or "text" not in value:
        missing = "id" if "id" not in value else "text"
        raise DocumentError(f"document {value.get('id')!r}: {missing!r} is missing")
    identifier = value["id"]
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        identifier = str(identifier)
    metadata = value.get("metadata")
    return Document(
        id=cast("str", identifier),
        text=cast("str", value["text"]),
        title=cast("str | None", value.get("title")),
        language=cast("str | None", value.get("language")),
        metadata=cast("Mapping[str, MetadataValue]", {} if metadata is None else metadata),
        format=cast("Format", value.get("format") or "text"),
        file=cast("str | None", value.get("file")),
    )


def _check_text(value: object, what: str, name: str) -> None:
    if not isinstance(value, str):
        raise DocumentError(f"{name}: {what} is {type(value).__name__}, not a string")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DocumentError(
            f"{name}: {what} is not valid Unicode: character {error.start} is half of a surrogate pair"
        ) from None


def _check_metadata(metadata: object, name: str) -> None:
    if not isinstance(metadata, Mapping):
        raise DocumentError(f"{name}: metadata is {type(metadata).__name__}, not a dict")
    for key, value in metadata.items():
        _check_text(key, "a name in metadata", name)
        if not key or key in RESERVED:
            raise DocumentError(f"{name}: metadata cannot have the name {key!r}; choose another")
        for one in value if isinstance(value, list) else [value]:
            _check_scalar(one, f"{name}: metadata {key!r}")


def _check_scalar(value: object, what: str) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        _check_text(value, "value", what)
    elif isinstance(value, int):
        if not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
            raise DocumentError(f"{what}: {value} has more than 64 bits; store it as a string")
    elif not isinstance(value, float):
        raise DocumentError(
            f"{what} holds {type(value).__name__}; "
            "strings, numbers, booleans, None and lists of them are allowed"
        )
    elif not math.isfinite(value):
        raise DocumentError(f"{what}: {value} is not a number that can be compared")
