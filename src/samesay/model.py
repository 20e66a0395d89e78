"""A model in use: texts in, vectors and similarities out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from samesay import comparing
from samesay.checkpoint.folder import Checkpoint, read_checkpoint
from samesay.checkpoint.locate import locate
from samesay.checkpoint.prompts import PairMode, Prompt, Prompts
from samesay.engine.base import PRECISIONS, Engine, Precision
from samesay.engine.choosing import PROCESSOR_TOKENS, batch_tokens, device_of, make_engine
from samesay.errors import (
    CheckpointError,
    RemoteError,
    TokenError,
)
from samesay.identity import Identity, identify
from samesay.remote.address import is_remote, require_local_options_unset
from samesay.text_model import Overlength as Overlength
from samesay.text_model import Progress as Progress
from samesay.text_model import TextModel
from samesay.tokenizing import tokenize
from samesay.tokens import TokenizedTexts, lay_out
from samesay.vectors import have_length_one

if TYPE_CHECKING:
    from samesay.remote.settings import RemoteSettings

_READ_AHEAD = 2**14
# Texts tokenized at a time, so that a long list does not lie in memory as ids all at once.
_TEXTS_AT_A_TIME = 1024


class EmbeddingModel:
    """A checkpoint and the engine that runs it.

    Safe to use from several threads; they take turns.

    Args:
        checkpoint: The model on disk.
        engine: What runs it.
        batch_tokens: Tokens that go through the network together.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine, batch_tokens: int = PROCESSOR_TOKENS) -> None:
        self.checkpoint = checkpoint
        self.engine = engine
        self._batch_tokens = batch_tokens

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
    def reference(self) -> str:
        """By what ``load`` finds the model again: its name where that leads here, else its folder."""
        try:
            if locate(self.name).folder.samefile(self.folder):
                return self.name
        except Exception:  # noqa: S110 - whatever stands against the name, the folder it is
            pass
        return str(self.folder.resolve())

    @property
    def read_ahead(self) -> int:
        """Characters of text that are best handed over at once: fewer would cost more in calls."""
        return _READ_AHEAD

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
        return identify(self.checkpoint, self.engine, self.dimensions)

    def identity_at(self, dimensions: int | None) -> Identity:
        """Give the identity of vectors of that width.

        Raises:
            DimensionsError: For a width that this model does not give.
        """
        # Of the one that is kept: it hashes files, and every search asks for it.
        return replace(self.identity, dimensions=self.checkpoint.check_dimensions(dimensions))

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
        return self.checkpoint.tokenizer.lay_out(comparing.as_list(texts), prefix).lengths

    def check(
        self,
        texts: Sequence[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        overlength: Overlength = "error",
    ) -> None:
        """Raise what ``encode`` raises of texts, without computing vectors.

        Raises:
            SamesayError: As for ``tokenize``.
        """
        self.tokenize(texts, prompt=prompt, task=task, overlength=overlength)

    def too_long(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Say which texts, as they stand, are longer than the model reads; shape (n,)."""
        return self.count_tokens(texts) > self.max_tokens

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
        vectors, cut = self.embed_texts(
            comparing.as_list(texts), prefix, dimensions=dimensions, overlength=overlength, progress=progress
        )
        comparing.warn_of_cuts(cut, self.max_tokens)
        return vectors[0] if isinstance(texts, str) else vectors

    def encode_steps(
        self,
        texts: Sequence[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
        step_tokens: int = PROCESSOR_TOKENS,
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Give the vectors of texts and the tokens cut from each, some at a time, in order.

        Args:
            texts: n texts; all are tokenized before the first block.
            prompt: As for ``tokenize``.
            task: As for ``tokenize``.
            dimensions: As for ``encode``.
            overlength: As for ``tokenize``.
            step_tokens: Tokens of a block at most, or a single longer text; it does not change the vectors.

        Raises:
            SamesayError: As for ``encode``.
        """
        prefix = self.prompts.prefix(prompt, task)
        tokens = self._tokenize(texts, prefix, overlength)
        shared = self._shared(prefix)
        for begin, end in tokens.batches(step_tokens):
            part = tokens.part(begin, end)
            yield self._embed(part, dimensions, None, shared), part.cut

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
            comparing.warn_of_cuts(cut, self.max_tokens)
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
        tokens = token_ids if isinstance(token_ids, TokenizedTexts) else lay_out(token_ids)
        self._check_tokens(tokens)
        return self._embed(tokens, dimensions, progress, None)

    def _embed(
        self,
        tokens: TokenizedTexts,
        dimensions: int | None,
        progress: Progress | None,
        prefix: NDArray[np.int32] | None,
    ) -> NDArray[np.float32]:
        """Give the vectors of sequences that are known to be sound."""
        width = self.checkpoint.check_dimensions(dimensions)
        if progress is None and 0 < len(tokens.token_ids) <= self._batch_tokens:
            # One batch, as most calls of a server or a shell are: what the engine gives is the answer.
            vectors = self.engine.embed(tokens.token_ids, tokens.offsets, width, prefix, None)
            _require_unit_length(vectors, self.folder)
            return vectors
        vectors = np.empty((len(tokens), width), np.float32)
        for begin, end in tokens.batches(self._batch_tokens):
            batch = tokens.part(begin, end)

            def report(share: float, begin: int = begin, end: int = end) -> None:
                if progress:
                    progress(begin + share * (end - begin), len(tokens))

            vectors[begin:end] = self.engine.embed(
                batch.token_ids, batch.offsets, width, prefix, report if progress else None
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
        return comparing.pair_similarity(self, left, right, mode, task, dimensions, overlength)

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
        return comparing.all_similarities(self, left, right, mode, task, dimensions, overlength)

    def _check_tokens(self, tokens: TokenizedTexts) -> None:
        # The engine checks again; here a sequence still has the number that the caller knows.
        lengths, total = tokens.lengths, len(tokens.token_ids)
        if tokens.offsets[0] != 0 or tokens.offsets[-1] != total:
            raise TokenError(f"offsets must begin with 0 and end with the number of token ids, {total}")
        if lengths.min(initial=1) < 1:
            raise TokenError(f"sequence {int(lengths.argmin())} has no tokens")
        if lengths.max(initial=0) > self.max_tokens:
            longest = int(lengths.argmax())
            raise TokenError(
                f"sequence {longest} has {lengths[longest]} tokens; {self.name} reads {self.max_tokens}"
            )
        tokens.require_ids_of(self.checkpoint.architecture.vocabulary_size, self.name, "sequence")

    def embed_texts(
        self,
        texts: Sequence[str],
        prefix: str = "",
        *,
        dimensions: int | None = None,
        overlength: Overlength = "error",
        progress: Progress | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Give the vectors of texts with that prefix, and the tokens cut from each; see ``encode``.

        Returns:
            Rows of length 1, shape (n, dimensions), and whole numbers, shape (n,).
        """
        if len(texts) < _TEXTS_AT_A_TIME:
            tokens = self._tokenize(texts, prefix, overlength)
            return self._embed(tokens, dimensions, progress, self._shared(prefix)), tokens.cut
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
        shared = self._shared(prefix)
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
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1, thread_name_prefix="samesay-tokenize") as ahead:
            while len(tokens):
                following = ahead.submit(tokenize_next)
                yield self._embed(tokens, dimensions, progress, shared), tokens.cut
                tokens = following.result()

    def _shared(self, prefix: str) -> NDArray[np.int32]:
        """Give the ids that all texts with this prefix begin with."""
        return self.checkpoint.tokenizer.prefix_ids(prefix)

    def _tokenize(
        self, texts: Sequence[str], prefix: str, overlength: Overlength, first: int = 0
    ) -> TokenizedTexts:
        return tokenize(self.checkpoint, comparing.as_list(texts), prefix, overlength, first)


@overload
def load(
    name_or_path: Path | None = None,
    *,
    precision: Precision | None = None,
    threads: int | None = None,
    device: str | None = None,
    matryoshka: bool | None = None,
    notice: Callable[[str], None] | None = None,
) -> EmbeddingModel: ...


@overload
def load(
    name_or_path: str | Path | None,
    *,
    precision: Precision | None = None,
    threads: int | None = None,
    device: str | None = None,
    matryoshka: bool | None = None,
    remote: RemoteSettings | None = None,
    notice: Callable[[str], None] | None = None,
) -> TextModel: ...


def load(
    name_or_path: str | Path | None = None,
    *,
    precision: Precision | None = None,
    threads: int | None = None,
    device: str | None = None,
    matryoshka: bool | None = None,
    remote: RemoteSettings | None = None,
    notice: Callable[[str], None] | None = None,
) -> TextModel:
    """Load a model that is on this machine, or reach one behind an endpoint; nothing is downloaded.

    Args:
        name_or_path: A model folder, ``"bundled"``, a short name that ``samesay models`` lists, or a hub id
            that was pulled; or an endpoint, ``"openai:MODEL"`` or ``"https://host/v1#MODEL"``. By default
            the best model present. A ``Path`` is always a folder.
        precision: How the engine holds weights and activations; by default int8 on the processor, bf16 on a
            GPU, fp32 with torch on the processor.
        threads: Threads to compute on; by default one a core that this process may use.
        device: ``"cuda"``, ``"cuda:1"``, ``"mps"`` or ``"torch:cpu"`` compute with torch; by default our own
            engine computes on the processor.
        matryoshka: Whether vectors may be cut to fewer dimensions, where that is not known of the model.
        remote: How an endpoint is asked; by default what its name says after ``?``.
        notice: Is told, in one line, when there is something to wait for, as at the bundled model's first
            use.

    Raises:
        ModelNotFoundError: When there is no such model here.
        CheckpointError: When its folder is incomplete, damaged or of an unsupported kind.
        RemoteError: When an endpoint is not named as it should be, or an option has no meaning for it.
    """
    if isinstance(name_or_path, str) and is_remote(name_or_path):
        from samesay.remote.model import load_remote

        require_local_options_unset(precision=precision, threads=threads, device=device)
        return load_remote(name_or_path, settings=remote, matryoshka=matryoshka)
    if remote is not None:
        raise RemoteError(f"remote settings are for an endpoint, and {name_or_path} is none")
    return load_local(
        name_or_path,
        precision=precision,
        threads=threads,
        device=device,
        matryoshka=matryoshka,
        notice=notice,
    )


def load_local(
    name_or_path: str | Path | None = None,
    *,
    precision: Precision | None = None,
    threads: int | None = None,
    device: str | None = None,
    matryoshka: bool | None = None,
    notice: Callable[[str], None] | None = None,
) -> EmbeddingModel:
    """Load a model that is on this machine; see ``load``.

    Raises:
        RemoteError: For the name of an endpoint.
        SamesayError: As for ``load``.
    """
    if isinstance(name_or_path, str) and is_remote(name_or_path):
        raise RemoteError(f"{name_or_path} is behind an endpoint; here a model on this machine is needed")
    found = locate(name_or_path, notice)
    checkpoint = read_checkpoint(found.folder, name=found.name, matryoshka=matryoshka)
    engine = make_engine(checkpoint, device, precision, threads)
    return EmbeddingModel(checkpoint, engine, batch_tokens(device))


def load_as(
    reference: str,
    identity: Identity,
    *,
    threads: int | None = None,
    notice: Callable[[str], None] | None = None,
) -> TextModel:
    """Load a model by its reference, on the engine and in the precision that an identity says.

    Raises:
        SamesayError: As for ``load``.
    """
    if is_remote(reference) or identity.precision not in PRECISIONS:
        return load(reference)
    precision = identity.precision
    device = device_of(identity.engine)
    return load(reference, precision=precision, threads=threads, device=device, notice=notice)


def _require_unit_length(vectors: NDArray[np.float32], folder: Path) -> None:
    # A damaged weight may be finite and overflow on the way, and nothing else would tell.
    if not have_length_one(vectors).all():
        raise CheckpointError(
            f"{folder} gives vectors that are not finite or have no length: "
            "its weights are damaged; fetch the model again"
        )
