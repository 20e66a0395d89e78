"""What people give for numbers and ids, as the values that are meant, or an error in words."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from numbers import Real

from samesay.errors import DocumentError, SearchError


def whole_number(value: object) -> int | None:
    """Give a whole number of any kind, NumPy's too; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def real_number(value: object) -> float | None:
    """Give a number of any kind that is not NaN; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(value):
        return None
    return float(value)


def id_text(value: object) -> str | None:
    """Give the id that is meant, or None for a text that can be no document's.

    Raises:
        DocumentError: It is no text; a whole number stands for its digits.
    """
    number = whole_number(value)
    text = value if number is None else str(number)
    if not isinstance(text, str):
        raise DocumentError(f"an id is a string, not {type(value).__name__}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return text


def id_texts(ids: object) -> list[str]:
    """Give the ids that are meant, each once, without those that can be no document's.

    Raises:
        DocumentError: They are no strings.
    """
    if not isinstance(ids, Iterable) or isinstance(ids, bytes):
        raise DocumentError(f"ids are a list of strings, not {type(ids).__name__}")
    found = [id_text(one) for one in ([ids] if isinstance(ids, str) else ids)]
    return list(dict.fromkeys(one for one in found if one is not None))


def query_texts(query: object) -> list[str]:
    """Give the queries that are meant: one, or several.

    Raises:
        SearchError: They are no strings, or empty, or not valid Unicode.
    """
    if not isinstance(query, Iterable) or isinstance(query, bytes):
        raise SearchError(f"a query is a string, or a list of strings, not {type(query).__name__}")
    queries = [query] if isinstance(query, str) else list(query)
    for one in queries:
        if not isinstance(one, str):
            raise SearchError(f"a query is a string, not {type(one).__name__}")
        if not one.strip():
            raise SearchError("the query is empty")
        try:
            one.encode("utf-8")
        except UnicodeEncodeError as error:
            raise SearchError(
                f"the query is not valid Unicode: character {error.start} is half of a surrogate pair"
            ) from None
    return queries
