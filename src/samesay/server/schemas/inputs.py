"""Texts and token ids as requests give them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from samesay.server.strict_json import kind_of

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_TOKEN: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}


def _list_of(entry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": entry, "minItems": 1}


def check_text(value: object, name: str) -> str:
    """Give the value, which must be a string that is not empty."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string, not {kind_of(value)}")
    if not value:
        raise ValueError(f"{name} must not be an empty string")
    return value


def check_texts(value: object, name: str) -> list[str]:
    """Give the value, which must be an array of strings."""
    if not isinstance(value, list):
        raise ValueError(f"{name} must be an array of strings, not {kind_of(value)}")
    if not value:
        raise ValueError(f"{name} must not be an empty array")
    for index, entry in enumerate(value):
        check_text(entry, f"{name}[{index}]")
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_token_ids(value: object, name: str) -> list[int]:
    if not isinstance(value, list):
        raise ValueError(f"{name} must be an array of token ids like those before it, not {kind_of(value)}")
    if not value:
        raise ValueError(f"{name} must not be an empty array")
    for index, entry in enumerate(value):
        if not _is_whole(entry):
            raise ValueError(
                f"{name}[{index}] must be a token id, which is a whole number, not {kind_of(entry)}"
            )
    return value


def check_input(value: object) -> str | list[str] | list[int] | list[list[int]]:
    """Give the value, which must be a text, texts, token ids, or several lists of them."""
    if isinstance(value, str):
        return check_text(value, "input")
    if not isinstance(value, list):
        raise ValueError(
            "input must be a string, an array of strings, an array of token ids or an array of such arrays, "
            f"not {kind_of(value)}"
        )
    if value and _is_whole(value[0]):
        return _check_token_ids(value, "input")
    if value and isinstance(value[0], list):
        return [_check_token_ids(entry, f"input[{index}]") for index, entry in enumerate(value)]
    return check_texts(value, "input")


def check_pairs(value: object) -> list[list[str]]:
    """Give the value, which must be pairs of texts."""
    if not isinstance(value, list):
        raise ValueError(f"pairs must be an array of pairs of strings, not {kind_of(value)}")
    if not value:
        raise ValueError("pairs must not be an empty array")
    for index, pair in enumerate(value):
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError(f"pairs[{index}] must be an array of two strings")
        check_texts(pair, f"pairs[{index}]")
    return value


TextInput = Annotated[
    str | list[str],
    PlainValidator(
        lambda value: check_text(value, "input") if isinstance(value, str) else check_texts(value, "input")
    ),
    WithJsonSchema({"anyOf": [_TEXT, _list_of(_TEXT)]}),
]
Input = Annotated[
    str | list[str] | list[int] | list[list[int]],
    PlainValidator(check_input),
    WithJsonSchema({"anyOf": [_TEXT, _list_of(_TEXT), _list_of(_TOKEN), _list_of(_list_of(_TOKEN))]}),
]
Pairs = Annotated[
    list[list[str]],
    PlainValidator(check_pairs),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2},
            "minItems": 1,
        }
    ),
]

LeftTexts = Annotated[
    list[str],
    PlainValidator(lambda value: check_texts(value, "left")),
    WithJsonSchema(_list_of(_TEXT)),
]
RightTexts = Annotated[
    list[str],
    PlainValidator(lambda value: check_texts(value, "right")),
    WithJsonSchema(_list_of(_TEXT)),
]
