"""A tokenizer with its whole vocabulary, for any text and for many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samesay.checkpoint.tokenizer_facts import TokenizerFacts, facts_of
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
        self._stand_alone = words_stand_alone(self._tokenizer)
        split_words_at_once(self._tokenizer)
        self.facts: TokenizerFacts = facts_of(self._tokenizer)
        self._appended = b""
        self._words: KnownWords | None = None

    def token(self, token_id: int) -> str | None:
        """Give how the vocabulary spells a token; None where it has no such id."""
        return self._tokenizer.id_to_token(token_id)

    def append(self, token_ids: Sequence[int]) -> None:
        """Put tokens behind every text, beside those that the tokenizer puts there; before it is used."""
        self._appended = pack(token_ids)
        facts = self.facts
        if self._stand_alone and facts.surrounds:
            head, tail = facts.sample[: facts.leading], (*facts.trailing, *token_ids)
            self._words = KnownWords(self._tokenizer, head, tail)

    def ids(self, texts: Sequence[str]) -> list[bytes]:
        """Give the ids of each text, all special tokens included, packed.

        Raises:
            Exception: What the library raises, and UnicodeEncodeError for a lone surrogate.
        """
        if self._words is not None:
            return self._words.ids(texts)
        encodings = self._tokenizer.encode_batch_fast(texts)
        return [pack(encoding.ids) + self._appended for encoding in encodings]
