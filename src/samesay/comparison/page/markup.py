"""HTML and SVG from parts: whatever is not markup made here is text, and escaped."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Mapping

Attributes = Mapping[str, str | float]
_ALONE = frozenset({"br", "circle", "line", "meta", "path", "rect", "col"})
_KEPT = frozenset("\t\n")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Part = str | Markup


def tag(name: str, attributes: Attributes, *parts: Part) -> Markup:
    """Give an element; parts that are no ``Markup`` are escaped."""
    given = "".join(f' {key}="{_attribute(value)}"' for key, value in attributes.items())
    if name in _ALONE:
        return Markup(f"<{name}{given}>" if name in ("br", "meta", "col") else f"<{name}{given}/>")
    return Markup(f"<{name}{given}>{join(parts)}</{name}>")


def join(parts: Iterable[Part]) -> Markup:
    """Give parts one after the other, escaped where they are no markup."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def escape(text: str) -> Markup:
    """Give text as HTML shows it; characters that a page must not have become U+FFFD."""
    shown = "".join(
        one if one in _KEPT or unicodedata.category(one) not in ("Cc", "Cs") else "�" for one in text
    )
    return Markup(html.escape(shown, quote=True))


def foreign(text: str) -> Markup:
    """Give text of the user's, whose direction must not reach beyond it."""
    return tag("bdi", {}, text)


def _attribute(value: str | float) -> str:
    if isinstance(value, float):
        return f"{round(value, 2):g}"
    return escape(str(value))
