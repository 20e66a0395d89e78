"""Numbers in forms of their own: shares, fractions, ordinals, discounts, versions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from samesay.decision.reasons.numerals import (
    ENGLISH_NUMBER_WORDS,
    HAN_NUMERAL,
    ORDINALS,
    english_value,
    han_value,
)

_WORDS = "|".join(sorted(ENGLISH_NUMBER_WORDS, key=len, reverse=True))
_ORDINAL = "|".join(ORDINALS)
_HAN = rf"(?:[{HAN_NUMERAL}]{{1,12}}(?:点[{HAN_NUMERAL}]{{1,8}})?|\d+(?:\.\d+)?)"
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8,
          "tenth": 10}  # fmt: skip
_PART = "|".join(_PARTS)

_PATTERNS = {
    "version": re.compile(

        r"(?<![a-z0-9.])v?(\d+(?:\.\d+){2,})(?![a-z0-9])|(?<![a-z])(?:version|release|ver\.?|v\.?|"
        r"版本号?为?)\s?(\d+(?:\.\d+)*)(?!\s?%)"
        r"|(?<![a-z0-9.])(\d+(?:\.\d+)+)\s?(?:版|version)"
    ),
    "share": re.compile(
        rf"百分之(?P<hundredth>{_HAN})|千分之(?P<thousandth>{_HAN})|(?P<lower>{_HAN})分之(?P<upper>{_HAN})"

        rf"|(?P<tenth>[一二三四五六七八九\d])成(?![功立本为就员长交都分]|[\u4e00-\u9fff]?[品])|"
        rf"(?P<half>半数|一半|"
        rf"(?<![a-z])half\s+(?:of|the)(?![a-z]))"

        rf"|(?<![a-z-])(?P<count>an?|one|two|three|four|five|\d)[\s-](?P<part>{_PART})s?(?=\s(?:of|"
        rf"off)\b|[.,;)]|$)"
        rf"|(?<![a-z-])(?P<words>(?:{_WORDS})(?:[\s-](?:{_WORDS}))*)\s(?:percent|per cent)"
        r"|(?<![\d/.])(?P<top>\d)/(?P<bottom>\d)(?![\d/])"
    ),
    "price share": re.compile(
        r"(?P<fold>[一二三四五六七八九]{1,2}|\d(?:\.\d)?)折|(?P<off>\d+(?:\.\d+)?)\s?%\s(?:off|"
        r"discount)"),
    "ordinal": re.compile(
        rf"第(?P<han>[{HAN_NUMERAL}]+|\d+)(?!方)|(?<![\w.])(?P<digits>\d+)(?:st|nd|rd|th)(?![a-z])"

        rf"|(?<=the\s)(?P<after>{_ORDINAL})(?=[\s-][a-z])|(?<=[a-z]\s)(?P<word>{_ORDINAL})(?=\s(?:floor|"
        rf"time|edition|place|row|page|chapter|step|attempt|gate|rank|round|phase|stage))"
    ),
    "times": re.compile(
        r"(?<![a-z])(?P<once>once|twice|thrice)(?=\s(?:an?|per|every|each|daily|weekly|in)\b)"),
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A number in a form of its own, and what it measures."""

    begin: int
    end: int
    dimension: str
    value: Fraction
    shown: str


def special_forms(low: str) -> list[Found]:
    """Find such numbers in a text in lower case; earlier kinds go before later ones."""
    found: list[Found] = []
    for dimension, pattern in _PATTERNS.items():
        for match in pattern.finditer(low):
            if any(match.start() < one.end and one.begin < match.end() for one in found):
                continue
            found += _read(dimension, match)
    return found


def _read(dimension: str, match: re.Match[str]) -> Iterator[Found]:
    groups = {name: value for name, value in match.groupdict().items() if value is not None}
    begin, end = match.span()
    if dimension == "version":
        numbers = [int(one) for one in next(filter(None, match.groups())).split(".")]
        while len(numbers) > 1 and numbers[-1] == 0:
            numbers.pop()
        shown = ".".join(map(str, numbers))
        # A value for sorting and comparing: no component of a version is that large.
        value = Fraction(0)
        for place, number in enumerate(numbers):
            value += Fraction(number, 10 ** (9 * place))
        yield Found(begin, end, dimension, value, f"version {shown}")
        return
    value_found = _READERS[dimension](groups)
    if value_found is not None:
        amount = f"{float(value_found):.6g}"
        shown = {
            "share": amount,
            "price share": f"{amount} of the price",
            "ordinal": f"no. {amount}",
            "times": f"{amount} times",
        }[dimension]
        yield Found(begin, end, dimension, value_found, shown)


def _number(words: str) -> Fraction | None:
    if words[0].isdigit():
        return Fraction(words)
    return english_value(words) if words.isascii() else han_value(words)


def _share(groups: dict[str, str]) -> Fraction | None:
    if "half" in groups:
        return Fraction(1, 2)
    if "part" in groups:
        count = _number(groups["count"])
        return None if count is None else count / _PARTS[groups["part"]]
    if "top" in groups:
        return Fraction(int(groups["top"]), int(groups["bottom"])) if int(groups["bottom"]) else None
    if "upper" in groups:
        upper, lower = _number(groups["upper"]), _number(groups["lower"])
        return upper / lower if upper is not None and lower else None
    for name, parts in (("hundredth", 100), ("thousandth", 1000), ("tenth", 10), ("words", 100)):
        if name in groups:
            value = _number(groups[name])
            return None if value is None else value / parts
    return None


def _price_share(groups: dict[str, str]) -> Fraction | None:
    if "off" in groups:
        return 1 - Fraction(groups["off"]) / 100
    value = _number(groups["fold"])
    if value is None:
        return None
    return value / (100 if value > 10 else 10)


def _ordinal(groups: dict[str, str]) -> Fraction | None:
    for name in ("after", "word"):
        if name in groups:
            return Fraction(ORDINALS[groups[name]])
    return _number(groups.get("han") or groups["digits"])


def _times(groups: dict[str, str]) -> Fraction | None:
    return Fraction({"once": 1, "twice": 2, "thrice": 3}[groups["once"]])


_READERS = {"share": _share, "price share": _price_share, "ordinal": _ordinal, "times": _times}
