"""Numbers with what they count or measure, read from a text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from samesay.decision.reasons.folding import folded, lowered, span_of
from samesay.decision.reasons.number_context import Bound, bound_of, nouns_after
from samesay.decision.reasons.number_forms import Found, special_forms
from samesay.decision.reasons.numerals import ENGLISH_NUMBER_WORDS, HAN_NUMERAL, english_value, han_value
from samesay.decision.reasons.records import Span
from samesay.decision.reasons.units import CURRENCY_SIGNS, Unit, unit_at, unit_named

Taken = tuple[tuple[int, int], ...]

_WORDS = "|".join(sorted(ENGLISH_NUMBER_WORDS, key=len, reverse=True))
_NUMERAL = re.compile(
    r"(?<![\w.])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?)"
    rf"|(?<![a-z'-])(?P<words>(?:an?\s+(?=hundred|dozen|thousand|million|billion|trillion))?(?:{_WORDS})s?"
    rf"(?:[\s-]+(?:and\s+)?(?:{_WORDS})s?)*)(?![a-z'])"
    rf"|(?P<article>(?<![a-z])(?:within|in|for|after|every|per|takes?|took|lasts?|lasted|about)\s+an?\s+)"
    r"(?=second|minute|hour|day|week|month|year|decade)"
    rf"|(?P<half>(?<![a-z])half\s+(?:an?\s+)?(?=hour|year|day|minute|month|kilo|mile|litre|liter|"
    rf"million|dozen))"
    rf"|(?P<han>[{HAN_NUMERAL}]+(?:点[零〇一二三四五六七八九]+)?|半)"
)
# Digits may also stand right behind Chinese characters; a look-behind for \w would refuse these.
_DIGITS = re.compile(r"(?<![A-Za-z0-9_.,])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?)")
_SCALE = re.compile(
    r"\s?(?P<scale>万亿|百万|千万|万|亿|千(?![克瓦米卡帕伏赫])|百|多|余)|\s?(?P<word>hundred|"
    r"thousand|million|billion|"
    r"trillion|bn)(?![a-z])"
    r"|(?P<letter>[km])(?![a-z0-9/])"
)
_SCALES = {
    "万亿": 10**12, "千万": 10**7, "百万": 10**6, "万": 10**4, "亿": 10**8, "千": 1000, "百": 100,
    "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "bn": 10**9, "trillion": 10**12,
    "k": 1000, "m": 10**6,
}  # fmt: skip
_TO = re.compile(r"\s?(?:-|~|至|到|或)\s?|\s+(?:to|and|or)\s+")
_CURRENCY_BEFORE = re.compile(rf"(?:{'|'.join(re.escape(sign) for sign in CURRENCY_SIGNS)})\s?-?$")
_MEASURES = (
    "个件名位台次条张份项家人户辆只支片粒颗本册栋幢层楼间所座艘架头瓶杯盒箱包袋套组款种类票股岁期批轮"
    "步页章字行列级场站门届笔单桌席趟班道题首套例起处棵块根把双对师环股员"
)
_INDEFINITE = "个名位件种次家条张份项些场批部本"
_NO_NUMBER = re.compile(
    r"[千万](?=别|不要|勿)|万(?=[科一能福]|达)|"
    r"一(?![二三四五六七八九十百千万亿])(?=[定般样直起些切旦致律共下边同时汽])|千篇|百(?=[度货姓])|"
    r"十分(?!钟|"
    r"之)|九寨|三[亚星]|四川|八卦|五金|双十一"
)


@dataclass(frozen=True)
class Quantity:
    """A number in a text.

    Attributes:
        span: Where it stands, with its unit.
        low: The value in base units, of a range the lower end.
        high: The same, or the upper end of a range.
        dimension: What is measured; ``"count"`` for things counted, ``"ordinal"``, ``"version"``.
        unit: The unit it is written in; None for counts.
        nouns: Stems of what is counted, as far as it stands next to it.
        bound: Whether the number is a lower (``">"``) or an upper bound.
        about: Whether it is given as rough.
        soft: Whether it may be an article (一个) rather than a number.
        shown: The value for people.
    """

    span: Span
    low: Fraction
    high: Fraction
    dimension: str
    unit: Unit | None
    nouns: frozenset[str]
    bound: Bound
    about: bool
    soft: bool
    shown: str


def quantities_of(text: str, taken: Taken = ()) -> tuple[Quantity, ...]:
    """Read the quantities of a text in order, leaving out places that something else has taken."""
    low = lowered(folded(text))
    found: list[Quantity] = []
    forms = [form for form in special_forms(low) if not _overlaps(form.begin, form.end, taken)]
    found += [_special(text, low, form) for form in forms]
    blocked = [*taken, *((form.begin, form.end) for form in forms)]
    place = 0
    while match := _next_numeral(low, place):
        place = match.end()
        if _overlaps(match.start(), match.end(), blocked):
            continue
        quantity = _quantity(text, low, match.start(), match.end())
        if quantity is not None and not _overlaps(quantity.span.begin, quantity.span.end, blocked):
            found.append(quantity)
            place = max(place, quantity.span.end)
    return tuple(sorted(found, key=lambda one: one.span))


def _next_numeral(low: str, place: int) -> re.Match[str] | None:
    word = _NUMERAL.search(low, place)
    digits = _DIGITS.search(low, place)
    if word and digits:
        return digits if digits.start() <= word.start() else word
    return word or digits


def _overlaps(begin: int, end: int, places: tuple[tuple[int, int], ...] | list[tuple[int, int]]) -> bool:
    return any(begin < last and first < end for first, last in places)


def _special(text: str, low: str, form: Found) -> Quantity:
    nouns = nouns_after(low, form.end) if form.dimension == "ordinal" else frozenset()
    return Quantity(span_of(text, form.begin, form.end), form.value, form.value, form.dimension, None, nouns,
                    *bound_of(low, form.begin, form.end), False, form.shown)  # fmt: skip


def _quantity(text: str, low: str, begin: int, end: int) -> Quantity | None:
    if _NO_NUMBER.match(low, begin):
        return None
    first = _value(low, begin, end)
    if first is None:
        return None
    value, after = _scaled(low, begin, first, end)
    top = value
    unit = _unit(low, begin, after)
    reached = unit[1] if unit else after
    second = _range_end(low, reached)
    if second is not None:
        upper, last = second
        other = _unit(low, begin, last)
        if upper > value or other is not None:
            scale = _same_scale(first, value, upper)
            value, top, reached, unit = value * scale, upper, (other or (None, last))[1], other or unit
            if unit is None:
                reached = last
    begin_all = _currency_begin(low, begin)
    if unit is None and not _counts(low, begin, reached):
        return None
    return _made(text, low, (begin_all, reached), (value, top), unit[0] if unit else None, begin)


def _made(
    text: str,
    low: str,
    place: tuple[int, int],
    values: tuple[Fraction, Fraction],
    unit: Unit | None,
    begin: int,
) -> Quantity:
    factor = unit.factor if unit else Fraction(1)
    if _negative(low, begin):
        values = (-values[0], -values[1])
    dimension = unit.dimension if unit else "count"
    bottom, top = sorted((values[0] * factor, values[1] * factor))
    numeral = low[begin : place[1]]
    soft = (
        numeral[:1] in ("一", "a", "o")
        and set(values) == {Fraction(1)}
        and (unit is None or unit.dimension == "times")
    )
    shown_factor, base = _readable(unit, bottom, top)
    ends = [_plain(end / shown_factor) for end in (bottom, top)]
    label = f"{ends[0] if bottom == top else '-'.join(ends)} {base}".strip()
    nouns = frozenset[str]() if unit else nouns_after(low, place[1])
    return Quantity(
        span_of(text, *place), bottom, top, dimension, unit, nouns, *bound_of(low, *place), soft, label
    )


def _readable(unit: Unit | None, bottom: Fraction, top: Fraction) -> tuple[Fraction, str]:
    """Give the unit to show a value in: times in the largest in which they are whole, else base units."""
    if unit is None or unit.base == "1":
        return Fraction(1), ""
    if unit.dimension == "time":
        for name in ("year", "month", "day", "h", "min"):
            larger = unit_named(name)
            if larger is not None and bottom and not bottom % larger.factor and not top % larger.factor:
                return larger.factor, name if name in ("h", "min") else f"{name}s"
    return Fraction(1), unit.base


def _value(low: str, begin: int, end: int) -> Fraction | None:
    words = low[begin:end]
    if words[0].isdigit():
        return Fraction(words.replace(",", ""))
    if words.startswith("half") or words == "半":
        return Fraction(1, 2)
    if words[0].isascii():
        ends_with_article = words.rstrip().endswith((" a", " an"))
        return Fraction(1) if ends_with_article else english_value(words)
    return han_value(words)


def _scaled(low: str, begin: int, value: Fraction, end: int) -> tuple[Fraction, int]:
    if not low[end - 1].isdigit():
        return value, end
    match = _SCALE.match(low, end)
    if match is None or match["scale"] in ("多", "余"):
        return value, end
    if match["letter"] and not (
        match["letter"] == "k" or _CURRENCY_BEFORE.search(low[max(0, begin - 4) : begin])
    ):
        return value, end
    if match["letter"] == "k" and low[match.end() : match.end() + 1] in ("m", "g", "b"):
        return value, end
    name = match["scale"] or match["word"] or match["letter"]
    return value * _SCALES[name], match.end()


def _range_end(low: str, place: int) -> tuple[Fraction, int] | None:
    to = _TO.match(low, place)
    if to is None:
        return None
    match = _next_numeral(low, to.end())
    if match is None or match.start() != to.end():
        return None
    if to[0].strip() in ("and", "or", "或") and not re.search(
        r"between[^.;]{0,15}$", low[max(0, place - 30) : place]
    ):
        return None
    value = _value(low, match.start(), match.end())
    return None if value is None else _scaled(low, match.start(), value, match.end())


def _same_scale(first: Fraction, value: Fraction, upper: Fraction) -> int:
    """1.5-2 million: the scale stands at the end only."""
    if first != value or upper < 1000 * max(value, Fraction(1, 10)):
        return 1
    return next(
        (scale for scale in (10**8, 10**6, 10**4, 1000) if upper % scale == 0 or upper > scale * 1), 1
    )


def _unit(low: str, begin: int, place: int) -> tuple[Unit, int] | None:
    sign = _CURRENCY_BEFORE.search(low[max(0, begin - 4) : begin])
    if sign:
        currency = unit_named({"USD": "usd", "EUR": "eur", "GBP": "gbp", "CNY": "cny", "HKD": "hkd"}[
            CURRENCY_SIGNS[sign[0].strip(" -")]])  # fmt: skip
        return None if currency is None else (currency, place)
    after = re.match(r"[多余](?=[^\d])", low[place:])
    place = place + 1 if after else place
    if low[place : place + 1] == "-" and low[place + 1 : place + 2].isalpha():
        place += 1
    return unit_at(
        low, place, after_digits=low[place - 1 : place].isdigit() or low[place - 2 : place - 1].isdigit()
    )


def _currency_begin(low: str, begin: int) -> int:
    sign = _CURRENCY_BEFORE.search(low[max(0, begin - 4) : begin])
    return begin - len(sign[0]) if sign else begin


def _negative(low: str, begin: int) -> bool:
    return bool(re.search(r"(?:^|[\s(])-$|零下\s?$|minus\s$", low[max(0, begin - 6) : begin]))


def _counts(low: str, begin: int, end: int) -> bool:
    """Whether a numeral without a unit is a number at all, and not a part of another word."""
    words = low[begin:end]
    following = low[end : end + 1]
    if words[0].isascii() and words[0].isdigit():
        return True
    if words[0].isascii():
        # "one" is mostly a pronoun.
        return words != "one" and not words.startswith(
            ("half", "within", "in ", "for ", "after", "every", "per")
        )
    if words == "半":
        return False
    if (
        following
        and following in _MEASURES
        and not (words == "一" and following not in _INDEFINITE + "人层楼台辆")
    ):
        return True
    value = han_value(words)
    return (
        len(words) > 1
        and value is not None
        and value >= 10
        and any(one in "十百千万亿" for one in words[:-1] + words)
    )


def _plain(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.6g}"
