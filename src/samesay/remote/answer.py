"""What an endpoint answers, believed only after it was looked at."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.errors import RemoteAnswerError

# A vector that is as long as this already keeps its bits: dividing it again would change them.
_NORMALISED = 1e-6
_WIDEST = 1 << 20
_SHOWN = 200


@dataclass(frozen=True)
class Answer:
    """The vectors of one request.

    Attributes:
        vectors: As the endpoint gave them, in the order of the texts, shape (n, width).
        tokens: What it says that it read, or None.
    """

    vectors: NDArray[np.float32]
    tokens: int | None


@dataclass(frozen=True)
class Refusal:
    """Why an endpoint did not do what it was asked.

    Attributes:
        status: The status of HTTP.
        message: Its words, or the beginning of what came instead.
        code: OpenAI's ``code`` or ``type``, if any.
        param: OpenAI's ``param``, if any.
    """

    status: int
    message: str
    code: str = ""
    param: str = ""


def read_answer(content: bytes, count: int) -> Answer:
    """Read the answer to a request of that many texts.

    Raises:
        RemoteAnswerError: When it is not one vector for each text, all of one width and finite.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise RemoteAnswerError(
            f"answered with {_kind_of(content)} instead of JSON: {_start(content)}"
        ) from None
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise RemoteAnswerError(f"answered without a list 'data' of vectors: {_start(content)}")
    if len(data) != count:
        raise RemoteAnswerError(f"answered with {len(data)} vectors for {count} texts")
    rows: list[NDArray[np.float32] | None] = [None] * count
    for place, entry in enumerate(data):
        index = entry.get("index", place)
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < count:
            raise RemoteAnswerError(f"answered with index {index!r} among {count} texts")
        if rows[index] is not None:
            raise RemoteAnswerError(f"answered twice with index {index}")
        rows[index] = _numbers(entry.get("embedding"), index)
    found = [row for row in rows if row is not None]
    widths = sorted({len(row) for row in found})
    if len(widths) > 1:
        raise RemoteAnswerError(
            f"answered with vectors of {' and '.join(map(str, widths))} dimensions at once"
        )
    vectors = np.stack(found) if found else np.zeros((0, 0), np.float32)
    return Answer(vectors, _tokens(value.get("usage")))


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale rows to length 1; those that have it keep their bits.

    Raises:
        RemoteAnswerError: For a row that is not finite or all zeros.
    """
    wide = vectors.astype(np.float64)
    squares = np.einsum("nd,nd->n", wide, wide)
    bad = np.flatnonzero(~np.isfinite(squares) | (squares <= 0))
    if len(bad):
        what = "all zeros" if squares[bad[0]] == 0 else "not finite"
        raise RemoteAnswerError(f"answered with a vector that is {what}, for text {bad[0]} of a request")
    away = np.abs(squares - 1) > _NORMALISED
    if not away.any():
        return vectors
    scaled: NDArray[np.float32] = vectors.copy()
    scaled[away] = (wide[away] / np.sqrt(squares[away])[:, None]).astype(np.float32)
    return scaled


def read_refusal(status: int, content: bytes) -> Refusal:
    """Read an answer that is an error, in OpenAI's schema, FastAPI's, TEI's or none."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return Refusal(status, _start(content) or "without a word")
    error = value.get("error", value) if isinstance(value, dict) else value
    if isinstance(error, str):
        return Refusal(status, error, str(value.get("error_type") or value.get("type") or ""))
    if not isinstance(error, dict):
        return Refusal(status, _start(content))
    message = error.get("message") or error.get("detail") or _start(content)
    code = error.get("code") or error.get("type") or ""
    return Refusal(status, str(message)[:1000], str(code), str(error.get("param") or ""))


def _numbers(value: object, index: int) -> NDArray[np.float32]:
    if isinstance(value, str):
        try:
            content = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise RemoteAnswerError(f"answered with damaged base64 for text {index} of a request") from None
        if not content or len(content) % 4:
            raise RemoteAnswerError(
                f"answered with {len(content)} bytes for text {index} of a request: no vector of float32"
            )
        numbers: NDArray[np.float32] = np.frombuffer(content, "<f4").astype(np.float32)
        return numbers
    if not isinstance(value, list) or not 0 < len(value) < _WIDEST:
        raise RemoteAnswerError(f"answered without a vector for text {index} of a request")
    for number in value:
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not _fits(number):
            raise RemoteAnswerError(
                f"answered with a vector that is not finite numbers, for text {index} of a request"
            )
    return np.array(value, np.float32)


def _fits(number: float) -> bool:
    return abs(number) < 3e38  # which NaN is not


def _tokens(usage: object) -> int | None:
    if not isinstance(usage, dict):
        return None
    for name in ("total_tokens", "prompt_tokens"):
        tokens = usage.get(name)
        if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0:
            return tokens
    return None


def _kind_of(content: bytes) -> str:
    if not content.strip():
        return "nothing"
    return "a page of HTML" if re.match(rb"\s*<(!doctype|html)", content, re.IGNORECASE) else "text"


def _start(content: bytes) -> str:
    text = " ".join(re.sub(r"<[^>]*>", " ", content[:4096].decode("utf-8", "replace")).split())
    return text if len(text) <= _SHOWN else text[:_SHOWN] + " …"
