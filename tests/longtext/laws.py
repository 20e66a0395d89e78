"""What must hold for the segments of any document, and a cheap tokenizer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from samesay.longtext.segment import Format, Segment, segment

_TOKEN = re.compile(r"[A-Za-z]{1,6}|\d{1,3}|[^\sA-Za-z\d]")
# Special tokens, as every text has them.
AROUND = 2


def count_tokens(texts: Sequence[str]) -> list[int]:
    """Count pieces of words, digits and single other characters, as a tokenizer of bytes and words might."""
    return [AROUND + len(_TOKEN.findall(text)) for text in texts]


def lawful(
    source: str,
    limit: int,
    format: Format = "markdown",  # noqa: A002
    language: str | None = None,
    target: int | None = None,
) -> list[Segment]:
    """Cut a document and check what must always hold."""
    segments = segment(
        source, format=format, language=language, count_tokens=count_tokens, limit=limit, target=target
    )
    assert "".join(source[one.begin : one.end] for one in segments) == source
    place = 0
    for one in segments:
        assert one.begin == place < one.end
        place = one.end
        if not source.isspace():
            assert not source[one.begin : one.end].isspace()
        tokens = count_tokens([one.embedded(source)])[0]
        assert tokens <= limit, (tokens, one)
    return segments


def texts_of(source: str, segments: Sequence[Segment]) -> list[str]:
    """Give the characters of each segment."""
    return [source[one.begin : one.end] for one in segments]
