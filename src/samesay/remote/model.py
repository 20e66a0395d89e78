"""A model behind OpenAI-compatible endpoints, used like one on this machine."""

from __future__ import annotations

import json
import queue
import random
import warnings
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import closing
from dataclasses import asdict
from functools import cached_property
from itertools import islice
from operator import index
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from samesay import comparing
from samesay.checkpoint.fingerprint import digest
from samesay.checkpoint.prompts import PairMode, Prompt, Prompts, known_prompts
from samesay.errors import (
    DimensionsError,
    OverlengthError,
    PromptError,
    RemoteError,
    ReplicaWarning,
    TextError,
)
from samesay.identity import REMOTE, Identity
from samesay.remote.address import Address, read_address
from samesay.remote.background import Background
from samesay.remote.connection import Connection, Refused, Way
from samesay.remote.replica import ReplicaState
from samesay.remote.replicas import Replicas
from samesay.remote.sending import Asked, Rows, Sender, estimated_tokens
from samesay.remote.settings import RemoteSettings, with_options
from samesay.remote.usage import Usage
from samesay.text_model import Overlength, Progress

_DEFAULT_MAX_TOKENS = 512
_OPENAI_MAX_TOKENS = 8192
_TEXTS_AT_A_TIME = 1024
_PROBE = "a"

Cuts = NDArray[np.int64]
# Numbers of texts, their vectors, and the tokens cut from each.
_Done = tuple[Sequence[int], Rows, Sequence[int]]


def load_remote(
    name: str, *, settings: RemoteSettings | None = None, matryoshka: bool | None = None
) -> RemoteModel:
    """Give the model of a name such as ``openai:MODEL`` or ``URL#MODEL?option=value``; asks nothing yet.

    Raises:
        RemoteError: When the name is not written as it should be.
    """
    address = read_address(name)
    chosen = with_options(settings or RemoteSettings(), address.options)
    return RemoteModel(address, chosen, matryoshka=matryoshka)


class RemoteModel:
    """A model behind an endpoint.

    Its vectors are as good as the endpoint is honest: nobody can see from here which weights a name stands
    for, or whether they are the same tomorrow. Safe to use from several threads.

    Args:
        address: The endpoint and the model there.
        settings: How it is asked.
        matryoshka: Whether vectors may be cut to fewer dimensions; by default the endpoint decides.
        draw: Gives numbers from 0 to 1, for the jitter of waits.

    Raises:
        RemoteError: For a key or settings that cannot be.
    """

    def __init__(
        self,
        address: Address,
        settings: RemoteSettings,
        *,
        matryoshka: bool | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.address = address
        self.settings = settings
        self._matryoshka = matryoshka
        self._replicas = Replicas(address, settings, draw) if len(address.urls) > 1 else None
        self._way: Way = self._replicas or Connection(address, settings, draw)
        self._sender = Sender(address, settings, self._way)
        self._background = Background()
        self._probing = Lock()
        self.prompts = _prompts(address.model, settings.prompts)
        weakref.finalize(self, self._background.close, self._way.close)

    def __repr__(self) -> str:
        return f"RemoteModel({self.name!r}, {self.address.url!r})"

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._background.close(self._way.close)

    @property
    def name(self) -> str:
        """What the endpoint calls the model."""
        return self.address.model

    @property
    def reference(self) -> str:
        """By what ``load`` finds the model again; it holds no key."""
        return self.address.reference

    @property
    def read_ahead(self) -> int:
        """Characters of text that are best handed over at once: enough to keep all requests busy."""
        requests = self.settings.concurrency * len(self.address.urls)
        return 4 * requests * self.settings.max_request_tokens

    @property
    def usage(self) -> Usage:
        """What the endpoint was asked for so far."""
        sender, way = self._sender, self._way
        return Usage(
            way.requests,
            way.retries,
            sender.texts,
            sender.tokens,
            sender.unknown,
            self.settings.price_per_million_tokens,
        )

    @property
    def replicas(self) -> tuple[ReplicaState, ...]:
        """How each of several endpoints is; empty where there is only one."""
        return self._replicas.states if self._replicas else ()

    @property
    def dimensions(self) -> int:
        """Width of an uncut vector; where no answer has told it yet, a short text is sent.

        Raises:
            RemoteError: When the endpoint does not answer.
        """
        with self._probing:
            if self._sender.width is None:
                for _ in self._run([_PROBE], "", None, None, False):
                    pass
        if self._sender.width is None:
            raise RemoteError(f"{self.address.url} did not tell the width of its vectors")
        return self._sender.width

    @cached_property
    def max_tokens(self) -> int:
        """Tokens of a text at most: as set, as the endpoint's list of models says, or 512.

        Raises:
            RemoteError: When the endpoint cannot be reached.
        """
        if self.settings.max_tokens is not None:
            return self.settings.max_tokens
        if "api.openai.com" in self.address.url:
            return _OPENAI_MAX_TOKENS
        future = self._background.submit(self._way.ask("/models", None, bytes))
        try:
            content = _result(future)
        except Refused:
            return _DEFAULT_MAX_TOKENS
        return _limit_in(content, self.name) or _DEFAULT_MAX_TOKENS

    @property
    def identity(self) -> Identity:
        """What the vectors of this model are called, at full width."""
        return self.identity_at(None)

    def identity_at(self, dimensions: int | None) -> Identity:
        """Give the identity of vectors of that width: the model's name and the prompts, not the endpoint.

        Raises:
            DimensionsError: For a width that this model does not give.
        """
        width, _ = self._widths(dimensions)
        return Identity(
            model=self.name,
            weights=digest([REMOTE, self.name]),
            tokenizer=REMOTE,
            prompts=digest(asdict(self.prompts)),
            pooling=REMOTE,
            precision=REMOTE,
            dimensions=self.dimensions if width is None else width,
            engine=REMOTE,
        )

    def check(
        self,
        texts: Sequence[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        overlength: Overlength = "error",
    ) -> None:
        """Raise what is known of texts without asking: their kind, and what was refused before.

        Raises:
            TextError: For the first text that is known to be wrong.
        """
        prefix = self.prompts.prefix(prompt, task)
        checked = _checked(texts, overlength)
        for number, text in enumerate(checked):
            if overlength == "error" and self._sender.was_refused(prefix + text):
                raise OverlengthError(
                    f"text {number} is too long for {self.name}. "
                    "Shorten it, split it, or cut it with overlength='truncate'"
                )

    def too_long(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Say which texts, as they stand, the endpoint has refused as too long; shape (n,)."""
        return np.array([self._sender.was_refused(text) for text in texts], np.bool_)

    def count_tokens(
        self, texts: str | Sequence[str], *, prompt: Prompt | None = None, task: str | None = None
    ) -> NDArray[np.int64]:
        """Estimate the tokens of each text from its bytes, rather too high; shape (n,)."""
        prefix = self.prompts.prefix(prompt, task)
        return np.array([estimated_tokens(prefix + text) for text in comparing.as_list(texts)], np.int64)

    def embed_texts(
        self,
        texts: Sequence[str],
        prefix: str = "",
        *,
        dimensions: int | None = None,
        overlength: Overlength = "error",
        progress: Progress | None = None,
    ) -> tuple[Rows, Cuts]:
        """Give the vectors of texts with that prefix, and about how many tokens were cut from each."""
        width, sent = self._widths(dimensions)
        checked = _checked(texts, overlength)
        if not checked:
            return np.zeros((0, width or self.dimensions), np.float32), np.zeros(0, np.int64)
        vectors: Rows | None = None
        cut = np.zeros(len(checked), np.int64)
        done = 0
        with closing(self._run(checked, prefix, width, sent, overlength == "truncate")) as answered:
            for numbers, rows, lost in answered:
                if vectors is None:
                    vectors = np.empty((len(checked), rows.shape[1]), np.float32)
                vectors[list(numbers)] = rows
                cut[list(numbers)] = lost
                done += len(numbers)
                if progress:
                    progress(done, len(checked))
        if vectors is None or done != len(checked):
            raise RemoteError(
                f"{self.address.url}: {len(checked) - done} of {len(checked)} texts have no vector"
            )
        return vectors, cut

    def encode(
        self,
        texts: str | Sequence[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
        progress: Progress | None = None,
    ) -> Rows:
        """Give the vector of each text; see ``TextModel.encode``.

        Raises:
            RemoteError: When the endpoint does not answer as it should.
            SamesayError: As for ``TextModel.encode``.
        """
        prefix = self.prompts.prefix(prompt, task)
        listed = comparing.as_list(texts)
        vectors, cut = self.embed_texts(
            listed, prefix, dimensions=dimensions, overlength=overlength, progress=progress
        )
        if cut.any():
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
        step_tokens: int = 0,  # noqa: ARG002 - a step is a request
    ) -> Iterator[tuple[Rows, Cuts]]:
        """Give the vectors of texts and the tokens cut from each, in order, as requests are answered."""
        prefix = self.prompts.prefix(prompt, task)
        width, sent = self._widths(dimensions)
        checked = _checked(texts, overlength)
        waiting: dict[int, tuple[Rows, int]] = {}
        next_number = 0
        with closing(self._run(checked, prefix, width, sent, overlength == "truncate")) as answered:
            for numbers, rows, lost in answered:
                waiting.update(zip(numbers, zip(rows, lost, strict=True), strict=True))
                block = []
                while next_number in waiting:
                    block.append(waiting.pop(next_number))
                    next_number += 1
                if block:
                    yield np.stack([row for row, _ in block]), np.array([one for _, one in block], np.int64)

    def encode_stream(
        self,
        texts: Iterable[str],
        *,
        prompt: Prompt | None = None,
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
    ) -> Iterator[Rows]:
        """Give the vectors of any number of texts, in blocks of at most 1024."""
        prefix = self.prompts.prefix(prompt, task)
        source = iter(texts)
        while block := list(islice(source, _TEXTS_AT_A_TIME)):
            vectors, cut = self.embed_texts(block, prefix, dimensions=dimensions, overlength=overlength)
            if cut.any():
                comparing.warn_of_cuts(cut, self.max_tokens)
            yield vectors

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
        """Give the cosine of each pair (left[i], right[i]), from -1 to 1; shape (n,)."""
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

    def _widths(self, dimensions: int | None) -> tuple[int | None, int | None]:
        """Give the width asked for and the one to send, each None for the full one."""
        if dimensions is None:
            return None, None
        if isinstance(dimensions, bool) or not hasattr(dimensions, "__index__"):
            raise DimensionsError(f"dimensions must be a whole number, not {dimensions!r}")
        width, full = index(dimensions), self.dimensions
        if width == full:
            return None, None
        if not 1 <= width <= full:
            raise DimensionsError(f"{self.name} gives 1 to {full} dimensions, not {width}")
        if self._matryoshka is False:
            raise DimensionsError(f"{self.name} was not trained to be cut to {width} dimensions")
        return width, width if self.settings.cut == "there" else None

    def _run(
        self, texts: Sequence[str], prefix: str, width: int | None, sent: int | None, truncate: bool
    ) -> Generator[_Done, None, None]:
        """Send texts and give what is answered; leaving early ends all requests."""
        arrived: queue.SimpleQueue[_Done | None] = queue.SimpleQueue()
        asked = Asked(prefix, texts, sent, width, truncate)

        def emit(numbers: Sequence[int], rows: Rows, cut: Sequence[int]) -> None:
            arrived.put((numbers, rows, cut))

        future = self._background.submit(self._sender.send(asked, emit))
        future.add_done_callback(lambda _: arrived.put(None))
        try:
            while True:
                try:
                    # With an end, so that Ctrl-C gets through on every system.
                    done = arrived.get(timeout=1.0)
                except queue.Empty:
                    continue
                if done is None:
                    break
                yield done
            _result(future)
        finally:
            future.cancel()
        for notice in self._replicas.take_notices() if self._replicas else ():
            warnings.warn(notice, ReplicaWarning, stacklevel=2)


def _result(future: Future[bytes] | Future[None]) -> bytes:
    try:
        return future.result() or b""
    except CancelledError:
        raise RemoteError("the model was closed while it was asked") from None
    except BaseException:
        future.cancel()
        raise


def _checked(texts: Sequence[str], overlength: Overlength) -> list[str]:
    if overlength not in ("error", "truncate"):
        raise PromptError(f"overlength must be 'error' or 'truncate', not {overlength!r}")
    listed = comparing.as_list(texts)
    for number, text in enumerate(listed):
        if not isinstance(text, str):
            raise TextError(f"text {number} is of type {type(text).__name__}, not a string")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise TextError(
                    f"text {number} is not valid Unicode: a lone surrogate at character {error.start}; "
                    "decode the source with errors='replace'"
                ) from None
    return listed


def _prompts(model: str, chosen: str | None) -> Prompts:
    if chosen is None:
        return known_prompts(model) or Prompts()
    if chosen == "none":
        return Prompts()
    found = known_prompts(chosen)
    if found is None:
        raise RemoteError(
            f"no prompts are known for {chosen!r}; write a part of a model's name, such as "
            "qwen3-embedding, e5-mistral or multilingual-e5-small, or none"
        )
    return found


def _limit_in(content: bytes, name: str) -> int | None:
    try:
        entries = json.loads(content)["data"]
        (entry,) = [one for one in entries if one["id"] == name or name in one.get("aliases", ())]
        stated = [entry.get("max_tokens"), entry.get("max_model_len"), (entry.get("meta") or {}).get("n_ctx")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return next(
        (one for one in stated if isinstance(one, int) and not isinstance(one, bool) and one > 0), None
    )
