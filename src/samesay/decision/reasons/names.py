"""Names of people, places, companies and products in a text, and which of them stand against each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from samesay.decision.reasons.folding import HAN, folded, lowered, span_of
from samesay.decision.reasons.han_names import han_name_conflicts
from samesay.decision.reasons.pairing import paired
from samesay.decision.reasons.reading import Reading
from samesay.decision.reasons.records import Conflict, Span
from samesay.decision.reasons.words import FUNCTION_WORDS, Word, overlap, words_of

_FILE = Path(__file__).with_name("names.tsv")
_CODE = re.compile(
    r"(?<![A-Za-z0-9_.])(?=[A-Za-z0-9-]*[A-Za-z])(?=[A-Za-z0-9-]*\d)(?:[A-Za-z][A-Za-z]*-?\d+[A-Za-z"
    r"0-9]*(?:-[A-Za-z0-9]+)*|[2-6]G)(?![A-Za-z0-9_]|\.\d)"
)
_NO_CODE = re.compile(r"[qh][1-4]|v\d+|(?:k|c|m|d)?m[23]|(?:us|hk|rmb|cny|usd|eur)\d+", re.IGNORECASE)
_NUMBERED = re.compile(
    rf"(?P<head>(?<![A-Za-z])[A-Z][A-Za-z]{{2,}})\s(?P<number>\d{{1,4}})(?![\d.,]*\d|\s?%|"
    rf"[A-Za-z:-]|\s?[{HAN}]|\s[a-z]+s\b)"
)
# The share of words that texts must have in common.
_ALIKE, _LESS_ALIKE = 0.4, 0.25
_TITLES_LIST = """
    mr mrs ms miss dr prof professor sir madam president
"""
_TITLES = frozenset(_TITLES_LIST.split())
_NO_HEADS_LIST = """
    room step page section chapter article figure table no day level version flight gate platform line
    floor rule clause part phase stage appendix note item lot unit volume issue number section about
    over under some take use call only just january february march april may june july august september
    october november december monday tuesday wednesday thursday friday saturday sunday usd eur rmb cny
    the a in at on by for from with
"""
_NO_HEADS = frozenset(_NO_HEADS_LIST.split())
_NO_NAMES_LIST = """
    i i'm i'll i've i'd ok okay english monday tuesday wednesday thursday friday saturday sunday
    january february march april may june july august september october november december am pm q a
    internet kb mb gb tb
"""
_NO_NAMES = frozenset(_NO_NAMES_LIST.split())


@dataclass(frozen=True)
class Name:
    """A name in a text.

    Attributes:
        span: Where it stands.
        key: The same for all its spellings; of a known name the same in both languages.
        kind: ``"code"``, ``"place"``, ``"company"``, ``"person"``, or ``"name"`` where it is not known.
        has_digits: Whether it holds a number, which then is none.
    """

    span: Span
    key: str
    kind: str
    has_digits: bool


def names_of(text: str, taken: tuple[tuple[int, int], ...] = ()) -> tuple[Name, ...]:
    """Find names in a text, in order, leaving out places that something else has taken."""
    plain = folded(text)
    found: list[Name] = []
    for name in (*_codes(text, plain), *_known(text, plain), *_capitals(text, plain)):
        places = (*taken, *((one.span.begin, one.span.end) for one in found))
        if not any(name.span.begin < end and begin < name.span.end for begin, end in places):
            found.append(name)
    return tuple(sorted(found, key=lambda one: one.span))


def _codes(text: str, plain: str) -> list[Name]:
    found = []
    for match in _CODE.finditer(plain):
        if not _NO_CODE.fullmatch(match[0]):
            found.append(Name(span_of(text, *match.span()), _plain_key(match[0]), "code", True))
    for match in _NUMBERED.finditer(plain):
        starts = _starts_sentence(plain, match.start())
        if match["head"].lower() not in _NO_HEADS and not starts:
            found.append(Name(span_of(text, *match.span()), _plain_key(match[0]), "code", True))
    return found


@cache
def _listed() -> dict[str, tuple[str, str]]:
    """Every known name in lower case, with the key of what it names and the kind."""
    found = {}
    for row in _FILE.read_text("utf-8").splitlines()[1:]:
        kind, english, chinese = row.split("\t")
        names = [name for name in (*english.split(","), *chinese.split(",")) if name]
        found.update({name.lower() if len(name) > 3 else name: (names[0].lower(), kind) for name in names})
    return found


@cache
def _known_pattern() -> re.Pattern[str]:
    names = [
        name
        for row in _FILE.read_text("utf-8").splitlines()[1:]
        for name in ",".join(row.split("\t")[1:]).split(",")
    ]
    latin = sorted((re.escape(one) for one in names if one and one.isascii()), key=len, reverse=True)
    han = sorted((one for one in names if one and not one.isascii()), key=len, reverse=True)
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(latin)})(?![A-Za-z])|(?:{'|'.join(han)})")


def _known(text: str, plain: str) -> list[Name]:
    found = []
    for match in _known_pattern().finditer(plain):
        key, kind = _listed()[match[0].lower() if len(match[0]) > 3 else match[0]]
        before, after = (
            plain[max(0, match.start() - 12) : match.start()],
            plain[match.end() : match.end() + 3],
        )
        longer_behind = re.match(r"\s[A-Z][a-z]", after) is not None
        longer = longer_behind or re.search(r"[A-Z][a-z]+\s$", before) is not None
        inside = longer and kind != "place" and not _starts_sentence(plain, match.start())
        if inside or (longer_behind and kind == "person"):
            continue  # a part of a longer name, which is found by its capitals
        found.append(Name(span_of(text, *match.span()), key, kind, False))
    return found


def _capitals(text: str, plain: str) -> list[Name]:
    words = [word for word in words_of(text) if not word.han]
    if _all_capitals(words):
        return []
    found: list[Name] = []
    place = 0
    while place < len(words):
        end = place
        while (
            end < len(words) and _is_name(words, end, plain) and (end == place or _joined(plain, words, end))
        ):
            end += 1
        run = words[place:end]
        while run and run[0].low in _TITLES:
            run = run[1:]
        if run and (
            len(run) > 1
            or not _starts_sentence(plain, run[0].begin)
            or (place < end and run[0] is not words[place])
        ):
            begin, last = run[0].begin, run[-1].end
            found.append(Name(span_of(text, begin, last), _plain_key(plain[begin:last]), "name", False))
        place = max(end, place + 1)
    return found


def _all_capitals(words: list[Word]) -> bool:
    """A headline or shouting: capitals say nothing there."""
    content = [word for word in words if not word.says_little and word.text[0].isalpha()]
    capitals = sum(word.text[0].isupper() for word in content)
    shouted = len(content) > 2 and all(word.text.isupper() for word in content)
    return shouted or (len(content) >= 5 and capitals >= 0.8 * len(content))


def _is_name(words: list[Word], place: int, plain: str) -> bool:
    word = words[place]
    if not word.text[0].isupper() or word.low in _NO_NAMES or any(one.isdigit() for one in word.text):
        return False
    return word.low not in FUNCTION_WORDS or (
        word.text.isupper() and len(word.text) > 1 and not _starts_sentence(plain, word.begin)
    )


def _joined(plain: str, words: list[Word], place: int) -> bool:
    between = plain[words[place - 1].end : words[place].begin]
    return between in (" ", ". ") and (
        between == " " or words[place - 1].low in _TITLES or len(words[place - 1].text) == 1
    )


def _starts_sentence(plain: str, place: int) -> bool:
    before = plain[:place].rstrip(" \"'([*")
    return not before or (
        before[-1] in ".!?:\n;。！？：；" and not re.search(r"\b(?:Mr|Mrs|Ms|Dr|Prof)\.$", before)
    )


def _plain_key(words: str) -> str:
    return re.sub(r"[^\w]", "", words).lower()


def name_conflicts(
    a: Reading, b: Reading, names_a: tuple[Name, ...], names_b: tuple[Name, ...]
) -> list[Conflict]:
    """Pair the names that the other text does not have and that stand in the same place there."""
    left = [one for one in names_a if not _has(b, names_b, one)]
    right = [one for one in names_b if not _has(a, names_a, one)]
    alone = len(left) == len(right) == 1
    found = [
        Conflict("name", one.span, other.span, one.span.text, other.span.text)
        for one, other in paired(left, right, lambda one, other: _closeness(a, b, one, other, alone) or None)
    ]
    if a.han and b.han:
        known = [(one.a.begin, one.a.end) for one in found]
        found += [
            one for one in han_name_conflicts(a.text, b.text)
            if not any(one.a.begin < end and begin < one.a.end for begin, end in known)
        ]  # fmt: skip
    return found


def _has(reading: Reading, names: tuple[Name, ...], name: Name) -> bool:
    """Whether a text has a name, in another spelling, in part, or by its initials."""
    if any(one.key == name.key for one in names) or name.key in _plain_key(reading.low):
        return True
    if not name.has_digits and any(_related(name.span.text, one.span.text) for one in names):
        return True
    parts = re.findall(r"\w+", lowered(folded(name.span.text)))
    if not name.has_digits and name.kind == "name" and len(parts) > 1:
        keys = {word.low for word in reading.words}
        initials = "".join(part[0] for part in parts)
        if all(part in keys for part in parts) or any(
            one.key == parts[-1] or (len(initials) > 2 and one.key.startswith(initials)) for one in names
        ):
            return True
    text = name.span.text
    if text.isupper() and len(text) > 1:
        capitals = "".join(
            word.text[0] for word in reading.words if word.text[0].isupper() and not word.text.isupper()
        )
        return text in capitals
    return any(
        name.key == re.findall(r"\w+", lowered(folded(one.span.text)))[-1]
        for one in names
        if " " in one.span.text
    )


def _related(one: str, other: str) -> bool:
    """Whether names share most words, or the beginning of one: Second World War, Egyptian."""
    a, b = (set(re.findall(r"\w+", lowered(folded(text)))) for text in (one, other))
    if any(x != y and x.isascii() and len(x) > 3 and x[:4] == y[:4] for x in a for y in b):
        return True
    return len(a & b) >= 2 and 2 * len(a & b) > max(len(a), len(b))


def _closeness(a: Reading, b: Reading, one: Name, other: Name, alone: bool) -> int:
    """How sure it is that two names stand for the same: 0 is not at all."""
    if one.has_digits != other.has_digits:
        return 0
    kinds = {one.kind, other.kind}
    if one.has_digits:
        same_series = re.sub(r"\d.*", "", one.key) == re.sub(r"\d.*", "", other.key)
        return 3 if same_series else int(alone and _alike(a, b))
    if len(kinds) == 2 and "name" not in kinds:
        return 0
    if a.han != b.han:
        latin = one.span.text.isascii() and other.span.text.isascii()
        return 2 if kinds in ({"place"}, {"company"}) else int(alone and latin)
    if one.span.text.isascii() != other.span.text.isascii():
        return 0  # one may be the other's name in the other script
    same = (_neighbour(a, one, -1) == _neighbour(b, other, -1)) + (
        _neighbour(a, one, 1) == _neighbour(b, other, 1)
    )
    if same and _alike_beside(a, b, one, other):
        return 1 + same
    # Two places, or two companies, need less to be taken for the same.
    least = _LESS_ALIKE if len(kinds) == 1 and "name" not in kinds else _ALIKE
    return int(alone and _alike(a, b, least))


def _alike(a: Reading, b: Reading, least: float = _ALIKE) -> bool:
    return overlap(a.words, b.words) >= least


def _alike_beside(a: Reading, b: Reading, one: Name, other: Name) -> bool:
    """Whether texts share most words, apart from the two names."""
    left, right = (
        tuple(word for word in reading.words if not name.span.begin <= word.begin < name.span.end)
        for reading, name in ((a, one), (b, other))
    )
    return overlap(left, right) >= _ALIKE


def _neighbour(reading: Reading, name: Name, step: int) -> str:
    places = [place for place, word in enumerate(reading.words)
              if name.span.begin <= word.begin < name.span.end]  # fmt: skip
    if not places:
        return ""
    place = places[0] - 1 if step < 0 else places[-1] + 1
    return reading.words[place].key if 0 <= place < len(reading.words) else "|"
