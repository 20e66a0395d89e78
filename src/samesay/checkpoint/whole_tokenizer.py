"""A tokenizer with its whole vocabulary, for any text and for many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samesay.checkpoint.tokenizer_facts import facts_of
from samesay.checkpoint.word_splitting import split_words_at_once
from samesay.checkpoint.words import KnownWords, pack, words_stand_alone


class WholeTokenizer:
    """What the library makes of a ``tokenizer.json``. Safe to use from several threads.

    Args:
        file: The file.

    Raises:
        Exception: What the library raises.
    """

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(file))
        # A checkpoint may carry the settings of whoever saved it: MiniLM's cuts and pads to 128.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        # Asked of the tokenizer as its file has it; what comes after gives the same ids.
        stand_alone = words_stand_alone(self._tokenizer)
        split_words_at_once(self._tokenizer)
        facts = self.facts = facts_of(self._tokenizer)
        self._words: KnownWords | None = None
        if stand_alone and facts.surrounds:
            self._words = KnownWords(self._tokenizer, facts.sample[: facts.leading], facts.trailing)

    def token(self, token_id: int) -> str | None:
        """Give how the vocabulary spells a token; None where it has no such id."""
        return self._tokenizer.id_to_token(token_id)

    def ids(self, texts: Sequence[str]) -> list[bytes]:
        """Give the ids of each text, the tokenizer's special tokens included, packed.

        Raises:
            Exception: What the library raises, and UnicodeEncodeError for a lone surrogate.
        """
        if self._words is not None:
            return self._words.ids(texts)
        return [pack(encoding.ids) for encoding in self._tokenizer.encode_batch_fast(texts)]
