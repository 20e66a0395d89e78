"""A text as the checks for negation, opposites and names see it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from samesay.decision.reasons.antonyms import Occurrence, opposites_of
from samesay.decision.reasons.folding import folded, is_chinese, lowered
from samesay.decision.reasons.negation import Cue, cues_of
from samesay.decision.reasons.stems import stem
from samesay.decision.reasons.words import Clause, Word, clauses_of, words_of

Places = tuple[tuple[int, int], ...]

NEGATIVE_CHARACTER = re.compile("[不没无未非]")
# Words that say nothing by themselves beside a number or a date: the number has them already.
_COMPARING_PHRASES = """
    more than|less than|fewer than|over|above|under|below|exceed|at least|at most|no less than|no fewer than
    |not less than|no more than|not more than|more|less|fewer|up|down|maximum|minimum|max|min|last|first|past
    |long|old|day|morning|evening|night|before|after|超过|多于|高于|以上|大于|少于|低于|不足|以下|小于|至少|最少
    |不少于|不低于|至多|最多|不超过|不高于|不多于|前|后
"""
_COMPARING = frozenset(
    " ".join(stem(word) for word in phrase.split()) for phrase in _COMPARING_PHRASES.split("|")
)


@dataclass(frozen=True)
class Reading:
    """A text as this check sees it.

    Attributes:
        text: The text.
        low: Folded, in lower case.
        words: Its words.
        clauses: Its clauses.
        cues: What negates.
        opposites: Words with an opposite.
        han: Whether it is Chinese.
    """

    text: str
    low: str
    words: tuple[Word, ...]
    clauses: tuple[Clause, ...]
    cues: tuple[Cue, ...]
    opposites: tuple[Occurrence, ...]
    han: bool

    def cue_before(self, begin: int) -> Cue | None:
        """Give the nearest cue that reaches a place, where their number is odd."""
        reaching = [cue for cue in self.cues if cue.negates(begin)]
        return reaching[-1] if len(reaching) % 2 else None

    @cached_property
    def stances(self) -> frozenset[tuple[int, int]]:
        """Give groups of opposites, and the side that the text takes, negations counted."""
        return frozenset(stance for one in self.opposites for stance in stances_of(self, one))

    def clause_at(self, place: int) -> Clause:
        """Give the clause of a place."""
        return next((one for one in self.clauses if one.begin <= place < one.end), self.clauses[-1])


def read(text: str, measured: Places, most: int = 100) -> Reading:
    """Read a text; dates and numbers, with words of comparison beside them, are left out.

    Of negations and of words with an opposite the first ``most`` are kept.
    """
    words = words_of(text)
    low = lowered(folded(text))
    opposites = tuple(one for one in opposites_of(text, words) if not _beside(one, measured, low))[:most]
    inside = tuple(
        (one.begin, one.end) for one in opposites if one.han and NEGATIVE_CHARACTER.search(one.word)
    )
    return Reading(
        text, low, words, clauses_of(text, words), cues_of(text, inside, most), opposites, is_chinese(text)
    )


# Words that say nothing by themselves beside a number or a date: the number has them already.


def stances_of(reading: Reading, one: Occurrence) -> frozenset[tuple[int, int]]:
    """Give the groups of a word, each with the side that a text takes by it, negations counted."""
    turn = -1 if reading.cue_before(one.begin) else 1
    return frozenset((group, side * turn) for group, side in one.sides)


def _beside(one: Occurrence, measured: Places, low: str) -> bool:
    for begin, end in measured:
        if one.begin < end and begin < one.end:
            return True
        gap = low[one.end : begin] if one.end <= begin else low[end : one.begin]
        if one.word in _COMPARING and len(gap) <= 4 and not gap.strip(" a的了约于the"):
            return True
    return False
