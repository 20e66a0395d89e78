"""Words with an opposite, found in a text. Their list is ``antonyms.tsv``, written for this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from samesay.decision.reasons.folding import folded
from samesay.decision.reasons.stems import stem
from samesay.decision.reasons.words import Word

_FILE = Path(__file__).with_name("antonyms.tsv")
_LONGEST_HAN = 5
_LONGEST_PHRASE = 4
# Single characters that are parts of other words too; these words are no sign of an opposite.
_COMPOUNDS_LIST = """
    大家 东西 小时 小姐 上午 下午 左右 前后 大小 多少 高兴 大概 大约 大学 大会 大量 大楼 小区 小组 小学
    中小 好像 好几 上海 上班 下班 上市 下载 上传 上周 下周 上个 下个 前往 前提 目前 之前 当前 后来 之后
    然后 最后 以后 今后 背后 售后 重新 重要 重庆 重大 体重 轻易 快递 快乐 愉快 快餐 长江 校长 市长 部长
    成长 新闻 新华 更新 重复 热线 热门 冷静 来自 来源 未来 原来 本来 过去 失去 去年 去世 推荐 推出 推动
    拉萨 男性 女士 女性 厚度 深圳 宽带 直接 一直 简直 紧急 满意 满足 空调 空间 航空 真的 真正 认真 假期
    假日 加油 加拿大 参加 增加 更加 好的 最好 只好 差别 差异 硬件 软件 东京 山东 广东 广西 江西 陕西 山西
    南京 云南 河南 湖南 海南 北京 河北 湖北 东北 西北 西南 东南 西安 给予 发给
"""
_COMPOUNDS = frozenset(_COMPOUNDS_LIST.split())


@dataclass(frozen=True)
class Occurrence:
    """A word with an opposite, in a text.

    Attributes:
        begin: Its first character.
        end: The one after its last.
        word: As it is listed, or a Chinese word as it stands.
        sides: Groups it belongs to, and on which side: 1 or -1.
        han: Whether it is Chinese.
    """

    begin: int
    end: int
    word: str
    sides: frozenset[tuple[int, int]]
    han: bool


def opposites_of(text: str, words: tuple[Word, ...]) -> tuple[Occurrence, ...]:
    """Find the words with an opposite in a text, the longest that fits at each place."""
    return (*_english(words), *_chinese(folded(text)))


@cache
def groups() -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Give the list: English words, their opposites, Chinese words, their opposites."""
    rows = _FILE.read_text("utf-8").splitlines()[1:]
    return tuple(tuple(tuple(filter(None, cell.split(","))) for cell in row.split("\t")) for row in rows)


@cache
def _listed() -> tuple[
    dict[tuple[str, ...], frozenset[tuple[int, int]]], dict[str, frozenset[tuple[int, int]]]
]:
    english: dict[tuple[str, ...], set[tuple[int, int]]] = {}
    chinese: dict[str, set[tuple[int, int]]] = {}
    for number, cells in enumerate(groups()):
        for cell, side in ((cells[0], 1), (cells[1], -1)):
            for phrase in cell:
                key = tuple(stem(word) for word in phrase.replace("-", " ").split())
                english.setdefault(key, set()).add((number, side))
        for cell, side in ((cells[2], 1), (cells[3], -1)):
            for word in cell:
                chinese.setdefault(word, set()).add((number, side))
    return ({key: frozenset(value) for key, value in english.items()},
            {key: frozenset(value) for key, value in chinese.items()})  # fmt: skip


def _english(words: tuple[Word, ...]) -> list[Occurrence]:
    listed = _listed()[0]
    found = []
    place = 0
    while place < len(words):
        step = 1
        for length in range(min(_LONGEST_PHRASE, len(words) - place), 0, -1):
            run = words[place : place + length]
            key = tuple(word.key for word in run)
            sides = listed.get(key)
            if sides is None or run[0].han or _is_name(words, place):
                continue
            found.append(Occurrence(run[0].begin, run[-1].end, " ".join(key), sides, False))
            step = length
            break
        else:
            split = _particle(words, place, listed)
            if split is not None:
                found.append(split)
        place += step
    return found


def _particle(
    words: tuple[Word, ...], place: int, listed: dict[tuple[str, ...], frozenset[tuple[int, int]]]
) -> Occurrence | None:
    """Find "turn the pump on": a verb whose particle stands behind its object."""
    for distance in (2, 3, 4):
        if place + distance < len(words) and words[place + distance].low in ("on", "off", "up", "down"):
            key = (words[place].key, words[place + distance].key)
            if key in listed:
                return Occurrence(words[place].begin, words[place].end, " ".join(key), listed[key], False)
    return None


def _is_name(words: tuple[Word, ...], place: int) -> bool:
    """New York, West Bank: capitals in the middle of a sentence."""
    word = words[place]
    if not word.text[0].isupper() or word.text.isupper():
        return False
    following = words[place + 1 : place + 2]
    return place > 0 or bool(following and following[0].text[0].isupper())


def _chinese(text: str) -> list[Occurrence]:
    listed = _listed()[1]
    found = []
    place = 0
    while place < len(text):
        step = 1
        for length in range(min(_LONGEST_HAN, len(text) - place), 0, -1):
            word = text[place : place + length]
            if word in listed and not (length == 1 and _in_compound(text, place)):
                found.append(Occurrence(place, place + length, word, listed[word], True))
                step = length
                break
        place += step
    return found


def _in_compound(text: str, place: int) -> bool:
    near = (text[max(0, place - 1) : place + 1], text[place : place + 2], text[max(0, place - 2) : place + 1])
    return any(part in _COMPOUNDS for part in near)
