"""Words and clauses of a text, with their places. Chinese has no words here: each character is one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from samesay.decision.reasons.folding import HAN, folded, lowered
from samesay.decision.reasons.stems import stem

_WORD = re.compile(rf"(?P<han>[{HAN}])|(?P<word>[^\W{HAN}_]+(?:['’.&-][^\W{HAN}_]+)*)", re.UNICODE)
_PARTS = re.compile(r"[.&-]")
_CLAUSE_END = re.compile(r"(?<!\d)[,:](?!\d)|[;!?。，；：！？\n]|\.(?=\s|$)|(?<=\d)[,:](?=\s)")

# Words that say little about what a text is about.
_FUNCTION_WORD_LIST = """
    a an the this that these those it its he she they we you i me him her them us his their our your my
    be is are was were been being am do does did done have has had having will would shall should can
    could may might must of in on at by for from to with as and or but so if than then there here which
    who whom whose what when where why how also too very just only even still already yet any some all
    each every both such own same about into onto over under up down out off again please let get got
    make made not no nor never n't
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORD_LIST.split())
HAN_FUNCTION = frozenset(
    "的了着过吗呢吧啊嘛么把被将让给在于从到对向和与及或而且也都就才又再还是有会能可要应须需请您你我他她它们这那其所以之为因由等个"
)


@dataclass(frozen=True)
class Word:
    """A word of a text.

    Attributes:
        begin: Its first character.
        end: The one after its last.
        text: As it stands, folded.
        low: In lower case.
        key: What its inflections share.
        han: Whether it is a single Chinese character.
    """

    begin: int
    end: int
    text: str
    low: str
    key: str
    han: bool

    @property
    def says_little(self) -> bool:
        """Whether it is a function word."""
        return self.low in (HAN_FUNCTION if self.han else FUNCTION_WORDS)


@dataclass(frozen=True)
class Clause:
    """A part of a text between marks, with its words."""

    begin: int
    end: int
    words: tuple[Word, ...]


def words_of(text: str) -> tuple[Word, ...]:
    """Give the words of a text in order. A hyphen parts words unless a digit stands beside it."""
    plain = folded(text)
    low = lowered(plain)
    found = []
    for match in _WORD.finditer(plain):
        begin, end = match.span()
        if match["han"] or not _PARTS.search(match[0]) or any(one.isdigit() for one in match[0]):
            bounds = [(begin, end)]
        else:
            bounds = [
                (begin + part.start(), begin + part.end()) for part in re.finditer(r"[^.&-]+", match[0])
            ]
        for first, last in bounds:
            word = low[first:last]
            key = word if match["han"] else stem(word)
            found.append(Word(first, last, plain[first:last], word, key, bool(match["han"])))
    return tuple(found)


def clauses_of(text: str, words: tuple[Word, ...]) -> tuple[Clause, ...]:
    """Part a text at its marks; every clause has at least one word."""
    plain = folded(text)
    ends = [match.end() for match in _CLAUSE_END.finditer(plain)]
    clauses = []
    begin = first = 0
    for end in [*ends, len(plain)]:
        last = first
        while last < len(words) and words[last].begin < end:
            last += 1
        if last > first:
            clauses.append(Clause(begin, end, words[first:last]))
            begin, first = end, last
    return tuple(clauses)


def overlap(one: tuple[Word, ...], other: tuple[Word, ...]) -> float:
    """Give the share of words, from 0 to 1, that two lists have in common; function words left out."""
    a = {word.key for word in one if not word.says_little}
    b = {word.key for word in other if not word.says_little}
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0
