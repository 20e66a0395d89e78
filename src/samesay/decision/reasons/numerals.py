"""Numbers in words, Chinese and English, as values."""

from __future__ import annotations

import re
from fractions import Fraction

HAN_DIGITS = {
    character: value
    for value, characters in enumerate(
        ("零〇", "一壹", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
    )
    for character in characters
}
_HAN_SMALL = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_HAN_LARGE = {"万": 10**4, "亿": 10**8}
HAN_NUMERAL = "零〇一二两三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟"

_ENGLISH = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
} | {
    word: 20 + 10 * place
    for place, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    )
}
ENGLISH_SCALES = {
    "hundred": 100,
    "dozen": 12,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
ENGLISH_NUMBER_WORDS = (*_ENGLISH, *ENGLISH_SCALES)
ORDINALS = {
    word: value
    for value, word in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
            "thirteenth",
            "fourteenth",
            "fifteenth",
            "sixteenth",
            "seventeenth",
            "eighteenth",
            "nineteenth",
            "twentieth",
        ],
        1,
    )
}


def han_value(numeral: str) -> Fraction | None:
    """Give the value of a Chinese numeral: ``三千五百``, ``二〇二五``, ``十二``, ``两万五``, ``三点五``."""
    whole, point, decimals = numeral.partition("点")
    if point:
        value = han_value(whole)
        if value is None or not decimals or any(one not in HAN_DIGITS for one in decimals):
            return None
        digits = "".join(str(HAN_DIGITS[one]) for one in decimals)
        return value + Fraction(int(digits), 10 ** len(digits))
    if not whole:
        return None
    if all(one in HAN_DIGITS for one in whole):
        return Fraction(int("".join(str(HAN_DIGITS[one]) for one in whole)))
    return _han_units(whole)


def _han_units(numeral: str) -> Fraction | None:
    total = section = digit = 0
    unit = 1
    for character in numeral:
        if character in HAN_DIGITS:
            digit = HAN_DIGITS[character]
            unit = 10 if digit == 0 else unit
        elif character in _HAN_SMALL:
            unit = _HAN_SMALL[character]
            section += (digit or 1) * unit
            digit = 0
        elif character in _HAN_LARGE:
            unit = _HAN_LARGE[character]
            total = (total + section + digit) * unit if total < unit else total + (section + digit) * unit
            section = digit = 0
        else:
            return None
    # 三千五 is 3500: a last digit counts tenths of the unit before it, unless a zero stands between.
    return Fraction(total + section + (digit * unit // 10 if unit > 10 else digit))


def english_value(words: str) -> Fraction | None:
    """Give the value of an English numeral in lower case: ``two hundred and five``, ``a dozen``."""
    total = current = 0
    seen = False
    for word in re.findall(r"[a-z]+", words):
        if word in ("a", "an") and not seen:
            current = 1
        elif word in _ENGLISH:
            current += _ENGLISH[word]
        elif word in ("hundred", "dozen"):
            current = (current or 1) * ENGLISH_SCALES[word]
        elif word in ENGLISH_SCALES:
            total += (current or 1) * ENGLISH_SCALES[word]
            current = 0
        elif word != "and":
            return None
        seen = True
    return Fraction(total + current) if seen else None
