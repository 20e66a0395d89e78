"""Text to token ids, exactly as the model was trained: never padded, never cut unasked, always ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesay.checkpoint.architecture import Architecture
from samesay.checkpoint.excerpts import Excerpts
from samesay.checkpoint.fingerprint import content_hash
from samesay.checkpoint.jsonfile import read_json_if_present
from samesay.checkpoint.stored_vocabulary import (
    SMALLEST_FILE,
    StoredVocabulary,
    read_vocabulary,
    store_vocabulary,
)
from samesay.checkpoint.tokenizer_facts import TokenizerFacts
from samesay.checkpoint.whole_tokenizer import WholeTokenizer
from samesay.checkpoint.words import ID_BYTES, pack, unpack
from samesay.errors import CheckpointError, PromptError, SamesayError, TextError
from samesay.tokens import TokenizedTexts

# tokenizer_config.json writes "no limit" as 1e30.
_LARGEST_BELIEVABLE_LIMIT = 10_000_000
# Prefixes whose ids are kept: a program has few, but a task may be in free words.
_MOST_PREFIXES = 64
_NO_TOKENS: NDArray[np.int32] = np.zeros(0, np.int32)


@dataclass(frozen=True)
class SpecialTokens:
    """The tokens that the tokenizer puts around every text.

    Attributes:
        leading: How many stand before the text.
        trailing: The ids that stand after the text, an end token that we append included.
    """

    leading: int
    trailing: tuple[int, ...]


class TextTokenizer:
    """The tokenizer of one checkpoint.

    Args:
        folder: The checkpoint's folder, with ``tokenizer.json``.
        architecture: The network that reads the ids.

    Raises:
        CheckpointError: When the file is missing or damaged, or belongs to another model.
    """

    def __init__(self, folder: Path, architecture: Architecture) -> None:
        self.file = folder / "tokenizer.json"
        if not self.file.is_file():
            raise CheckpointError(f"{self.file} is missing; samesay reads this tokenizer format only")
        self._reading = Lock()
        self._whole: WholeTokenizer | None = None
        self._excerpts: Excerpts | None = None
        self._excerpts = self._open_excerpts()
        facts = (self._excerpts or self._whole_tokenizer()).facts
        self._check_vocabulary(facts, architecture)
        self._appended = _missing_end_token(facts, architecture)
        if facts.leading < 0:
            raise CheckpointError(f"{self.file} gives no token for the text 'a': it is damaged")
        self.special_tokens = SpecialTokens(facts.leading, (*facts.trailing, *self._appended))
        self._prefixes: dict[str, NDArray[np.int32]] = {}
        self.max_tokens = _read_limit(folder, architecture)
        around = self.special_tokens.leading + len(self.special_tokens.trailing)
        if self.max_tokens <= around:
            raise CheckpointError(
                f"{folder} allows {self.max_tokens} tokens, of which {around} stand around every text"
            )

    def read_whole(self) -> None:
        """Read the whole vocabulary now, so that no later text waits for it."""
        self._whole_tokenizer()

    def lay_out(self, texts: Sequence[str], prefix: str = "", first: int = 0) -> TokenizedTexts:
        """Give the token ids of all texts end to end, special tokens included, uncut.

        An id of 2^31 and above, which no model has, shows as a negative one.

        Args:
            texts: The texts.
            prefix: What stands before each.
            first: The number of the first text, for errors.

        Raises:
            TextError: For a text that is not a string or not valid Unicode.
            PromptError: For a prefix that is not valid Unicode.
            CheckpointError: When the tokenizer fails at a sound text.
        """
        packed = self._encode(texts, prefix, first)
        offsets = np.zeros(len(packed) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, packed), np.int64, len(packed)) // ID_BYTES, out=offsets[1:])
        return TokenizedTexts(
            np.frombuffer(b"".join(packed), np.int32), offsets, np.zeros(len(packed), np.int64)
        )

    def encode(self, texts: Sequence[str], prefix: str = "", first: int = 0) -> list[list[int]]:
        """Give the token ids of each text as a list; see ``lay_out``.

        Raises:
            SamesayError: As for ``lay_out``.
        """
        return [unpack(ids) for ids in self._encode(texts, prefix, first)]

    def encode_prefix(self, prefix: str) -> list[int]:
        """Give the ids that texts with this prefix begin with, wherever the boundary tokenizes so."""
        ids: list[int] = self.prefix_ids(prefix).tolist()
        return ids

    def prefix_ids(self, prefix: str) -> NDArray[np.int32]:
        """Give what ``encode_prefix`` gives as a read-only array, shape (n,); the last ones are kept."""
        if not prefix:
            return _NO_TOKENS
        ids = self._prefixes.get(prefix)
        if ids is None:
            ids = self.lay_out([""], prefix).token_ids
            ids = ids[: len(ids) - len(self.special_tokens.trailing)]
            if len(self._prefixes) >= _MOST_PREFIXES:
                self._prefixes = {}
            self._prefixes[prefix] = ids
        return ids

    def _encode(self, texts: Sequence[str], prefix: str, first: int) -> list[bytes]:
        for index, text in enumerate(texts, first):
            if not isinstance(text, str):
                # The library would read a pair of strings as one text.
                raise TextError(f"text {index} is of type {type(text).__name__}, not a string")
        strings = [prefix + text for text in texts] if prefix else texts
        with _library_errors(self.file):
            try:
                packed = None
                if self._whole is None and self._excerpts is not None:
                    packed = self._excerpts.ids(strings)
                if packed is None:
                    packed = self._whole_tokenizer().ids(strings)
            except (TypeError, UnicodeEncodeError):
                _require_unicode(texts, prefix, first)
                raise
        if not self._appended:
            return packed
        appended = pack(self._appended)
        return [ids + appended for ids in packed]

    def _open_excerpts(self) -> Excerpts | None:
        """Give excerpts where a start before this one has stored the vocabulary."""
        if self.file.stat().st_size < SMALLEST_FILE:
            return None
        stored = read_vocabulary(self.file)
        if isinstance(stored, StoredVocabulary):
            return Excerpts(stored)
        if stored == "not stored":
            store_vocabulary(self.file, self._whole_tokenizer().facts)
        return None

    def _whole_tokenizer(self) -> WholeTokenizer:
        with self._reading:
            if self._whole is None:
                self._require_same_content()
                with _library_errors(self.file):
                    self._whole = WholeTokenizer(self.file)
            return self._whole

    def _require_same_content(self) -> None:
        # A text read with the whole of another file would have other ids than one that was read before.
        try:
            same = self._excerpts is None or content_hash(self.file) == self._excerpts.content
        except OSError:
            same = False
        if not same:
            raise CheckpointError(f"{self.file} has changed since the model was loaded; load it again")

    def _check_vocabulary(self, facts: TokenizerFacts, architecture: Architecture) -> None:
        added = facts.added
        size = max([facts.size, *(token.id + 1 for token in added)])
        if size > architecture.vocabulary_size:
            raise CheckpointError(
                f"{self.file} has {size} tokens, but the model embeds {architecture.vocabulary_size}: "
                "it is the tokenizer of another model"
            )
        special = {token.id for token in added if token.special}
        for name, token_id in architecture.special_token_ids:
            if special and token_id not in special:
                raise CheckpointError(
                    f"config.json gives {name} {token_id}, which {self.file.name} reads as "
                    f"{self._whole_tokenizer().token(token_id)!r}: it is the tokenizer of another model"
                )


def _missing_end_token(facts: TokenizerFacts, architecture: Architecture) -> tuple[int, ...]:
    # Last-token pooling reads the end token's state. E5-Mistral's tokenizer.json leaves it to the
    # caller, and conversions lose it; without it every vector is wrong and nothing else tells.
    if not architecture.family.is_decoder or architecture.end_token is None:
        return ()
    ids = facts.sample
    return () if ids and ids[-1] == architecture.end_token else (architecture.end_token,)


def _read_limit(folder: Path, architecture: Architecture) -> int:
    limits = [architecture.positions]
    stated: tuple[tuple[str, str], ...] = (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    )
    for file, key in stated:
        content: Mapping[str, Any] = read_json_if_present(folder / file)
        limit = content.get(key)
        if isinstance(limit, int) and not isinstance(limit, bool) and 0 < limit < _LARGEST_BELIEVABLE_LIMIT:
            limits.append(limit)
    return min(limits)


def _require_unicode(texts: Sequence[str], prefix: str, first: int) -> None:
    try:
        prefix.encode()
    except UnicodeEncodeError:
        raise PromptError(f"the prompt {prefix!r} is not valid Unicode: it has a lone surrogate") from None
    for index, text in enumerate(texts, first):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise TextError(
                f"text {index} is not valid Unicode: a lone surrogate {text[error.start]!r} at character "
                f"{error.start}; decode the source with errors='replace'"
            ) from None


@contextmanager
def _library_errors(file: Path) -> Iterator[None]:
    """Name the file in what the library raises: bare Exception, and panics of its Rust code."""
    try:
        yield
    except SamesayError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise CheckpointError(f"{file} is not a sound tokenizer ({error}); fetch the model again") from None
