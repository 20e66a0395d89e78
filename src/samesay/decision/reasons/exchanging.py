"""Opposites that say the same with their sides exchanged: A bought it from B, B sold it to A."""

from __future__ import annotations

from functools import cache

from samesay.decision.reasons.antonyms import Occurrence, groups
from samesay.decision.reasons.reading import Reading
from samesay.decision.reasons.stems import stem
from samesay.decision.reasons.words import Word

_CONVERSE_LIST = """
    buy lend win lead send give north east northeast northwest above before front left export older
    more upper husband parent teacher employer landlord lender buyer host outperform 买入 借出 借给
    获胜 赢 领先 发送 给予 北部 北岸 东部 东侧 东北 上面 上方 之前 前面 左边 出口 雇主 买方 房东
"""
_CONVERSE = frozenset(_CONVERSE_LIST.split())
_COMPARING = frozenset(("than", "比"))


def exchanged(a: Reading, b: Reading, one: Occurrence, other: Occurrence) -> bool:
    """Whether two opposites say the same because what they relate stands the other way round."""
    compared = all(any(word.low in _COMPARING for word in reading.words) for reading in (a, b))
    opposed = {group for group, side in one.sides if (group, -side) in other.sides}
    if not compared and not opposed & _converse_groups():
        return False
    left, right = _order(a.words, one), _order(b.words, other)
    shared = [key for key in left if key in right]
    pairs = [(x, y) for place, x in enumerate(shared) for y in shared[place + 1 :]]
    turned = sum(right[x] > right[y] for x, y in pairs)
    return 2 * turned > len(pairs)


def _order(words: tuple[Word, ...], occurrence: Occurrence) -> dict[str, int]:
    """Give the place of each word that a text has once, without the opposite itself."""
    places: dict[str, int] = {}
    repeated = set()
    for place, word in enumerate(words):
        if word.says_little or occurrence.begin <= word.begin < occurrence.end:
            continue
        if word.key in places:
            repeated.add(word.key)
        places[word.key] = place
    return {key: place for key, place in places.items() if key not in repeated}


@cache
def _converse_groups() -> frozenset[int]:
    keys = {stem(word) if word.isascii() else word for word in _CONVERSE}
    return frozenset(
        number
        for number, cells in enumerate(groups())
        if any((stem(word) if word.isascii() else word) in keys for cell in cells for word in cell)
    )
