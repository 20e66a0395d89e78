"""JSON of a stranger: one meaning or none."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from samesay.server.problems import Problem, invalid

# No number of a request needs more digits, and Python takes quadratic time for very long ones.
_MOST_DIGITS = 20
_MOST_KEYS = 32
_SHOWN = 40


def parse_object(body: bytes) -> dict[str, Any]:
    """Read a body as a JSON object.

    Raises:
        Problem: For bytes that are not UTF-8, and for what is not JSON, not an object, or ambiguous: NaN and
            Infinity, a key twice, half of a surrogate pair.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid(
            f"the body is not valid UTF-8: byte {error.start} is 0x{body[error.start]:02x}"
        ) from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise invalid(f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise invalid("the body is not what any request looks like: JSON nested too deeply") from None
    if not isinstance(value, dict):
        raise invalid(f"the body must be a JSON object, not {kind_of(value)}")
    if len(value) > _MOST_KEYS:
        raise invalid(f"the body has {len(value)} keys; no request has more than {_MOST_KEYS}")
    # Only an escape can bring a lone surrogate: the bytes were valid UTF-8.
    if "\\ud" in text or "\\uD" in text:
        _require_unicode(value, "")
    return value


def kind_of(value: object) -> str:
    """Name the kind of a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def shortened(text: str) -> str:
    """Show a stranger's string in a message: quoted, and not at any length."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise invalid(f"the key {_safely(shortened(key))} is there more than once")
            seen.add(key)
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise invalid(f"the body is not valid JSON: {name} is not a JSON number")


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise invalid(
            f"a number in the body has {len(digits)} digits; at most {_MOST_DIGITS} make sense here"
        )
    return int(digits)


def _finite_number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise invalid(f"the number {shortened(digits)} in the body is too large")
    return number


def _require_unicode(value: object, place: str) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise _surrogate(place, error.start) from None
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            _require_unicode(entry, f"{place}[{index}]")
    elif isinstance(value, dict):
        for key, entry in value.items():
            _require_unicode(key, "a key")
            _require_unicode(entry, key)


def _surrogate(place: str, start: int) -> Problem:
    return invalid(
        f"{_safely(place)} is not valid Unicode: half of a surrogate pair at character {start}",
        place if place.isidentifier() else None,
    )


def _safely(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


# Made once: making it takes longer than it takes to read a small body.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_refuse_constant,
    parse_int=_whole_number,
    parse_float=_finite_number,
)
