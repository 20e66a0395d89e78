"""Negations and opposites of two texts, weighed together: "not open" and "closed" say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from samesay.decision.reasons.antonyms import Occurrence
from samesay.decision.reasons.exchanging import exchanged
from samesay.decision.reasons.folding import span_of
from samesay.decision.reasons.negation import IMPLICIT, Cue, without_prefix
from samesay.decision.reasons.reading import NEGATIVE_CHARACTER, Reading, stances_of
from samesay.decision.reasons.records import Conflict, ConflictKind, Span
from samesay.decision.reasons.words import HAN_FUNCTION, Clause, Word, overlap

# From this overlap on, clauses are taken to speak of the same.
_CLAUSES_ALIKE = 0.3
# Of a word that a text repeats, so many places are looked at.
_PLACES = 20
_LINKING = frozenset("能会可要是有再被把对将给在得该应准许予以")


def polarity_conflicts(a: Reading, b: Reading) -> list[Conflict]:
    """Find negations and opposites that the texts do not share."""
    if not a.words or not b.words:
        return []
    found: list[Conflict] = []
    settled: tuple[set[Cue], set[Cue]] = (set(), set())
    by_prefix = [*_of_prefixes(a, b, settled)]
    by_prefix += [one.mirrored() for one in _of_prefixes(b, a, (settled[1], settled[0]))]
    pairs = [(one, other) for one in a.opposites for other in b.opposites if _related(a, b, one, other)]
    for one, other in pairs:
        _settle(a, b, one, other, settled)
    candidates = (_of_opposites(a, b, one, other, settled) for one, other in pairs)
    for conflict in (*filter(None, candidates), *by_prefix, *_of_words(a, b, settled)):
        if not any(_touches(conflict, known) for known in found):
            found.append(conflict)
    if not found and a.han != b.han:
        found += _across_languages(a, b, settled)
    return found


def _touches(one: Conflict, other: Conflict) -> bool:
    return (one.a.begin < other.a.end and other.a.begin < one.a.end) or (
        one.b.begin < other.b.end and other.b.begin < one.b.end
    )


def _of_opposites(
    a: Reading, b: Reading, one: Occurrence, other: Occurrence, settled: tuple[set[Cue], set[Cue]]
) -> Conflict | None:
    alike = _alike(one, other)
    cue, other_cue = a.cue_before(one.begin), b.cue_before(other.begin)
    turned = (cue is None) != (other_cue is None)
    if (
        alike != turned
        or cue in settled[0]
        or other_cue in settled[1]
        or _is_settled(one, settled[0])
        or _is_settled(other, settled[1])
        or _each_says_the_other(a, b, one, other)
    ):
        return None
    if alike and (
        not _odd(a, b, one.begin, other.begin)
        or (cue is not None and _only_something_else(a, b, one.end, other.end))
        or (other_cue is not None and _only_something_else(b, a, other.end, one.end))
    ):
        return None
    if not alike and (
        _says_both(a, b, one, other) or not _comparable(a, b, one, other) or exchanged(a, b, one, other)
    ):
        return None
    kind = "negation" if alike else _kind(one, other)
    return _conflict(kind, a, b, (cue, one.begin, one.end), (other_cue, other.begin, other.end))


def _settle(
    a: Reading, b: Reading, one: Occurrence, other: Occurrence, settled: tuple[set[Cue], set[Cue]]
) -> None:
    """Note the negations that two words account for: "not open" here and "closed" there."""
    cue, other_cue = a.cue_before(one.begin), b.cue_before(other.begin)
    if _alike(one, other) == ((cue is None) == (other_cue is None)):
        settled[0].update(filter(None, [cue]))
        settled[1].update(filter(None, [other_cue]))


def _is_settled(one: Occurrence, settled: set[Cue]) -> bool:
    """Whether a word is itself a negation that is accounted for: rarely late, usually on time."""
    return any(cue.begin < one.end and one.begin < cue.end for cue in settled)


def _alike(one: Occurrence, other: Occurrence) -> bool:
    return one.word == other.word or bool(one.sides & other.sides)


def _related(a: Reading, b: Reading, one: Occurrence, other: Occurrence) -> bool:
    opposed = any((group, -side) in other.sides for group, side in one.sides)
    return (opposed or _alike(one, other)) and _in_one_place(a, b, one, other)


def _in_one_place(a: Reading, b: Reading, one: Occurrence, other: Occurrence) -> bool:
    """Whether single Chinese characters stand beside the same one; longer words may stand anywhere."""
    if len(one.word) > 1 and len(other.word) > 1:
        return True
    if not (one.han and other.han):
        return False
    before = (a.low[one.begin - 1 : one.begin], b.low[other.begin - 1 : other.begin])
    after = (a.low[one.end : one.end + 1], b.low[other.end : other.end + 1])
    return any(x == y and x.isalnum() for x, y in (before, after))


def _says_both(a: Reading, b: Reading, one: Occurrence, other: Occurrence) -> bool:
    """Whether a text speaks of both sides, or the other of this very word, so that no side is its own."""
    return any(
        occurrence.sides & theirs.sides
        and not (occurrence.han and len(occurrence.word) == 1 < len(theirs.word))
        for reading, theirs in ((a, other), (b, one))
        for occurrence in reading.opposites
    )


def _each_says_the_other(a: Reading, b: Reading, one: Occurrence, other: Occurrence) -> bool:
    """Whether both texts say both, of different things: closed on Mondays, open on Sundays."""
    return bool(stances_of(a, one) & b.stances) and bool(stances_of(b, other) & a.stances)


def _comparable(a: Reading, b: Reading, one: Occurrence, other: Occurrence) -> bool:
    if a.han != b.han:
        return True
    left = tuple(word for word in a.words if not one.begin <= word.begin < one.end)
    right = tuple(word for word in b.words if not other.begin <= word.begin < other.end)
    content = [word for word in left if not word.says_little]
    return overlap(left, right) >= 0.25 or (not content and overlap(left, right) == 0)


def _kind(one: Occurrence, other: Occurrence) -> ConflictKind:
    if one.han and other.han:
        negative = [bool(NEGATIVE_CHARACTER.search(word)) for word in (one.word, other.word)]
        return "negation" if negative[0] != negative[1] else "antonym"
    by_prefix = without_prefix(one.word) == other.word or without_prefix(other.word) == one.word
    return "negation" if by_prefix else "antonym"


def _odd(a: Reading, b: Reading, begin: int, other_begin: int) -> bool:
    """Whether the clauses around two places differ in the number of their negations, taken modulo two."""
    one, other = a.clause_at(begin), b.clause_at(other_begin)
    return (_negations(a, one, b) - _negations(b, other, a)) % 2 == 1


def _negations(reading: Reading, clause: Clause, other: Reading) -> int:
    cues = [cue for cue in reading.cues if clause.begin <= cue.begin < clause.end and not cue.soft]

    def counted(begin: int) -> bool:
        return any(cue.begin <= begin < cue.end for cue in cues)

    count = len(cues)
    count += sum(without_prefix(word.low) is not None and not counted(word.begin) for word in clause.words)
    theirs = {match[0] for match in IMPLICIT.finditer(other.low)}
    return count + sum(
        match[0] not in theirs and not counted(match.start())
        for match in IMPLICIT.finditer(reading.low, clause.begin, clause.end)
    )


def _of_words(a: Reading, b: Reading, settled: tuple[set[Cue], set[Cue]]) -> Iterator[Conflict]:
    yield from _one_sided(a, b, settled[0])
    for conflict in _one_sided(b, a, settled[1]):
        yield conflict.mirrored()


def _one_sided(a: Reading, b: Reading, settled: set[Cue]) -> Iterator[Conflict]:
    """Find cues of a text whose nearest shared word stands in the other text without one."""
    for cue in a.cues:
        if cue in settled or cue.soft:
            continue
        reached = [word for word in a.words if cue.negates(word.begin) and word.low not in _LINKING]
        found = _shared_word(reached, b)
        if found is None:
            continue
        begin, end, places = found
        free = [place for place in places if b.cue_before(place[0]) is None]
        if len(free) < len(places) or a.cue_before(begin) is None:
            continue
        other = free[0]
        if _only_something_else(a, b, end, other[1]):
            continue
        near = a.han != b.han or _clause_overlap(a, b, begin, other[0]) >= _CLAUSES_ALIKE
        if near and _odd(a, b, begin, other[0]):
            yield _conflict("negation", a, b, (cue, begin, end), (None, *other))


_ONLY = frozenset(("only", "solely", "exclusively", "仅", "只"))


def _only_something_else(a: Reading, b: Reading, end: int, other_end: int) -> bool:
    """Whether one says "not cash" and the other "only cards"."""
    if not any(word.low in _ONLY for word in b.clause_at(other_end - 1).words):
        return False
    behind = [
        {word.key for word in reading.clause_at(place - 1).words if word.begin >= place}
        for reading, place in ((a, end), (b, other_end))
    ]
    return not behind[0] & behind[1]


def _clause_overlap(a: Reading, b: Reading, begin: int, other_begin: int) -> float:
    return overlap(a.clause_at(begin).words, b.clause_at(other_begin).words)


def _shared_word(reached: list[Word], b: Reading) -> tuple[int, int, list[tuple[int, int]]] | None:
    for place, word in enumerate(reached):
        if word.han:
            pair = word.low + (reached[place + 1].low if place + 1 < len(reached) else "")
            if (
                len(pair) == 2
                and reached[place + 1].begin == word.end
                and pair[0] not in HAN_FUNCTION
                and pair[1] not in "的了着"
            ):
                places = [(m.start(), m.end()) for m in re.finditer(re.escape(pair), b.low)][:_PLACES]
                if places:
                    return word.begin, word.end + 1, places
            if place > 3:
                return _single(reached, b)
        elif not word.says_little and len(word.low) > 1:
            places = [(one.begin, one.end) for one in b.words if one.key == word.key][:_PLACES]
            if places:
                return word.begin, word.end, places
    return _single(reached, b)


def _single(reached: list[Word], b: Reading) -> tuple[int, int, list[tuple[int, int]]] | None:
    if not reached or not reached[0].han or reached[0].low in HAN_FUNCTION:
        return None
    places = [(word.begin, word.end) for word in b.words if word.low == reached[0].low][:_PLACES]
    return (reached[0].begin, reached[0].end, places) if places else None


def _of_prefixes(a: Reading, b: Reading, settled: tuple[set[Cue], set[Cue]]) -> Iterator[Conflict]:
    """Find ``unable`` here where ``able`` stands there, neither of them negated, or both."""
    for word in a.words:
        base = without_prefix(word.low)
        if base is None or any(other.low == word.low for other in b.words):
            continue
        cue = a.cue_before(word.begin)
        for other in b.words:
            other_cue = b.cue_before(other.begin)
            if other.key not in (base, base + "ly"):
                continue
            if (cue is None) != (other_cue is None):
                settled[0].update(filter(None, [cue]))
                settled[1].update(filter(None, [other_cue]))
            else:
                yield _conflict(
                    "negation", a, b, (cue, word.begin, word.end), (other_cue, other.begin, other.end)
                )
                return


def _across_languages(a: Reading, b: Reading, settled: tuple[set[Cue], set[Cue]]) -> Iterator[Conflict]:
    """Where no word can be compared: a negation in one text and none of any kind in the other."""
    if min(sum(not word.says_little for word in one.words) for one in (a, b)) < 2:
        return
    for reading, other, own, swap in ((a, b, settled[0], False), (b, a, settled[1], True)):
        cues = [cue for cue in reading.cues if cue not in own and not cue.soft]
        none_there = all(_negations(other, clause, reading) == 0 for clause in other.clauses)
        total = sum(_negations(reading, clause, other) for clause in reading.clauses)
        if len(cues) != 1 or total != 1 or not none_there or max(len(a.clauses), len(b.clauses)) > 2:
            continue
        reach = max(cues[0].end, min(cues[0].reach, len(reading.text)))
        one = _trimmed(reading.text, cues[0].begin, reach)
        clause = other.clauses[0]
        theirs = _trimmed(other.text, clause.begin, other.clauses[-1].end)
        conflict = Conflict("negation", one, theirs, f"negated: {one.text}", f"not negated: {theirs.text}")
        yield conflict.mirrored() if swap else conflict
        return


def _trimmed(text: str, begin: int, end: int) -> Span:
    part = text[begin:end]
    return span_of(text, begin + len(part) - len(part.lstrip()), begin + len(part.rstrip()))


def _conflict(
    kind: ConflictKind,
    a: Reading,
    b: Reading,
    one: tuple[Cue | None, int, int],
    other: tuple[Cue | None, int, int],
) -> Conflict:
    return Conflict(kind, _side(a, *one), _side(b, *other), _said(a, *one), _said(b, *other))


def _side(reading: Reading, cue: Cue | None, begin: int, end: int) -> Span:
    return span_of(reading.text, begin if cue is None else cue.begin, end)


def _said(reading: Reading, cue: Cue | None, begin: int, end: int) -> str:
    word = reading.low[begin:end]
    return word if cue is None else f"not {word}"
