"""Filters over metadata as Qdrant's own conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from samesay.collection.cluster.points import field_key
from samesay.collection.filters import Filter
from samesay.errors import FilterError

if TYPE_CHECKING:
    from qdrant_client import models

_COMPARISONS = ("gt", "gte", "lt", "lte")


def condition_of(where: Filter) -> models.Filter:
    """Give a checked filter as a condition that lets the same documents through.

    Raises:
        FilterError: It compares strings by their order, or names a field that Qdrant cannot name.
    """
    from qdrant_client import models

    parts: list[models.Condition] = []
    for key, value in where.items():
        if key in ("and", "or"):
            inner: list[models.Condition] = [condition_of(one) for one in cast("list[Filter]", value)]
            parts.append(models.Filter(must=inner) if key == "and" else models.Filter(should=inner))
        elif key == "not":
            parts.append(models.Filter(must_not=[condition_of(cast("Filter", value))]))
        elif isinstance(value, Mapping):
            parts.extend(_operator(key, operator, operand) for operator, operand in value.items())
        else:
            parts.append(_equal(key, value))
    return models.Filter(must=parts)


def _operator(field: str, operator: str, operand: object) -> models.Condition:
    from qdrant_client import models

    if operator == "in":
        values = cast("list[object]", operand)
        if not values:
            return models.HasIdCondition(has_id=[])
        return models.Filter(should=[_equal(field, one) for one in values])
    if operator == "exists":
        there = _exists(field)
        return there if operand else models.Filter(must_not=[there])
    if operator == "ne":
        return models.Filter(must_not=[_equal(field, operand)])
    if operator in _COMPARISONS:
        if not isinstance(operand, int | float):
            raise FilterError(
                f"{field!r}: in a Qdrant cluster {operator!r} compares numbers, not {operand!r:.80}"
            )
        return models.FieldCondition(key=_key(field), range=models.Range(**{operator: operand}))
    return _equal(field, operand)


def _equal(field: str, value: object) -> models.Condition:
    from qdrant_client import models

    key = _key(field)
    if value is None:
        return models.IsNullCondition(is_null=models.PayloadField(key=key))
    if isinstance(value, bool | str):
        return models.FieldCondition(key=key, match=models.MatchValue(value=value))
    # 1 and 1.0 are one value, as everywhere; a match would tell them apart.
    number = float(cast("float", value))
    return models.FieldCondition(key=key, range=models.Range(gte=number, lte=number))


def _exists(field: str) -> models.Condition:
    from qdrant_client import models

    key = _key(field)
    filled = models.Filter(must_not=[models.IsEmptyCondition(is_empty=models.PayloadField(key=key))])
    if field in ("title", "language"):
        return filled
    null = models.IsNullCondition(is_null=models.PayloadField(key=key))
    return models.Filter(should=[filled, null])


def _key(field: str) -> str:
    if '"' in field or "\\" in field:
        raise FilterError(f"{field!r} is a name that a Qdrant cluster cannot filter by")
    return field_key(field)
