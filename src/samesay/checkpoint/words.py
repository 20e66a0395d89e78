"""Token ids of words, kept: where a tokenizer reads a text word by word, most of a text was read before.

Nothing here changes an id. A tokenizer is taken only where it can be seen from its parts that no token
depends on what lies beyond a space, and all ids are the library's own.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from samesay.checkpoint.tokenizer_parts import TEMPLATES, state_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# 65,536 words with their ids are about 15 MB, and more than most texts of one kind are made of.
MOST_WORDS = 1 << 16
# Longer ones, as a sentence without spaces is one, hardly come again.
LONGEST_WORD = 32
# The library takes about so many times as long for a word by itself as for one within a text.
_DEARER_ALONE = 2

_SPACE = " "
_SAMPLING = ("alpha", "nbest_size")
_UNICODE_FORMS = ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "BertNormalizer")
# A class of single characters, each by its code point, as the bundled model's normaliser has them.
_CHARACTERS = r"\[(?:\\x\{[0-9a-f]+\})+\]"
_CODE_POINT = r"[0-9a-f]+(?=\})"
_SPLITTERS = ("WhitespaceSplit", "Whitespace", "BertPreTokenizer")


# Of an id as texts and words hold it: unsigned, 32 bits.
ID_BYTES = 4


def pack(ids: Sequence[int]) -> bytes:
    """Give ids as bytes, ``ID_BYTES`` each."""
    return array("I", ids).tobytes()


def unpack(ids: bytes) -> list[int]:
    """Give the ids that were packed."""
    return array("I", ids).tolist()


class KnownWords:
    """The ids of words that were tokenized before, at most ``MOST_WORDS``.

    Safe to use from several threads.

    Args:
        tokenizer: One whose ``words_stand_alone``.
        head: The ids before every text.
        tail: The ids behind every text.
    """

    def __init__(self, tokenizer: Tokenizer, head: Sequence[int], tail: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._head, self._tail = pack(head), pack(tail)
        # Words are added to a table and never taken out of it, so that who has one can rely on it.
        self._known: dict[str, bytes] = {}
        self._seen: set[str] = set()

    def __len__(self) -> int:
        return len(self._known)

    def ids(self, texts: Sequence[str]) -> list[bytes]:
        """Give the ids of each text, special tokens included, packed.

        Raises:
            Exception: What the library raises, and UnicodeEncodeError for a lone surrogate.
        """
        split = [text.split(_SPACE) for text in texts]
        known = self._known  # another thread may put another in its place
        try:
            return self._assemble(split, known)
        except KeyError:
            pass
        words = set(chain.from_iterable(split))
        missing = {word for word in words if word not in known}
        if _DEARER_ALONE * len(missing) <= sum(map(len, split)):
            return self._assemble(split, self._learn(words, missing, known))
        encoded = [self._head + ids + self._tail for ids in self._encode(texts)]
        self._learn_repeated(missing, known)
        return encoded

    def _assemble(self, split: Sequence[Sequence[str]], table: Mapping[str, bytes]) -> list[bytes]:
        head, tail, word_ids = self._head, self._tail, table.__getitem__
        return [head + b"".join(map(word_ids, words)) + tail for words in split]

    def _learn(self, words: set[str], missing: set[str], known: dict[str, bytes]) -> Mapping[str, bytes]:
        """Give a table with all of the words, and keep the short ones of those that were missing."""
        if len(known) + len(missing) > MOST_WORDS:
            known, missing = {}, words
        listed = list(missing)
        encoded = dict(zip(listed, self._encode(listed), strict=True))
        kept = {word: ids for word, ids in encoded.items() if len(word) <= LONGEST_WORD}
        if len(known) + len(kept) <= MOST_WORDS:  # asked again: another thread may have added to it
            known.update(kept)
            self._known = known
            if len(kept) == len(encoded):
                return known
        return {word: encoded[word] if word in encoded else known[word] for word in words}

    def _learn_repeated(self, missing: set[str], known: dict[str, bytes]) -> None:
        """Keep those words that were missing before."""
        repeated = missing & self._seen
        if len(self._seen) + len(missing) > MOST_WORDS:
            self._seen = set()
        self._seen.update([word for word in missing if len(word) <= LONGEST_WORD][:MOST_WORDS])
        if repeated:
            self._learn(repeated, repeated, known)

    def _encode(self, texts: Sequence[str]) -> list[bytes]:
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [pack(encoding.ids) for encoding in encodings]


def words_stand_alone(tokenizer: Tokenizer) -> bool:
    """Say whether a text's ids are those of its parts between spaces, one after the other.

    It is so where normalising never reaches over a space, a space always separates, the model splits each
    part by itself and by rule alone, and no added token holds white space. What is not known to be so is not.
    """
    from tokenizers.models import BPE, Unigram, WordLevel, WordPiece

    model = tokenizer.model
    by_rule = (
        isinstance(model, WordLevel | WordPiece)
        or (isinstance(model, BPE) and model.dropout is None)
        # Before it could sample, the library had no attributes that say so.
        or (isinstance(model, Unigram) and all(getattr(model, n, None) is None for n in _SAMPLING))
    )
    return (
        by_rule
        and _keeps_spaces(state_of(tokenizer.normalizer))
        and _separates(state_of(tokenizer.pre_tokenizer))
        and _is_template(state_of(tokenizer.post_processor))
        and not any(_reaches_out(tokenizer, token) for token in tokenizer.get_added_tokens_decoder().values())
    )


def _keeps_spaces(normalizer: Any) -> bool:
    """Say whether spaces stay, and nothing before one depends on what is behind it, or the reverse.

    A space has no combining class and is part of no composition, so Unicode's forms end at it.
    """
    if normalizer is None:
        return True
    kind = normalizer["type"]
    if kind == "Sequence":
        return all(_keeps_spaces(step) for step in normalizer["normalizers"])
    return kind in _UNICODE_FORMS or (kind == "Replace" and _replaces_within_words(normalizer))


def _replaces_within_words(step: Mapping[str, Any]) -> bool:
    pattern = step["pattern"]
    literal, expression = pattern.get("String"), pattern.get("Regex")
    if literal is not None:
        return bool(literal) and _SPACE not in literal
    if expression == " {2,}":
        return bool(step["content"] == _SPACE)
    if expression is None or not re.fullmatch(_CHARACTERS, expression):
        return False
    return all(int(code, 16) != ord(_SPACE) for code in re.findall(_CODE_POINT, expression))


def _separates(pre_tokenizer: Any) -> bool:
    if pre_tokenizer is None:
        return False
    if pre_tokenizer["type"] != "Sequence":
        return pre_tokenizer["type"] in _SPLITTERS
    first, *rest = pre_tokenizer["pretokenizers"] or [None]
    return _separates(first) and all(_works_within(step) for step in rest)


def _works_within(step: Mapping[str, Any]) -> bool:
    if step["type"] == "Metaspace":
        return step["prepend_scheme"] in ("always", "never")  # "first" asks where in the text a word stands
    return step["type"] in (*_SPLITTERS, "Punctuation", "Digits")


def _is_template(post_processor: Any) -> bool:
    return post_processor is None or post_processor["type"] in TEMPLATES


def _reaches_out(tokenizer: Tokenizer, token: Any) -> bool:
    spellings = [token.content]
    if tokenizer.normalizer is not None:
        spellings.append(tokenizer.normalizer.normalize_str(token.content))
    return token.single_word or any(character.isspace() for spelling in spellings for character in spelling)
