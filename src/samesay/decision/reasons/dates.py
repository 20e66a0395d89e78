"""Dates and times read from a text, as far as it says them: a weekday, a month and a year, an hour."""

from __future__ import annotations

import re
from dataclasses import dataclass

from samesay.decision.reasons.clock import CLOCK_PATTERNS, read_clock
from samesay.decision.reasons.folding import folded, lowered, span_of
from samesay.decision.reasons.numerals import ORDINALS, han_value
from samesay.decision.reasons.records import Span

Fields = dict[str, int]

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH = (
    "(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)(?![a-z])\.?"
)
_N = "[零〇一二三四五六七八九十]{1,3}"
_YEAR = r"(?:1[5-9]|20)\d\d"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?(?!\d)"
_QUARTER = "first|second|third|fourth|1st|2nd|3rd|4th"
_STEP = {"last": -1, "previous": -1, "this": 0, "next": 1, "coming": 1, "following": 1,
         "上": -1, "去": -1, "本": 0, "这": 0, "今": 0, "下": 1, "明": 1}  # fmt: skip
_DAYS = {"yesterday": -1, "last night": -1, "today": 0, "tonight": 0, "tomorrow": 1, "昨天": -1, "昨日": -1,
         "昨晚": -1, "今天": 0, "今日": 0, "今晚": 0, "今早": 0, "明天": 1, "明日": 1, "明晚": 1, "后天": 2,
         "前天": -2}  # fmt: skip
_PERIODS = {"week": "week", "month": "month", "year": "year", "quarter": "quarter step", "周": "week",
            "星期": "week", "个月": "month", "月": "month", "年": "year", "季度": "quarter step"}  # fmt: skip
_DECADES = {"twenties": 20, "thirties": 30, "forties": 40, "fifties": 50, "sixties": 60, "seventies": 70,
            "eighties": 80, "nineties": 90}  # fmt: skip

_PATTERNS = tuple(re.compile(pattern) for pattern in (
    r"(?<!\d)(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})(?!\d)",

        rf"(?:(?P<year>\d{{4}}|\d\d|[零〇一二三四五六七八九]{{4}})\s?年\s?)?(?P<month>\d{{1,2}}|{_N})\s?月(?:份|底|初|"
        rf"末)?(?:\s?(?P<day>\d{{1,2}}|{_N})\s?[日号])?",
    rf"(?P<year>{_YEAR}|[零〇一二三四五六七八九]{{4}})\s?年(?!级)",

        rf"(?<![\w-])(?P<day>{_DAY})(?:\s?-+\s?\d{{1,2}}(?:st|nd|rd|"
        rf"th)?)?\s(?:of\s)?(?P<month>{_MONTH})(?:\s?,?\s(?P<year>\d{{4}}))?",

        rf"(?<![a-z])(?P<month>{_MONTH})\s(?:the\s)?(?P<day>{_DAY})(?:\s?-+\s?\d{{1,2}}(?!\d))?(?:\s?,?\s"
        rf"(?P<year>\d{{4}}))?(?![:%])",
    rf"(?<![a-z])(?P<month>{_MONTH})\s(?:of\s)?(?P<year>\d{{4}})",
    r"(?<![\d/])(?P<one>\d{1,2})([/.])(?P<other>\d{1,2})\2(?P<year>\d{4})(?!\d)",

        rf"(?:(?<=\bin\s)|(?<=\bby\s)|(?<=\bof\s)|(?<=\bto\s)|(?<=\bfrom\s)|(?<=\blast\s)|(?<=\bnext\s)|"
        rf"(?<=\buntil\s)|(?<=\bsince\s))(?P<month>{_MONTH})",

        r"(?<![a-z])(?P<month>january|february|april|june|july|august|september|october|november|"
        r"december)(?![a-z])",

        r"(?<!\d)(?P<century>\d{1,2})(?:st|nd|rd|th)\s+century|(?P<hancentury>\d{1,2}|"
        r"[一二三四五六七八九十]{1,3})\s?世纪(?!\d|[一二三四五六七八九]十)",
    r"(?<![\d$])(?:(?:1[5-9]|20)|')?(?P<decade>\d0)'?s(?![a-z])|(?<!\d)(?P<handecade>\d0|[二三四五六七八九]十)年代",
    rf"(?<=the\s)(?P<namedecade>{'|'.join(_DECADES)})",

        rf"(?<![a-z\d])q(?P<q>[1-4])(?!\d)|(?P<enq>{_QUARTER})[\s-]quarter(?!s?\sof\s(?:all|"
        rf"the\s(?!year)))|第?(?P<hanq>[一二三四1-4])季度",

        r"(?<![a-z\d])h(?P<h>[12])(?=\s)|(?P<enh>first|second)\shalf(?=\sof\s(?:the\syear|(?:1|2)\d{3}|"
        r"this|last|next))|(?P<hanh>[上下])半年",

        r"(?:(?P<step>last|next|this)\s)?(?<![a-z])(?P<weekday>monday|tuesday|wednesday|thursday|friday|"
        r"saturday|sunday)s?(?![a-z])",
    r"(?P<step>上|下|本|这)?(?<![一二两三四五六七八九十几\d])(?:个)?(?:周|星期|礼拜)(?P<hanweekday>[一二三四五六日天])(?![次天个年月周])",

        rf"(?<![a-z])(?P<relative>{'|'.join(name for name in _DAYS if name.isascii())})(?![a-z'])|"
        rf"(?P<hanrelative>{'|'.join(name for name in _DAYS if not name.isascii())})",

        r"(?<![a-z])(?P<step>last|this|next|previous|coming|following)\s(?P<period>week|month|year|"
        r"quarter)(?![a-z])",
    r"(?P<step>[上本这下])(?:一)?(?P<period>周(?!转|[一-日])|星期|个月|月(?![\d一-十])|季度|年度?(?!级))|(?P<yearstep>[去今明])年",

        rf"(?<![\d$])(?P<year>{_YEAR})(?=\s?(?:-+|~)\s?(?:{_YEAR}|\d\d)(?![\d-]))|(?:(?<=\d-)|"
        rf"(?<=-\s))(?P<lastyear>{_YEAR})(?![\d-])",

        rf"(?<=\bin\s)(?P<year>{_YEAR})(?![\d%])(?!\s(?!(?:the|and|by|to|with|at|he|she|it|we|they|for|"
        rf"as|was|is|or|after|when|on|from)\b)[a-z])",

        rf"\b(?:since|until|till|by|from|of|before|after|during|year|early|late|mid|summer|winter|"
        rf"spring|autumn|fall|between|and|to|h[12]|"
        rf"q[1-4])[\s-](?P<year>{_YEAR})(?![\d%,.]*\d)(?!\s(?!(?:the|and|by|to|with|at|he|she|it|we|"
        rf"they|for|as|was|is|or|after|when|on|from|revenue|will)\b)[a-z])",
    r"(?<![\d\w-])(?P<handay>\d{1,2})\s?[日号](?![楼线院门馆码机店桌房库井台字零员车厅卡文公])",
))  # fmt: skip


@dataclass(frozen=True)
class Moment:
    """A date or time, as far as a text says it.

    Attributes:
        span: Where it stands.
        readings: What it may be: 3:00 may be in the morning or in the afternoon. Fields by name.
        shown: For people.
    """

    span: Span
    readings: tuple[tuple[tuple[str, int], ...], ...]
    shown: str

    @property
    def fields(self) -> frozenset[str]:
        """What it says something about."""
        return frozenset(name for reading in self.readings for name, _ in reading)

    def agrees(self, other: Moment) -> bool:
        """Whether some reading of both says the same of all that both speak of."""
        return any(
            all(dict(theirs).get(name, value) == value for name, value in mine)
            for mine in self.readings
            for theirs in other.readings
        )


def moments_of(text: str) -> tuple[Moment, ...]:
    """Read the dates and times of a text, in order; no two overlap."""
    low = lowered(folded(text))
    found: list[Moment] = []
    for pattern in CLOCK_PATTERNS:
        for match in pattern.finditer(low):
            _add(found, text, match, read_clock(match))
    for pattern in _PATTERNS:
        for match in pattern.finditer(low):
            if _is_modal(text, match):
                continue
            _add(found, text, match, _read({k: v for k, v in match.groupdict().items() if v is not None}))
    return tuple(sorted(found, key=lambda one: one.span))


def _add(found: list[Moment], text: str, match: re.Match[str], readings: list[Fields]) -> None:
    begin, end = match.span()
    while end > begin and text[end - 1].isspace():
        end -= 1
    if readings and not any(begin < one.span.end and one.span.begin < end for one in found):
        ordered = tuple(tuple(sorted(reading.items())) for reading in readings)
        found.append(Moment(span_of(text, begin, end), ordered, _shown(readings)))


def _is_modal(text: str, match: re.Match[str]) -> bool:
    """Whether "may" or "march" stands in lower case: a word, no month."""
    month = match["month"] if "month" in match.re.groupindex else None
    return month in ("may", "march", "mar") and not text[match.start("month")].isupper()


def _number(words: str) -> int:
    digits = re.match(r"\d+", words)
    if digits:
        return int(digits[0])
    value = han_value(words)
    return -1 if value is None else int(value)


def _read(groups: dict[str, str]) -> list[Fields]:
    if "one" in groups:
        return _ambiguous(int(groups["one"]), int(groups["other"]), int(groups["year"]))
    fields: Fields = {}
    for name in ("year", "lastyear", "day", "handay", "century", "hancentury"):
        if name in groups:
            fields[name.removeprefix("han").removeprefix("last")] = _number(groups[name])
    month = groups.get("month")
    if month:
        fields["month"] = _month(month)
    if 0 <= fields.get("year", -1) < 100:
        fields["year"] += 2000
    fields.update(_period(groups))
    valid = 1 <= fields.get("month", 1) <= 12 and 1 <= fields.get("day", 1) <= 31
    return [fields] if fields and valid else []


def _period(groups: dict[str, str]) -> Fields:
    fields: Fields = {}
    if decade := groups.get("decade") or groups.get("handecade"):
        fields["decade"] = _number(decade)
    if "namedecade" in groups:
        fields["decade"] = _DECADES[groups["namedecade"]]
    if quarter := groups.get("q") or groups.get("hanq") or groups.get("enq"):
        fields["quarter"] = ORDINALS.get(quarter) or _number(quarter)
    if half := groups.get("h") or groups.get("hanh") or groups.get("enh"):
        fields["half"] = {"上": 1, "下": 2, "first": 1, "second": 2}.get(half) or int(half)
    if "weekday" in groups:
        fields["weekday"] = _WEEKDAYS.index(groups["weekday"]) + 1
    if "hanweekday" in groups:
        fields["weekday"] = "一二三四五六日天".index(groups["hanweekday"]) % 7 + 1
        fields["weekday"] = 7 if groups["hanweekday"] == "天" else fields["weekday"]
    if relative := groups.get("relative") or groups.get("hanrelative"):
        fields["days from today"] = _DAYS[relative]
    if "yearstep" in groups:
        fields["years from now"] = _STEP[groups["yearstep"]]
    elif "period" in groups:
        name = _PERIODS[
            groups["period"].removesuffix("度") if groups["period"] == "年度" else groups["period"]
        ]
        fields[f"{name.removesuffix(' step')}s from now"] = _STEP[groups["step"]]
    elif "step" in groups:
        fields["weeks from now"] = _STEP[groups["step"]]
    return fields


def _month(words: str) -> int:
    for place, name in enumerate(_MONTHS, 1):
        if name.startswith(words.rstrip(".")[:3]) and words[0].isascii() and words[0].isalpha():
            return place
    return _number(words)


def _ambiguous(one: int, other: int, year: int) -> list[Fields]:
    """05/17/2023 is American, 17/05/2023 is not, and 05/06/2023 may be either."""
    readings = [{"year": year, "month": month, "day": day} for month, day in ((one, other), (other, one))]
    valid = [one for one in readings if 1 <= one["month"] <= 12 and 1 <= one["day"] <= 31]
    return valid[:1] if len(valid) == 2 and valid[0] == valid[1] else valid


def _shown(readings: list[Fields]) -> str:
    fields = readings[0]
    parts = []
    date = [f"{fields[name]:02d}" if name in fields else "" for name in ("year", "month", "day")]
    if any(date):
        parts.append("-".join(one or "?" for one in date).removesuffix("-?").removesuffix("-?"))
    if "time" in fields:
        parts.append(" or ".join(f"{one['time'] // 60:02d}:{one['time'] % 60:02d}" for one in readings))
    if "weekday" in fields:
        parts.append(_WEEKDAYS[fields["weekday"] - 1].capitalize())
    known = ("year", "month", "day", "time", "weekday")
    parts += [f"{name} {value}" for name, value in fields.items() if name not in known]
    return ", ".join(parts)
