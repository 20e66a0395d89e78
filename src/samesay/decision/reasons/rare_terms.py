"""Terms that both texts have and few texts do.

How frequent a term is, is estimated from the vocabulary of the model's own tokenizer, which is sorted by
frequency (SentencePiece unigram and byte-pair vocabularies; WordPiece ones nearly): the rank of a term is the
product of the ranks of its pieces. So no list of words has to be shipped, and every language of the model has
one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from samesay.decision.reasons.folding import span_of
from samesay.decision.reasons.records import SharedTerm, Span
from samesay.decision.reasons.words import Word, words_of

# The natural logarithm of 8000: as rare as a word that a learner meets late.
RARE = math.log(8000)
MOST_TERMS = 8
_LONGEST_HAN = 8

Encode = Callable[[list[str]], Sequence[Sequence[int]]]


def shared_terms(text_a: str, text_b: str, encode: Encode) -> tuple[SharedTerm, ...]:
    """Give the terms that both texts have and that are rare, at most 8, rarest first.

    A term is an English word in any of its inflections, or a run of Chinese characters that both texts have.

    Args:
        text_a: One text.
        text_b: The other.
        encode: From texts to the ids of their pieces, without special tokens.
    """
    pairs = {**_common_words(text_a, text_b), **_common_runs(text_a, text_b)}
    if not pairs:
        return ()
    terms = [one.text for one, _ in pairs.values()]
    rarities = [sum(math.log(max(piece, 2)) for piece in pieces) for pieces in encode(terms)]
    found = [
        SharedTerm(one.text, one, other, rarity)
        for (one, other), rarity in zip(pairs.values(), rarities, strict=True)
        if rarity >= RARE
    ]
    return tuple(sorted(found, key=lambda term: (-term.rarity, term.a))[:MOST_TERMS])


def _common_words(text_a: str, text_b: str) -> dict[str, tuple[Span, Span]]:
    a, b = _first_places(text_a, words_of(text_a)), _first_places(text_b, words_of(text_b))
    return {key: (span, b[key]) for key, span in a.items() if key in b}


def _first_places(text: str, words: Iterable[Word]) -> dict[str, Span]:
    found: dict[str, Span] = {}
    for word in words:
        if not word.han and not word.says_little and len(word.low) > 1:
            found.setdefault(word.key, span_of(text, word.begin, word.end))
    return found


def _common_runs(text_a: str, text_b: str) -> dict[str, tuple[Span, Span]]:
    """Give runs of two to eight Chinese characters, without function words, that both texts have."""
    found: dict[str, tuple[Span, Span]] = {}
    for run in _runs(words_of(text_a)):
        place = 0
        while place < len(run):
            begin = run[place].begin
            length = _longest_shared(text_a[begin : run[-1].end][:_LONGEST_HAN], text_b)
            if length < 2:
                place += 1
                continue
            term, at = text_a[begin : begin + length], text_b.index(text_a[begin : begin + length])
            found.setdefault(term, (span_of(text_a, begin, begin + length), span_of(text_b, at, at + length)))
            place += length
    return found


def _longest_shared(run: str, text: str) -> int:
    length = 0
    while length < len(run) and run[: length + 1] in text:
        length += 1
    return length


def _runs(words: Sequence[Word]) -> list[list[Word]]:
    runs: list[list[Word]] = []
    content = [word for word in words if word.han and not word.says_little]
    if content:
        runs.append([content[0]])
    for before, word in pairwise(content):
        if word.begin == before.end:
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs
