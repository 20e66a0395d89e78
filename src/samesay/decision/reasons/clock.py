"""Times of day, read from a match of a pattern."""

from __future__ import annotations

import re

from samesay.decision.reasons.numerals import english_value, han_value

_HAN = "[一二两三四五六七八九十]{1,3}"
_PART_OF_DAY = "凌晨|清晨|早上|早晨|上午|中午|下午|午后|傍晚|晚上|晚间|夜里|夜间|早|晚"
_HOURS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_HALF = r"a\.m\.?|p\.m\.?|am|pm"

CLOCK_PATTERNS = tuple(re.compile(pattern) for pattern in (

        rf"(?<![\d.])(?P<first>\d{{1,2}})(?::(?P<firstminute>\d\d))?(?=\s?(?:-|to|"
        rf"~)\s?\d{{1,2}}(?::\d\d)?\s?(?P<half>{_HALF})(?![a-z]))",
    rf"(?<![\d.:])(?P<hour>\d{{1,2}})(?::(?P<minute>\d\d))?(?::\d\d)?\s?(?P<half>{_HALF})(?![a-z])",
    rf"(?:(?P<part>{_PART_OF_DAY})\s?)?(?<![\d:.])(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?::\d\d)?(?![\d:])",

        rf"(?:(?P<part>{_PART_OF_DAY})\s?)(?<![\d.])(?P<hour>\d{{1,2}}|{_HAN})\s?[点时](?P<minute>半|一刻|三刻|"
        rf"(?:\d{{1,2}}|[一二三四五]?十?[一二三四五六七八九]?)分?)?",

        rf"(?<![\d.第有几这那零])(?P<hour>\d{{1,2}}|{_HAN})\s?(?:点|时(?=\d|"
        rf"[一二三四五]?十[一二三四五六七八九]?分))(?:(?P<minute>半|一刻|三刻|\d{{1,2}}分?|[一二三四五]?十[一二三四五六七八九]?分?)|钟|整|"
        rf"(?=[前后到至\-~起开结出关营,。;!?]|$))",
    rf"(?<![a-z])(?P<shift>half past|quarter past|quarter to)\s(?P<word>{_HOURS}|\d{{1,2}})(?![a-z])",

        rf"(?P<word>{_HOURS})\so'clock|(?<=\bat\s)(?P<atword>{_HOURS})(?=\s(?:in the (?:morning|"
        rf"afternoon|evening)|sharp))",
    r"(?<![a-z])(?P<named>noon|midday|midnight)(?![a-z])|(?P<hannamed>正午|午夜|零点)",
))  # fmt: skip

_MORNING = ("凌晨", "清晨", "早上", "早晨", "上午", "早")


def read_clock(match: re.Match[str]) -> list[dict[str, int]]:
    """Give the readings of a match, as minutes since midnight; none where it is no time."""
    groups = {name: value for name, value in match.groupdict().items() if value is not None}
    if "named" in groups or "hannamed" in groups:
        noon = groups.get("named", groups.get("hannamed")) in ("noon", "midday", "正午")
        return [{"time": 720}] if noon else [{"time": 0}, {"time": 1440}]
    hour = _number(groups.get("first") or groups.get("hour") or groups.get("word") or groups["atword"])
    minute = _minute(groups.get("firstminute") or groups.get("minute") or "")
    if "shift" in groups:
        minute = {"half past": 30, "quarter past": 15, "quarter to": -15}[groups["shift"]]
    if not (0 <= hour <= 24 and -60 < minute < 60):
        return []
    half = groups.get("half", "")[:1]
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
        return [{"time": hour * 60 + minute}]
    return _by_part_of_day(groups.get("part", ""), hour, minute)


def _by_part_of_day(part: str, hour: int, minute: int) -> list[dict[str, int]]:
    if (part == "中午" and hour < 11) or (part and part not in _MORNING and part != "中午" and hour < 12):
        hour += 12
    elif part in ("晚上", "夜里", "夜间") and hour == 12:
        return [{"time": minute}, {"time": 1440 + minute}]
    if part or hour > 12 or hour == 0:
        return [{"time": hour * 60 + minute}]
    return [{"time": hour * 60 + minute}, {"time": (hour + 12) % 24 * 60 + minute}]


def _minute(words: str) -> int:
    words = words.removesuffix("分")
    if not words:
        return 0
    if words in ("半", "一刻", "三刻"):
        return {"半": 30, "一刻": 15, "三刻": 45}[words]
    return _number(words)


def _number(words: str) -> int:
    if words.isdigit():
        return int(words)
    value = english_value(words) if words.isascii() else han_value(words)
    return -1 if value is None else int(value)
