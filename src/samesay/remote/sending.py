"""Many texts to one endpoint: in requests that it takes, some at a time, none lost and none twice."""

from __future__ import annotations

import asyncio
import json
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from samesay.errors import DimensionsError, OverlengthError, RemoteAnswerError, RemoteError, TextError
from samesay.remote.address import Address
from samesay.remote.answer import Answer, Refusal, read_answer, unit_rows
from samesay.remote.connection import Refused, Way
from samesay.remote.settings import RemoteSettings

# Rather too many than too few: of the usual tokenizers none makes more of ordinary text.
_BYTES_PER_TOKEN = 2.5
_AROUND = 2
_REMEMBERED = 10_000
_ROUNDS_OF_CUTTING = 40
_SIZE_STATUSES = (400, 413, 422)
_TOO_MANY = re.compile(r"batch|too many|too large|inputs|array|items|maximum allowed", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context[ _]length|too long|max_model_len|max_seq_len|maximum (input|sequence) length|longer than|"
    r"exceed|\d+ tokens|input length|token limit",
    re.IGNORECASE,
)

_T = TypeVar("_T")
Rows = NDArray[np.float32]
# Told the numbers of texts, their vectors and the tokens cut from each.
Emit = Callable[[Sequence[int], Rows, Sequence[int]], None]


@dataclass(frozen=True)
class Asked:
    """What is wanted for texts.

    Attributes:
        prefix: Stands before each.
        texts: The texts.
        sent_dimensions: Sent with the request, or None.
        width: Width that the vectors are to have; None before the first answer.
        truncate: Whether a text that is too long is cut.
    """

    prefix: str
    texts: Sequence[str]
    sent_dimensions: int | None
    width: int | None
    truncate: bool


@dataclass
class Sender:
    """Sends texts. Used from one event loop at a time, but for ``was_refused`` and the totals.

    Args:
        address: The endpoint and the model.
        settings: Limits.
        way: The way there.
    """

    address: Address
    settings: RemoteSettings
    way: Way
    texts: int = 0
    tokens: int = 0
    unknown: int = 0
    width: int | None = None
    _refused: OrderedDict[bytes, None] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.width = self.settings.dimensions
        self._most_inputs = self.settings.max_inputs
        self._may_cut = True
        self._encoding: str | None = self.settings.encoding
        self._at_a_time = self.settings.concurrency * len(self.address.urls)
        self._places: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    def was_refused(self, text: str) -> bool:
        """Say whether the endpoint has refused this text, prefix included, as too long."""
        return _mark(text) in self._refused

    async def send(self, asked: Asked, emit: Emit) -> None:
        """Ask for the vectors of all texts; the first failure ends it all.

        Raises:
            SamesayError: Naming the text, where it is the text's fault.
        """
        batches = deque(self._batches(asked))
        places = self._places_here()

        async def work() -> None:
            while batches:
                numbers = batches.popleft()
                async with places:
                    await self._batch(asked, numbers, emit)

        workers = [asyncio.create_task(work()) for _ in range(min(self._at_a_time, len(batches)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def _places_here(self) -> asyncio.Semaphore:
        """Give what bounds the requests at a time; a closed model begins another loop."""
        loop = asyncio.get_running_loop()
        if self._places is None or self._places[0] is not loop:
            self._places = (loop, asyncio.Semaphore(self._at_a_time))
        return self._places[1]

    def _batches(self, asked: Asked) -> Iterator[list[int]]:
        batch: list[int] = []
        tokens = 0
        for number, text in enumerate(asked.texts):
            size = estimated_tokens(asked.prefix + text)
            if batch and (
                len(batch) >= self._most_inputs or tokens + size > self.settings.max_request_tokens
            ):
                yield batch
                batch, tokens = [], 0
            batch.append(number)
            tokens += size
        if batch:
            yield batch

    async def _batch(self, asked: Asked, numbers: list[int], emit: Emit) -> None:
        if len(numbers) > self._most_inputs:
            for begin in range(0, len(numbers), self._most_inputs):
                await self._batch(asked, numbers[begin : begin + self._most_inputs], emit)
            return
        texts = [asked.prefix + asked.texts[number] for number in numbers]
        try:
            vectors = await self._vectors(texts, asked)
        except Refused as refused:
            refusal = refused.refusal
        else:
            self.texts += len(numbers)
            emit(numbers, vectors, [0] * len(numbers))
            return
        if refusal.status not in _SIZE_STATUSES or refusal.param in ("model", "dimensions"):
            raise self._error(refusal)
        if len(numbers) == 1:
            await self._single(asked, numbers[0], refusal, emit)
            return
        # Either it takes fewer at a time, or one of them is at fault: halves tell.
        half = (len(numbers) + 1) // 2
        if refusal.status == 413 or _TOO_MANY.search(refusal.message):
            self._most_inputs = min(self._most_inputs, half)
        await self._batch(asked, numbers[:half], emit)
        await self._batch(asked, numbers[half:], emit)

    async def _single(self, asked: Asked, number: int, refusal: Refusal, emit: Emit) -> None:
        text = asked.texts[number]
        if refusal.status != 413 and not _TOO_LONG.search(refusal.message + " " + refusal.code):
            raise TextError(f"text {number} was refused by {self.address.url}: {refusal.message}")
        self._remember(asked.prefix + text)
        if not asked.truncate:
            raise OverlengthError(
                f"text {number} is too long for {self.address.model} ({refusal.message}). "
                "Shorten it, split it, or cut it with overlength='truncate'"
            )
        if self._may_cut and await self._cut_there(asked, number, refusal, emit):
            return
        kept = text
        for _ in range(_ROUNDS_OF_CUTTING):
            kept = kept[: int(len(kept) * _share_to_keep(refusal.message))].rstrip()
            if not kept:
                break
            try:
                vectors = await self._vectors([asked.prefix + kept], asked)
            except Refused as refused:
                refusal = refused.refusal
                if refusal.status not in _SIZE_STATUSES:
                    raise self._error(refusal) from None
                continue
            self.texts += 1
            emit([number], vectors, [estimated_tokens(text[len(kept) :])])
            return
        raise OverlengthError(f"text {number} is refused however short it is cut: {refusal.message}")

    async def _cut_there(self, asked: Asked, number: int, refusal: Refusal, emit: Emit) -> bool:
        """Ask the endpoint to cut, as samesay's server does by its tokenizer; False if it will not."""
        text = asked.texts[number]
        try:
            vectors = await self._vectors([asked.prefix + text], asked, overlength="truncate")
        except Refused as refused:
            if refused.refusal.status not in _SIZE_STATUSES:
                raise self._error(refused.refusal) from None
            self._may_cut = False
            return False
        self.texts += 1
        has, reads = _tokens_told(refusal.message) or (estimated_tokens(text), 0)
        emit([number], vectors, [max(1, has - reads)])
        return True

    async def _vectors(self, texts: list[str], asked: Asked, overlength: str | None = None) -> Rows:
        def read(content: bytes) -> tuple[Rows, Answer]:
            return self._read(content, len(texts), asked)

        vectors, answer = await self._ask(texts, asked.sent_dimensions, read, overlength)
        if asked.sent_dimensions is None and self.width is None:
            self.width = answer.vectors.shape[1]
        if answer.tokens is None:
            self.unknown += 1
        self.tokens += answer.tokens or 0
        return vectors

    def _read(self, content: bytes, count: int, asked: Asked) -> tuple[Rows, Answer]:
        answer = read_answer(content, count)
        width = answer.vectors.shape[1]
        if asked.sent_dimensions is not None:
            if width != asked.sent_dimensions:
                raise DimensionsError(
                    f"{self.address.model} was asked for {asked.sent_dimensions} dimensions and gave "
                    f"{width}: the endpoint does not cut. If the model was trained to be cut, "
                    "the option cut=here cuts its vectors here"
                )
        elif self.width is not None and width != self.width:
            raise RemoteAnswerError(
                f"answered with {width} dimensions, and before with {self.width}: is it the same model?"
            )
        vectors = answer.vectors
        if asked.width is not None and asked.width < width:
            vectors = np.ascontiguousarray(vectors[:, : asked.width])
        return unit_rows(vectors), answer

    async def _ask(
        self, texts: list[str], dimensions: int | None, read: Callable[[bytes], _T], overlength: str | None
    ) -> _T:
        # What this request is sent with: another may learn meanwhile that it must not be.
        encoding = self._encoding
        try:
            return await self.way.ask(
                "/embeddings", self._body(texts, dimensions, overlength, encoding), read
            )
        except Refused as refused:
            # Some servers know no encodings; what they send is read either way.
            if encoding is None or "encoding_format" not in (refused.refusal.message + refused.refusal.param):
                raise
            self._encoding = None
            return await self.way.ask("/embeddings", self._body(texts, dimensions, overlength, None), read)

    def _body(
        self, texts: list[str], dimensions: int | None, overlength: str | None, encoding: str | None
    ) -> bytes:
        value: dict[str, object] = {"model": self.address.model, "input": texts}
        if encoding is not None:
            value["encoding_format"] = encoding
        if dimensions is not None:
            value["dimensions"] = dimensions
        if overlength is not None:
            value["overlength"] = overlength
        return json.dumps(value, ensure_ascii=False).encode()

    def _error(self, refusal: Refusal) -> Exception:
        words = f"{self.address.url} refuses {self.address.model} ({refusal.status}): {refusal.message}"
        if refusal.param == "dimensions":
            return DimensionsError(words)
        return RemoteError(words)

    def _remember(self, text: str) -> None:
        self._refused[_mark(text)] = None
        if len(self._refused) > _REMEMBERED:
            self._refused.popitem(last=False)


def estimated_tokens(text: str) -> int:
    """Estimate the tokens of a text from its bytes, rather too high."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return int(size / _BYTES_PER_TOKEN) + 1 + _AROUND


def _mark(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _share_to_keep(message: str) -> float:
    """Guess from "has 600 tokens; reads 512" how much of a text will do; without numbers, most of it."""
    told = _tokens_told(message)
    return min(max(0.98 * told[1] / told[0], 0.2), 0.9) if told else 0.8


def _tokens_told(message: str) -> tuple[int, int] | None:
    """Read the tokens of a text, and those that the model reads, from words of any endpoint."""
    numbers = sorted({int(digits) for digits in re.findall(r"\d+", message) if len(digits) < 10})
    return (numbers[-1], numbers[-2]) if len(numbers) >= 2 and numbers[-2] >= 16 else None
