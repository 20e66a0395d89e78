"""From JSON to frozen dataclasses, taking nothing that the dataclass does not say."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints


def decode(kind: object, value: object, where: str) -> Any:
    """Give ``value`` as ``kind``: str, int, float, None, Literal, tuple, union or dataclass of these.

    Raises:
        ValueError: It is not one; the message says where and why.
    """
    if is_dataclass(kind):
        return _record(cast(type, kind), value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _one_of(arguments, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where} should be a list")
        return tuple(decode(arguments[0], one, f"{where}[{place}]") for place, one in enumerate(value))
    if origin is Literal:
        if isinstance(value, str) and value in arguments:
            return value
        raise ValueError(f"{where} is {value!r}; it should be one of {', '.join(map(str, arguments))}")
    return _plain(kind, value, where)


def _plain(kind: object, value: object, where: str) -> object:
    if kind in (None, NoneType) and value is None:
        return None
    if kind is str and isinstance(value, str):
        return value
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}")
        return float(value)
    wanted = {str: "text", int: "a whole number", float: "a number"}.get(cast(type, kind), "null")
    raise ValueError(f"{where} should be {wanted}")


def _one_of(kinds: tuple[object, ...], value: object, where: str) -> object:
    if value is None and NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not NoneType]
    problem = ValueError(f"{where} is none of what it may be")
    for kind in others:
        try:
            return decode(kind, value, where)
        except ValueError as error:
            # Of a union of records the one that the value names is the one to speak of.
            named = isinstance(value, dict) and value.get("method") in get_args(
                get_type_hints(kind).get("method") if is_dataclass(kind) else None
            )
            if named or len(others) == 1:
                problem = error
    raise problem


def _record(kind: type, value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise ValueError(f"{where} should be an object")
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    for name in names:
        if name not in value:
            raise ValueError(f"{where} has no {name!r}")
    for name in value:
        if name not in names:
            raise ValueError(f"{where} has {name!r}, which does not belong there")
    return kind(**{name: decode(hints[name], value[name], f"{where}.{name}") for name in names})
