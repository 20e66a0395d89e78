"""Words to search for, the same for every store.

Scripts that are written without spaces have no words that two writers agree on. Their runs are indexed as
every character, every pair of neighbours, and (Chinese) the words that the dictionary of rjieba knows, so
that a query finds any two-character word, known or not. A query is read more narrowly: as the words of the
dictionary, and as pairs where it knows none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal

from samesay.errors import MissingExtraError

if TYPE_CHECKING:
    import rjieba

# Counts up when the same text gives other tokens; an index of another revision is rebuilt.
REVISION = 1

_HAN = r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_UNSPACED = (
    r"\u3041-\u309f\u30a1-\u30ff\u31f0-\u31ff"  # Hiragana, Katakana
    r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # Hangul, whose endings stick to words
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
)
_NUMBER = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_POSSESSIVE = re.compile(r"['’][sS]$")

Use = Literal["index", "query"]


def revision() -> str:
    """Give the revision of the tokens with that of the dictionary behind them."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{REVISION}, rjieba {version('rjieba')}"
    except PackageNotFoundError:
        return f"{REVISION}, no rjieba"


def tokens(text: str, use: Use = "index") -> list[str]:
    """Give the tokens of a text, in order, repeated where they repeat.

    Args:
        text: Any text.
        use: ``index`` gives every token that a query may ask for, ``query`` those it does ask for.

    Raises:
        MissingExtraError: The text has Chinese characters and rjieba is not installed.
    """
    return list(_tokens(text, use))


def length(text: str) -> int:
    """Give the number of words of a text, for BM25: every word once, however it is indexed."""
    return sum(1 if run[0] == "word" else max(1, len(run[1]) // 2) for run in _runs(text))


def _tokens(text: str, use: Use) -> Iterator[str]:
    for kind, run in _runs(text):
        if kind == "word":
            yield from _word(run)
        elif kind == "han":
            yield from _han_index(run) if use == "index" else _han_query(run)
        elif use == "index":
            yield from run if len(run) == 1 else (*run, *_pairs(run))
        else:
            yield from _pairs(run) if len(run) > 1 else run


def _runs(text: str) -> Iterator[tuple[str, str]]:
    normal = _NUMBER.sub("", unicodedata.normalize("NFKC", text))
    for match in _splitter().finditer(normal):
        yield str(match.lastgroup), match[0]


@cache
def _splitter() -> re.Pattern[str]:
    # Vowel signs and other marks belong to their words, though `\w` leaves them out.
    marks = "".join(
        chr(code) for code in range(0x300, 0x20000) if unicodedata.category(chr(code)) in ("Mn", "Mc")
    )
    marks = re.sub(f"[{_UNSPACED}]", "", marks)
    # ASCII by itself, as most words are of it and a class of its own reads them twice as fast.
    letter = rf"(?:[A-Za-z0-9_]+|[^\W\x00-\x7f{_HAN}{_UNSPACED}]|[{marks}])"
    return re.compile(
        rf"(?P<han>[{_HAN}]+)|(?P<unspaced>[{_UNSPACED}]+)|(?P<word>{letter}+(?:[-.'’]{letter}+)*)"
    )


def _word(run: str) -> Iterator[str]:
    """Give a word as it is written, and its parts: of snake_case, CamelCase, kebab-case and dotted.names."""
    run = _POSSESSIVE.sub("", run)
    whole = _folded(run)
    yield whole
    parts = [part for piece in re.split(r"[-.'’_]+", run) for part in _camel(piece)]
    if len(parts) > 1:
        for part in parts:
            folded = _folded(part)
            if folded and folded != whole:
                yield folded


def _camel(piece: str) -> list[str]:
    if piece.islower() or piece.isupper() or not piece:
        return [piece] if piece else []
    places = [
        place
        for place in range(1, len(piece))
        if piece[place].isupper()
        and (not piece[place - 1].isupper() or (place + 1 < len(piece) and piece[place + 1].islower()))
    ]
    return [piece[begin:end] for begin, end in zip([0, *places], [*places, len(piece)], strict=True)]


def _folded(word: str) -> str:
    folded = word.casefold()
    if folded.isascii():
        return folded
    # Accents of Latin and Greek letters are left out by many who search; in other scripts they make letters.
    kept: list[str] = []
    for character in unicodedata.normalize("NFD", folded):
        if unicodedata.combining(character) and kept and kept[-1] < "\u0400":
            continue
        kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))


def _pairs(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(len(run) - 1)]


def _han_index(run: str) -> Iterator[str]:
    yield from run
    if len(run) > 1:
        yield from _pairs(run)
    if len(run) > 2:
        yield from (word for word in _jieba().cut_for_search(run, False) if len(word) > 2)


def _han_query(run: str) -> Iterator[str]:
    if len(run) <= 2:
        yield run
        return
    unknown = ""
    for word in [*_jieba().cut_for_search(run, False), ""]:
        if len(word) == 1:
            unknown += word
            continue
        yield from _pairs(unknown) if len(unknown) > 1 else unknown
        unknown = ""
        if word:
            yield word


@cache
def _jieba() -> rjieba.Jieba:
    try:
        import rjieba
    except ImportError:
        raise MissingExtraError("full text of Chinese", "collections") from None
    return rjieba.Jieba()
