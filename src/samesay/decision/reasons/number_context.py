"""What stands beside a number: bounds, and what is counted."""

from __future__ import annotations

import re
from typing import Literal

from samesay.decision.reasons.stems import stem
from samesay.decision.reasons.words import FUNCTION_WORDS

Bound = Literal["", ">", "<"]

_HIGH = re.compile(
    r"(?:more than|over|above|at least|no (?:less|fewer) than|not (?:less|fewer) than|minimum of|exceed\w*|"
    r"upwards of|>=?|≥|超过|多于|高于|大于|至少|最少|不少于|不低于|不小于|逾|突破|超)\s*(?:the\s+|了)?$"
)
_LOW = re.compile(
    r"(?:(?<!no )(?<!not )(?:less|fewer) than|under|below|up to|at most|no more than|not more than|"
    r"maximum of|within|"
    r"not exceed\w*|<=?|≤|(?<!不)(?:少于|低于|小于)|至多|最多|不超过|不得超过|不高于|不多于|不大于|"
    r"不到|不足|上限为?)\s*$"
)
_HIGH_AFTER = re.compile(r"\s?(?:以上|or more|or longer|or above|多(?=[^少])|余|\+)")
_LOW_AFTER = re.compile(r"\s?(?:以下|以内|之内|or less|or fewer)")
_ABOUT = re.compile(
    r"(?:about|around|approximately|roughly|some|nearly|almost|circa|约|大约|近|将近|接近|差不多)\s*$"
)
_ABOUT_AFTER = re.compile(r"\s?(?:左右|上下|or so)")


def nouns_after(low: str, end: int) -> frozenset[str]:
    """Give stems of what is counted, or Chinese characters, that stand right behind a number."""
    rest = low[end : end + 40]
    if re.match(r"\s?[\u4e00-\u9fff]", rest):
        return frozenset(re.sub(r"[^\u4e00-\u9fff].*", "", rest.strip())[:3])
    words = re.findall(r"[a-z']+", re.split(r"[.,;:!?()]", rest)[0])
    return frozenset(stem(word) for word in words[:3] if word not in FUNCTION_WORDS)


def bound_of(low: str, begin: int, end: int) -> tuple[Bound, bool]:
    """Say whether a number is a lower or upper bound, and whether it is given as rough."""
    before, after = low[max(0, begin - 24) : begin], low[end : end + 12]
    about = bool(_ABOUT.search(before) or _ABOUT_AFTER.match(after))
    if _LOW.search(before) or _LOW_AFTER.match(after):
        return "<", about
    if _HIGH.search(before) or _HIGH_AFTER.match(after) or low[end - 1 : end] in ("多", "余"):
        return ">", about
    inner = low[begin:end]
    return (">" if re.search(r"\d[多余]|[十百千万亿][多余]", inner) else ""), about
