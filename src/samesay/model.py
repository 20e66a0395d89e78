"""A model in use: texts in, vectors and similarities out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from samesay.checkpoint.folder import Checkpoint, read_checkpoint
from samesay.checkpoint.locate import locate
from samesay.checkpoint.prompts import PairMode, Prompt, Prompts
from samesay.engine.base import Engine, Precision
from samesay.engine.cpu import CpuEngine
from samesay.errors import (
    CheckpointError,
    OverlengthError,
    PromptError,
    TextError,
    TokenError,
    TruncationWarning,
)
from samesay.identity import Identity, identify
from samesay.tokens import TokenizedTexts, lay_out

Overlength = Literal["error", "truncate"]
# Told the texts done, of a long text the share that is done, and the number of texts.
Progress = Callable[[float, int], object]

# Tokens that go through the network together: enough to use every weight many times while it is in cache.
BATCH_TOKENS = 1024
# Texts tokenized at a time, so that a long list does not lie in memory as ids all at once.
_TEXTS_AT_A_TIME = 1024


class EmbeddingModel:
    """A checkpoint and the engine that runs it.

    Safe to use from several threads; they take turns.

    Args:
        checkpoint: The model on disk.
        engine: What runs it.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine) -> None:
        self.checkpoint = checkpoint
        self.engine = engine

    def __repr__(self) -> str:
        return f"EmbeddingModel({self.name!r}, {self.engine.precision}, {self.dimensions} dimensions)"

    @property
    def name(self) -> str:
        """What people call the model."""
        return self.checkpoint.name

    @property
    def folder(self) -> Path:
        """Where the model lies."""
        return self.checkpoint.folder

    @property
    def dimensions(self) -> int:
        """Width of an uncut vector."""
        return self.checkpoint.architecture.hidden_size

    @property
    def max_tokens(self) -> int:
        """Tokens that the model reads at most, special tokens and prompt included."""
        return self.checkpoint.tokenizer.max_tokens

    @property
    def prompts(self) -> Prompts:
        """What stands before queries and documents."""
        return self.checkpoint.prompts

    @cached_property
    def identity(self) -> Identity:
        """What makes the vectors of this model what they are, at full width."""
        return self.identity_at(None)

    def identity_at(self, dimensions: int | None) -> Identity:
        """Give the identity of vectors of that width.

        Raises:
            DimensionsError: For a width that this model does not give.
        """
        return identify(self.checkpoint, self.engine, self.checkpoint.check_dimensions(dimensions))

    def tokenize(
        self,
        texts: Sequence[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        overlength: Overlength = "error",
    ) -> TokenizedTexts:
        """Give the token ids that the network reads for each text, prompt and special tokens included.

        Args:
            texts: n texts.
            prompt: ``"query"``, ``"document"`` or None for the texts as they stand.
            task: A named task or an instruction in free words; with ``prompt="query"``.
            overlength: ``"error"`` refuses a text longer than the model reads, ``"truncate"`` cuts its end
                and keeps the end token.

        Raises:
            OverlengthError: For a text that is too long.
            PromptError: For a prompt or task that the model does not take.
            TextError: For a text that is not a string, not valid Unicode, or without any token.
        """
        return self._tokenize(texts, self.prompts.prefix(prompt, task), overlength)

    def count_tokens(
        self, texts: str | Sequence[str], *, prompt: Prompt | None = None, task: str | None = None
    ) -> NDArray[np.int64]:
        """Give the number of tokens of each text, prompt and special tokens included, uncut; shape (n,)."""
        prefix = self.prompts.prefix(prompt, task)
        ids = self.checkpoint.tokenizer.encode(_as_list(texts), prefix)
        return np.array([len(one) for one in ids], np.int64)

    def encode(
        self,
        texts: str | Sequence[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Give the vector of each text.

        Args:
            texts: One text, or n of them.
            prompt: As for ``tokenize``.
            task: As for ``tokenize``.
            dimensions: Width of the vectors, where the model was trained to be cut; by default the full one.
            overlength: As for ``tokenize``; cutting warns with ``TruncationWarning``.
            progress: Called with (texts done, n) now and then; a long text counts by its share that is done.
                What it raises stops the work.

        Returns:
            Rows of length 1: shape (dimensions,) for one text, (n, dimensions) for a sequence. A row
            depends on its own text only, to the bit.

        Raises:
            DimensionsError: For a width that this model does not give.
            SamesayError: As for ``tokenize``.
        """
        prefix = self.prompts.prefix(prompt, task)
        vectors, cut = self._encode(_as_list(texts), prefix, dimensions, overlength, progress)
        _warn_of_cuts(cut, self.max_tokens)
        return vectors[0] if isinstance(texts, str) else vectors

    def encode_stream(
        self,
        texts: Iterable[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
    ) -> Iterator[NDArray[np.float32]]:
        """Give the vectors of any number of texts in memory that does not grow with it.

        Texts are taken as they are needed and tokenized while the texts before them are computed. They need
        no sorting by length: nothing is padded.

        Returns:
            Blocks of rows in the order of the texts, each of shape (at most 1024, dimensions).

        Raises:
            SamesayError: As for ``encode``, when the block is reached.
        """
        blocks = self._encode_blocks(texts, self.prompts.prefix(prompt, task), dimensions, overlength, None)
        for vectors, cut in blocks:
            _warn_of_cuts(cut, self.max_tokens)
            yield vectors

    def encode_tokens(
        self,
        token_ids: Sequence[Sequence[int]] | TokenizedTexts,
        *,
        dimensions: int | None = None,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Give the vector of each sequence of ready-made token ids, special tokens included by the caller.

        Returns:
            Rows of length 1, shape (n, dimensions).

        Raises:
            TokenError: For ids outside the vocabulary, and for sequences that are empty or too long.
            DimensionsError: For a width that this model does not give.
        """
        return self._embed(token_ids, dimensions, progress, None)

    def _embed(
        self,
        token_ids: Sequence[Sequence[int]] | TokenizedTexts,
        dimensions: int | None,
        progress: Progress | None,
        prefix: NDArray[np.int32] | None,
    ) -> NDArray[np.float32]:
        width = self.checkpoint.check_dimensions(dimensions)
        tokens = token_ids if isinstance(token_ids, TokenizedTexts) else lay_out(token_ids)
        self._check_tokens(tokens)
        vectors = np.empty((len(tokens), width), np.float32)
        for begin, end in tokens.batches(BATCH_TOKENS):
            first = tokens.offsets[begin]
            ids = tokens.token_ids[first : tokens.offsets[end]]

            def report(share: float, begin: int = begin, end: int = end) -> None:
                if progress:
                    progress(begin + share * (end - begin), len(tokens))

            vectors[begin:end] = self.engine.embed(
                ids, tokens.offsets[begin : end + 1] - first, width, prefix, report if progress else None
            )
            _require_unit_length(vectors[begin:end], self.folder)
            if progress:
                progress(end, len(tokens))
        return vectors

    def similarity(
        self,
        left: str | Sequence[str],
        right: str | Sequence[str],
        *,
        mode: PairMode = "symmetric",
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
    ) -> NDArray[np.float32]:
        """Give the cosine of each pair (left[i], right[i]), from -1 to 1; shape (n,).

        Args:
            left: n texts; the queries where the mode tells sides apart.
            right: n texts.
            mode: ``"symmetric"`` (both sides as the model wants like compared with like),
                ``"query-document"`` or ``"plain"`` (no prompt).
            task: A named task or an instruction in free words.
            dimensions: As for ``encode``.
            overlength: As for ``tokenize``.

        Raises:
            TextError: When the sides differ in number.
            SamesayError: As for ``encode``.
        """
        left, right = _as_list(left), _as_list(right)
        if len(left) != len(right):
            raise TextError(f"pairs need as many texts on each side; there are {len(left)} and {len(right)}")
        a, b, cut = self._encode_sides(left, right, mode, task, dimensions, overlength)
        _warn_of_cuts(cut, self.max_tokens)
        scores: NDArray[np.float32] = np.einsum("nd,nd->n", a, b)
        return scores.clip(-1, 1, out=scores)

    def similarity_matrix(
        self,
        left: Sequence[str],
        right: Sequence[str] | None = None,
        *,
        mode: PairMode = "symmetric",
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
    ) -> NDArray[np.float32]:
        """Give the cosine of every left text with every right one, shape (n, m); without right, all pairs."""
        left = _as_list(left)
        a, b, cut = self._encode_sides(
            left, left if right is None else _as_list(right), mode, task, dimensions, overlength
        )
        _warn_of_cuts(cut, self.max_tokens)
        scores: NDArray[np.float32] = a @ b.T
        return scores.clip(-1, 1, out=scores)

    def _check_tokens(self, tokens: TokenizedTexts) -> None:
        # The engine checks again; here a sequence still has the number that the caller knows.
        lengths, ids = tokens.lengths, tokens.token_ids
        if tokens.offsets[0] != 0 or tokens.offsets[-1] != len(ids):
            raise TokenError(f"offsets must begin with 0 and end with the number of token ids, {len(ids)}")
        if lengths.min(initial=1) < 1:
            raise TokenError(f"sequence {int(lengths.argmin())} has no tokens")
        if lengths.max(initial=0) > self.max_tokens:
            longest = int(lengths.argmax())
            raise TokenError(
                f"sequence {longest} has {lengths[longest]} tokens; {self.name} reads {self.max_tokens}"
            )
        size = self.checkpoint.architecture.vocabulary_size
        outside = np.flatnonzero((ids < 0) | (ids >= size))
        if len(outside):
            sequence = int(np.searchsorted(tokens.offsets, outside[0], side="right")) - 1
            raise TokenError(
                f"sequence {sequence} has token id {ids[outside[0]]}; "
                f"the vocabulary of {self.name} is 0 to {size - 1}"
            )

    def _encode_sides(
        self,
        left: list[str],
        right: list[str],
        mode: PairMode,
        task: str | None,
        dimensions: int | None,
        overlength: Overlength,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        left_prefix, right_prefix = self.prompts.pair_prefixes(mode, task)
        a, cut = self._encode(left, left_prefix, dimensions, overlength, None)
        if left is right and left_prefix == right_prefix:
            return a, a, cut
        b, right_cut = self._encode(right, right_prefix, dimensions, overlength, None)
        return a, b, np.concatenate([cut, right_cut])

    def _encode(
        self,
        texts: list[str],
        prefix: str,
        dimensions: int | None,
        overlength: Overlength,
        progress: Progress | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        vectors = np.empty((len(texts), self.checkpoint.check_dimensions(dimensions)), np.float32)
        cut = np.zeros(len(texts), np.int64)
        done = 0

        def report(finished: float, _: int) -> None:
            if progress:
                progress(done + finished, len(texts))

        for block, block_cut in self._encode_blocks(texts, prefix, dimensions, overlength, report):
            vectors[done : done + len(block)] = block
            cut[done : done + len(block)] = block_cut
            done += len(block)
        return vectors, cut

    def _encode_blocks(
        self,
        texts: Iterable[str],
        prefix: str,
        dimensions: int | None,
        overlength: Overlength,
        progress: Progress | None,
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Give vectors and numbers of cut tokens, block by block; the next block is tokenized meanwhile."""
        shared = np.array(self.checkpoint.tokenizer.encode_prefix(prefix), np.int32)
        source = iter(texts)
        taken = 0

        def tokenize_next() -> TokenizedTexts:
            nonlocal taken
            block = list(islice(source, _TEXTS_AT_A_TIME))
            taken += len(block)
            return self._tokenize(block, prefix, overlength, first=taken - len(block))

        tokens = tokenize_next()
        if len(tokens) < _TEXTS_AT_A_TIME:
            # All there is: a thread for the next block would only cost time.
            yield self._embed(tokens, dimensions, progress, shared), tokens.cut
            return
        with ThreadPoolExecutor(1, thread_name_prefix="samesay-tokenize") as ahead:
            while len(tokens):
                following = ahead.submit(tokenize_next)
                yield self._embed(tokens, dimensions, progress, shared), tokens.cut
                tokens = following.result()

    def _tokenize(
        self, texts: Sequence[str], prefix: str, overlength: Overlength, first: int = 0
    ) -> TokenizedTexts:
        if overlength not in ("error", "truncate"):
            raise PromptError(f"overlength must be 'error' or 'truncate', not {overlength!r}")
        tokenizer = self.checkpoint.tokenizer
        limit, trailing = self.max_tokens, tokenizer.special_tokens.trailing
        sequences = tokenizer.encode(_as_list(texts), prefix, first)
        cut = np.zeros(len(sequences), np.int64)
        size = self.checkpoint.architecture.vocabulary_size
        for i, ids in enumerate(sequences):
            if not ids:
                raise TextError(f"text {first + i} has no tokens for {self.name}; leave it out")
            if max(ids) >= size:
                raise CheckpointError(
                    f"{tokenizer.file} gives token id {max(ids)}, but the model embeds {size}: "
                    "it is the tokenizer of another model"
                )
            if len(ids) <= limit:
                continue
            if overlength == "error":
                raise OverlengthError(
                    f"text {first + i} has {len(ids)} tokens; {self.name} reads {limit}. "
                    "Shorten it, split it, or cut it with overlength='truncate'"
                )
            cut[i] = len(ids) - limit
            sequences[i] = [*ids[: limit - len(trailing)], *trailing]
        return lay_out(sequences, cut)


def load(
    name_or_path: str | Path | None = None,
    *,
    precision: Precision = "int8",
    threads: int | None = None,
    matryoshka: bool | None = None,
    notice: Callable[[str], None] | None = None,
) -> EmbeddingModel:
    """Load a model that is on this machine; nothing is downloaded.

    Args:
        name_or_path: A model folder, ``"bundled"``, a short name that ``samesay models`` lists, or a hub id
            that was pulled. By default the best model present.
        precision: How the engine holds weights and activations.
        threads: Threads to compute on; by default one a core that this process may use.
        matryoshka: Whether vectors may be cut to fewer dimensions, where that is not known of the model.
        notice: Is told, in one line, when there is something to wait for, as at the bundled model's first
            use.

    Raises:
        ModelNotFoundError: When there is no such model here.
        CheckpointError: When its folder is incomplete, damaged or of an unsupported kind.
    """
    found = locate(name_or_path, notice)
    checkpoint = read_checkpoint(found.folder, name=found.name, matryoshka=matryoshka)
    return EmbeddingModel(checkpoint, CpuEngine(checkpoint, precision=precision, threads=threads))


def _as_list(texts: str | Sequence[str]) -> list[str]:
    try:
        return [texts] if isinstance(texts, str) else list(texts)
    except TypeError:
        raise TextError(f"texts must be a string or strings, not {type(texts).__name__}") from None


def _require_unit_length(vectors: NDArray[np.float32], folder: Path) -> None:
    # A damaged weight may be finite and overflow on the way, and nothing else would tell.
    squares = np.einsum("nd,nd->n", vectors, vectors)
    if not (np.abs(squares - 1) < 0.01).all():
        raise CheckpointError(
            f"{folder} gives vectors that are not finite or have no length: "
            "its weights are damaged; fetch the model again"
        )


def _warn_of_cuts(cut: NDArray[np.int64], limit: int) -> None:
    texts = int(np.count_nonzero(cut))
    if texts:
        message = f"{texts} of {len(cut)} texts cut to {limit} tokens, {int(cut.sum())} tokens lost"
        warnings.warn(message, TruncationWarning, stacklevel=3)
