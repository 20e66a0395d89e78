"""Filters over metadata: small expressions of dicts and lists, checked, and the documents they leave.

``{"topic": "storage"}``, ``{"year": {"gte": 2020, "lt": 2023}}``, ``{"language": {"in": ["en", "zh"]}}``,
``{"draft": {"exists": false}}``, and these joined by ``and``, ``or`` and ``not``. Every value reaches the
database as a bound parameter, never as part of a statement, and every store gets the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from samesay.collection.catalogue import Catalogue, typed
from samesay.errors import FilterError

Filter = Mapping[str, object]

_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_OPERATORS = ("eq", "ne", "in", "exists", *_COMPARISONS)
_DEEPEST = 50
_LARGEST_INTEGER = 2**63
Documents = NDArray[np.bool_]


def check_filter(where: object, depth: int = 0) -> None:
    """Refuse what is not a filter.

    Raises:
        FilterError: The message says which part and what may stand there.
    """
    if not isinstance(where, Mapping):
        raise FilterError(f'a filter is an object such as {{"topic": "storage"}}, not {where!r:.80}')
    if depth > _DEEPEST:
        raise FilterError(f"the filter is nested more than {_DEEPEST} levels deep")
    if not where:
        raise FilterError("the filter is empty; leave it out to search everything")
    for key, value in where.items():
        if key in ("and", "or"):
            if not isinstance(value, list) or not value:
                raise FilterError(f"{key!r} wants a list of filters, not {value!r:.80}")
            for one in value:
                check_filter(one, depth + 1)
        elif key == "not":
            check_filter(value, depth + 1)
        else:
            _check_field(key, value)


def matching(catalogue: Catalogue, where: Filter, alive: Documents) -> Documents:
    """Say of each document, by number, whether the filter lets it through; inside ``reading``.

    A field that holds a list matches where one of its values does. A number never equals a string or
    a boolean, and ``gt`` and its kin compare within one kind only. ``ne`` and ``not`` also match documents
    that have no such field.
    """
    result: Documents = alive.copy()
    for key, value in where.items():
        if key == "and":
            for one in cast("list[Filter]", value):
                result &= matching(catalogue, one, alive)
        elif key == "or":
            either = np.zeros_like(alive)
            for one in cast("list[Filter]", value):
                either |= matching(catalogue, one, alive)
            result &= either
        elif key == "not":
            result &= ~matching(catalogue, cast("Filter", value), alive)
        elif isinstance(value, Mapping):
            for operator, operand in value.items():
                result &= _matching_operator(catalogue, key, operator, operand, alive)
        else:
            result &= _compared(catalogue, key, "=", value, alive)
    return result


def _matching_operator(
    catalogue: Catalogue, field: str, operator: str, operand: object, alive: Documents
) -> Documents:
    if operator == "in":
        found = np.zeros_like(alive)
        for one in cast("list[object]", operand):
            found |= _compared(catalogue, field, "=", one, alive)
        return found
    if operator == "exists":
        found = _marked(catalogue, "SELECT document FROM metadata WHERE field = ?", (field,), alive)
        if field in ("title", "language"):
            found &= ~_compared(catalogue, field, "=", None, alive)
        return found if operand else alive & ~found
    if operator == "ne":
        return alive & ~_compared(catalogue, field, "=", operand, alive)
    return _compared(catalogue, field, _COMPARISONS.get(operator, "="), operand, alive)


def _compared(catalogue: Catalogue, field: str, sign: str, operand: object, alive: Documents) -> Documents:
    kind, value = typed(operand)
    statement = f"SELECT document FROM metadata WHERE field = ? AND kind = ? AND value {sign} ?"  # noqa: S608
    return _marked(catalogue, statement, (field, kind, value), alive)


def _marked(catalogue: Catalogue, statement: str, values: tuple[object, ...], alive: Documents) -> Documents:
    found = catalogue.database.execute(statement, values).fetchall()
    marked = np.zeros_like(alive)
    marked[np.array(found, np.int64).reshape(-1)] = True
    result: Documents = marked & alive
    return result


def _check_field(field: object, condition: object) -> None:
    if not isinstance(field, str) or not field:
        raise FilterError(f"{field!r} is not the name of a field")
    _check_text(field, "the name of a field")
    if not isinstance(condition, Mapping):
        _check_value(field, "eq", condition)
        return
    if not condition:
        raise FilterError(f"{field!r} has no condition; write one of {', '.join(_OPERATORS)}")
    for operator, operand in condition.items():
        if operator not in _OPERATORS:
            raise FilterError(f"{field!r}: {operator!r} is not one of {', '.join(_OPERATORS)}")
        if operator == "in":
            if not isinstance(operand, list):
                raise FilterError(f"{field!r}: 'in' wants a list of values, not {operand!r:.80}")
            for one in operand:
                _check_value(field, operator, one)
        elif operator == "exists":
            if not isinstance(operand, bool):
                raise FilterError(f"{field!r}: 'exists' wants true or false, not {operand!r:.80}")
        else:
            _check_value(field, operator, operand)


def _check_value(field: str, operator: str, value: object) -> None:
    if isinstance(value, str):
        _check_text(value, f"{field!r}: the value")
        return
    if operator in _COMPARISONS and (value is None or isinstance(value, bool)):
        raise FilterError(f"{field!r}: {operator!r} compares numbers or strings, not {value!r}")
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int) and -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        return
    if isinstance(value, float) and math.isfinite(value):
        return
    raise FilterError(f"{field!r}: {value!r:.80} is not a string, number, boolean or null to compare with")


def _check_text(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise FilterError(f"{what} is not valid Unicode") from None
