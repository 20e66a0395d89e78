"""One spelling of what is written in several ways, character for character, so that places stay the same."""

from __future__ import annotations

import re

from samesay.decision.reasons.records import Span

HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
HAN_CHARACTER = re.compile(f"[{HAN}]")

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_MARKS = {
    "\u3000": " ",
    "\u00a0": " ",
    "\u202f": " ",
    "\u2009": " ",
    "\u2019": "'",
    "\u2018": "'",
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2212": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\uffe5": "¥",
    "\u223c": "~",
}
_TABLE: dict[int, int | str] = {**_WIDE, **{ord(mark): plain for mark, plain in _MARKS.items()}}


def folded(text: str) -> str:
    """Give the text with narrow forms, plain dashes, quotes and spaces; as long as it was."""
    return text.translate(_TABLE)


def lowered(text: str) -> str:
    """Give the text in lower case, as long as it was: a character whose lower case is longer stays."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(one if len(one.lower()) != 1 else one.lower() for one in text)


def is_chinese(text: str) -> bool:
    """Whether a text is Chinese rather than English: by its letters, a Han character counting for three."""
    han = len(HAN_CHARACTER.findall(text))
    latin = sum(character.isalpha() for character in text) - han
    return han * 3 > latin


def span_of(text: str, begin: int, end: int) -> Span:
    """Give a part of a text."""
    return Span(begin, end, text[begin:end])
