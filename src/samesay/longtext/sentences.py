"""Where sentences end, in Chinese, in Latin scripts, and by Unicode's sentence marks in others."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Marks that end a sentence wherever they stand: CJK, Devanagari, Urdu and Arabic, Ethiopic, Khmer, Burmese,
# Tibetan, Mongolian and others of Unicode's Sentence_Terminal; "；" as Chinese uses it between whole clauses.
_ALWAYS = "。！？；｡…‥।॥۔؟؞።፧፨៕។၊။།༎᠃᠉᱾᱿꓿꘎꘏⁇⁈⁉։۝"
# Marks that may also stand inside a word, a number or an abbreviation.
_SOMETIMES = ".!?．"
_CLOSING = "\"'”’»›）)］]｝}」』】》〉〕*_`"
_MARK = re.compile(rf"[{re.escape(_ALWAYS + _SOMETIMES)}]+[{re.escape(_CLOSING)}]*\s*")
# A paragraph's end inside a block, such as in a quotation.
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“‘]*\Z")

# Abbreviations that a name, a number or more of the sentence follows.
_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof st sr jr rev hon gen col capt lt sgt messrs mme mlle
    vs etc cf al ca approx dept est ed eds vol vols no nos nr fig figs eq eqs sec secs ch chap art p pp par
    inc ltd co corp bros univ jan feb mar apr jun jul aug sep sept oct nov dec
    bzw usw ggf evtl inkl exkl abb kap bd hrsg tel str z d u i
    av ej pág págs núm sra srta ud uds
    """.split()  # noqa: SIM905
)
_LONGEST_ABBREVIATION = 24


def sentence_ends(source: str, begin: int, end: int) -> Iterator[int]:
    """Give the offsets at which the sentences between two offsets end, white space after them included.

    Linear in the length: every mark is looked at once, with a bounded look around it.
    """
    blank_lines = (match.end() for match in _BLANK_LINE.finditer(source, begin, end))
    blank_line = next(blank_lines, end)
    for match in _MARK.finditer(source, begin, end):
        while blank_line < match.end():
            yield blank_line
            blank_line = next(blank_lines, end)
        if _ends_sentence(source, begin, end, match):
            if blank_line == match.end():
                blank_line = next(blank_lines, end)
            yield match.end()
    while blank_line < end:
        yield blank_line
        blank_line = next(blank_lines, end)


def _ends_sentence(source: str, begin: int, end: int, match: re.Match[str]) -> bool:
    place, after = match.start(), match.end()
    if after >= end:
        return False
    mark, following = source[place], source[after]
    if mark in _ALWAYS:
        # "……" also stands for words left out: the sentence goes on in small letters.
        return not (mark in "…‥" and following.islower())
    if not source[after - 1].isspace():
        # Chinese writes "!" and "?" of either width without a space after them.
        return mark in "!?．" and _is_han(following) and not _in_number(source, begin, place, after)
    if following.islower():
        return False
    return mark != "." or not _abbreviates(source, begin, place)


def _in_number(source: str, begin: int, place: int, after: int) -> bool:
    return place > begin and source[place - 1].isdigit() and source[after].isdigit()


def _is_han(character: str) -> bool:
    return "\u3040" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7a3" or character in "“‘「『《（"


def _abbreviates(source: str, begin: int, place: int) -> bool:
    """Whether the full stop at ``place`` belongs to the word before it."""
    around = source[max(begin, place - _LONGEST_ABBREVIATION) : place]
    found = _WORD_BEFORE.search(around)
    word = found.group() if found else ""
    if not word or len(word) == _LONGEST_ABBREVIATION:
        return False
    if word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and not _is_han(word)):
        return True
    if word.isdigit() and len(word) <= 3:
        # "1. Install it": the number of a step, where a line or the text begins.
        line = source[max(begin, place - 40) : place - len(word)]
        return not line.strip() or line.rstrip(" \t").endswith(("\n", "\r"))
    # "e.g", "U.S", "z.B": single letters with stops between them.
    letters = word.split(".")
    return len(letters) > 1 and all(len(letter) == 1 and letter.isalpha() for letter in letters)
