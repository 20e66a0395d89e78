"""Laws that every vector must keep on every machine, and whether they hold on this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from samesay.errors import SamesayError

if TYPE_CHECKING:
    from samesay.model import EmbeddingModel

Outcome = Literal["passed", "failed", "skipped"]
# Gives the same model again with that many threads and that much memory for shared prefixes.
Again = Callable[[int, int], "EmbeddingModel"]

_LENGTH = 1e-4
# Of engines that promise no bits: of bf16, the coarsest they have, and more than enough to find a wrong mask.
_LEAST_COSINE_OF_BATCHES = 0.9999
_LEAST_COSINE_OF_ENGINES = 0.999
_PREFIX_BYTES = 64 << 20
# Short and long, several scripts, repeated, with what tokenizers find odd.
TEXTS: tuple[str, ...] = (
    "The cat is asleep.",
    "A cat sleeps.",
    "猫在睡觉。",
    "Wo finde ich die Rechnung vom letzten Monat?",
    "a",
    "🚀  spaces\tand\nlines ",
    "كيف حالك اليوم؟",
    "The cat is asleep.",
    "One sentence follows another, and each is about the weather of a town by the sea. " * 12,
    "How do I change the address on my account?",
    "def add(a, b):\n    return a + b",
    "It rained all day. " * 3,
)


@dataclass(frozen=True)
class Check:
    """One law, and whether it holds.

    Args:
        name: The law.
        model: The model it was tried with.
        outcome: Whether it holds.
        detail: Numbers, or why not.
        seconds: What it took.
    """

    name: str
    model: str
    outcome: Outcome
    detail: str
    seconds: float


class BrokenLawError(Exception):
    """A law does not hold; the message says how it showed."""


class NotHereError(Exception):
    """A law cannot be tried here; the message says why."""


def tried(name: str, model: str, law: Callable[[], str]) -> Check:
    """Try a law, which gives its numbers or raises; whatever it raises is an outcome."""
    begin = perf_counter()
    outcome: Outcome = "failed"
    try:
        detail = law()
        outcome = "passed"
    except NotHereError as error:
        detail, outcome = str(error), "skipped"
    except (BrokenLawError, SamesayError) as error:
        detail = str(error)
    except Exception as error:
        # A self-test is there to tell of what nobody expected.
        detail = f"{type(error).__name__}: {error}"
    return Check(name, model, outcome, detail, round(perf_counter() - begin, 3))


def invariants(model: EmbeddingModel, again: Again) -> Iterator[Check]:
    """Try all laws on a model of our own engine, one at a time."""
    name = model.name
    yield tried("vectors have length 1", name, lambda: _length_one(model))
    yield tried("a text alone and among others gives the same bits", name, lambda: _batches(model))
    yield tried("the same again gives the same bits", name, lambda: _repeats(model))
    yield tried("the prefix cache changes no bit", name, lambda: _prefixes(model, again))
    yield tried("the number of threads changes no bit", name, lambda: _threads(again))


def likenesses(model: EmbeddingModel, ours: Callable[[], EmbeddingModel]) -> Iterator[Check]:
    """Try what an engine keeps that promises no bits, as torch's.

    Args:
        model: The model.
        ours: Gives it on our own engine in fp32.
    """
    name = model.name
    yield tried("vectors have length 1", name, lambda: _length_one(model))
    yield tried("a text alone and among others gives nearly the same vector", name, lambda: _near(model))
    yield tried("vectors are near those of our own engine in fp32", name, lambda: _like(model, ours))


def _vectors(model: EmbeddingModel, texts: tuple[str, ...], prefix: str = "") -> NDArray[np.float32]:
    return model.embed_texts(list(texts), prefix, overlength="truncate")[0]


def _length_one(model: EmbeddingModel) -> str:
    vectors = _vectors(model, TEXTS).astype(np.float64)
    if not np.isfinite(vectors).all():
        raise BrokenLawError("a vector is not finite")
    off = float(np.abs(np.linalg.norm(vectors, axis=1) - 1).max())
    if off > _LENGTH:
        raise BrokenLawError(f"a length differs from 1 by {off:.2e}; {_LENGTH:.0e} is allowed")
    return f"{len(TEXTS)} texts, off by {off:.1e} at most"


def _batches(model: EmbeddingModel) -> str:
    together = _vectors(model, TEXTS)
    backwards = _vectors(model, TEXTS[::-1])[::-1]
    alone = np.concatenate([_vectors(model, (text,)) for text in TEXTS])
    _same_bits(together, alone, "alone and in a batch")
    _same_bits(together, backwards, "in another order")
    return f"{len(TEXTS)} texts, alone, together and in another order"


def _near(model: EmbeddingModel) -> str:
    alone = np.concatenate([_vectors(model, (text,)) for text in TEXTS])
    together = _least_cosine(alone, _vectors(model, TEXTS), _LEAST_COSINE_OF_BATCHES, "alone and in a batch")
    backwards = _vectors(model, TEXTS[::-1])[::-1]
    turned = _least_cosine(alone, backwards, _LEAST_COSINE_OF_BATCHES, "in another order")
    return f"{len(TEXTS)} texts, cosine at least {min(together, turned):.6f}"


def _like(model: EmbeddingModel, ours: Callable[[], EmbeddingModel]) -> str:
    expected = _vectors(ours(), TEXTS)
    least = _least_cosine(expected, _vectors(model, TEXTS), _LEAST_COSINE_OF_ENGINES, "on our own engine")
    return f"{len(TEXTS)} texts, cosine at least {least:.6f}"


def _least_cosine(one: NDArray[np.float32], other: NDArray[np.float32], allowed: float, when: str) -> float:
    cosines = np.einsum("nd,nd->n", one.astype(np.float64), other.astype(np.float64))
    place, least = int(cosines.argmin()), float(cosines.min())
    # Written so that a cosine that is no number is found as well.
    if not least >= allowed:
        raise BrokenLawError(
            f"text {place} has cosine {least:.6f} with itself {when}; {allowed} is the least that is allowed"
        )
    return least


def _repeats(model: EmbeddingModel) -> str:
    first = _vectors(model, TEXTS)
    for _ in range(3):
        _same_bits(first, _vectors(model, TEXTS), "the first and a later time")
    return "4 times"


def _prefixes(model: EmbeddingModel, again: Again) -> str:
    prefix = model.prompts.pair_prefixes("query-document")[0] or "Instruct: find the same\nQuery:"
    without = _vectors(again(1, 0), TEXTS, prefix)
    cached = again(1, _PREFIX_BYTES)
    _same_bits(without, _vectors(cached, TEXTS, prefix), "without and with the cache")
    _same_bits(without, _vectors(cached, TEXTS, prefix), "without the cache and from it")
    return f"prefix of {len(prefix)} characters, off, filling, filled"


def _threads(again: Again) -> str:
    one, two = _vectors(again(1, _PREFIX_BYTES), TEXTS), _vectors(again(2, _PREFIX_BYTES), TEXTS)
    _same_bits(one, two, "on 1 thread and on 2")
    return "1 and 2 threads"


def _same_bits(one: NDArray[np.float32], other: NDArray[np.float32], when: str) -> None:
    if np.array_equal(one, other):
        return
    different = np.flatnonzero((one != other).any(axis=1))
    most = float(np.abs(one - other).max())
    raise BrokenLawError(
        f"{len(different)} of {len(one)} texts give other bits {when}, the first is text {different[0]}; "
        f"numbers differ by {most:.1e} at most"
    )
