"""A tokenizer with only those tokens of its vocabulary that a few texts can use: the same ids, read at once.

The library does the work, by the same rules. A token that is spelled nowhere in what a text is split into can
be no part of it, nor can it be joined on the way to one that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from samesay.checkpoint.stored_vocabulary import StoredVocabulary
from samesay.checkpoint.words import pack

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Characters of a call, and of all calls, for which the whole vocabulary is not worth its 100 to 700 ms.
MOST_CHARACTERS = 2048
ALLOWANCE = 16384


class Excerpts:
    """Tokenizers of a few texts each.

    Args:
        stored: The vocabulary.
    """

    def __init__(self, stored: StoredVocabulary) -> None:
        self.facts = stored.facts
        self.content = stored.content
        self._stored = stored
        self._spent = 0
        self._added = tuple(token.content for token in self.facts.added)
        self._head = pack(self.facts.sample[: self.facts.leading])
        self._tail = pack(self.facts.trailing)
        self._frame = self._tokenizer(np.array(stored.always, np.int64))

    def ids(self, texts: Sequence[str]) -> list[bytes] | None:
        """Give the ids of each text, the tokenizer's special tokens included, packed.

        None where the whole vocabulary should be read instead: for many texts, and for those that spell an
        added token.

        Raises:
            Exception: What the library raises, and UnicodeEncodeError for a lone surrogate.
        """
        characters = sum(map(len, texts))
        self._spent += characters
        if characters > MOST_CHARACTERS or self._spent > ALLOWANCE:
            return None
        pieces = self._pieces(texts)
        if pieces is None:
            return None
        rows = self._stored.spelled_in(pieces)
        if self._stored.kind == "Unigram":
            # This model's ids are places in its list.
            rows = rows[np.argsort(self._stored.ids[rows])]
        encodings = self._tokenizer(rows).encode_batch_fast(texts, add_special_tokens=False)
        if self._stored.kind != "Unigram":
            return [self._head + pack(encoding.ids) + self._tail for encoding in encodings]
        ids = self._stored.ids[rows]
        return [self._head + pack(ids[encoding.ids].tolist()) + self._tail for encoding in encodings]

    def _pieces(self, texts: Sequence[str]) -> list[str] | None:
        """Give what the texts are split into before the vocabulary is asked."""
        normalizer, splitter = self._frame.normalizer, self._frame.pre_tokenizer
        pieces: set[str] = set()
        for text in texts:
            normal = text if normalizer is None else normalizer.normalize_str(text)
            if any(token in text or token in normal for token in self._added):
                return None
            if splitter is None:
                pieces.add(normal)
            else:
                pieces.update(piece for piece, _ in splitter.pre_tokenize_str(normal))
        return list(pieces)

    def _tokenizer(self, rows: NDArray[np.int64]) -> Tokenizer:
        from tokenizers import Tokenizer

        stored = self._stored
        entries = stored.tokens.at(rows)
        if stored.kind == "Unigram":
            unknown = int(np.flatnonzero(rows == stored.unknown)[0])
            vocabulary = f'[{",".join(entries)}],"unk_id":{unknown}'
        else:
            vocabulary = "{" + ",".join(entries) + "}"
        if stored.kind == "BPE":
            vocabulary += f',"merges":[{",".join(self._merges(rows))}]'
        tokenizer = Tokenizer.from_str(f'{stored.frame},"model":{stored.model},"vocab":{vocabulary}}}}}')
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def _merges(self, rows: NDArray[np.int64]) -> list[str]:
        """Give the merges among these tokens, in their order."""
        stored = self._stored
        places = [
            np.arange(stored.merges_begin[row], stored.merges_begin[row + 1])
            for row in rows
            if stored.merges_begin[row] < stored.merges_begin[row + 1]
        ]
        if not places:
            return []
        merges = np.concatenate(places)
        among = np.isin(stored.merges[merges, 1], rows) & np.isin(stored.merges[merges, 2], rows)
        merges = merges[among]
        return stored.merge_texts.at(merges[np.argsort(stored.merges[merges, 0])])
