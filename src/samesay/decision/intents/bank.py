"""The examples as vectors, ready to be matched against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.decision.intents.examples import IntentExample
from samesay.errors import IntentsError

Vectors = NDArray[np.float32]

# With few examples their mean is their subject rather than what all vectors of the model share.
_TRUSTED = 20


@dataclass(frozen=True, eq=False)
class Bank:
    """Examples in the order of their intents.

    Vectors of one model share a direction, and much of every cosine comes from it. Examples and texts are
    therefore taken relative to the mean of the examples, at length 1 again.

    Args:
        intents: K names, in the order in which they came.
        texts: n examples.
        labels: The place of each example's intent, rising, shape (n,).
        vectors: Of the examples as the model gives them, shape (n, d).
        mean: What is subtracted, shape (d,).
        centred: Rows relative to the mean, shape (n, d).
        sums: The sum of the centred rows of each intent, shape (K, d).
        starts: Where each intent begins, and the end, shape (K + 1,).
    """

    intents: tuple[str, ...]
    texts: tuple[str, ...]
    labels: NDArray[np.int64]
    vectors: Vectors
    mean: Vectors
    centred: Vectors
    sums: Vectors
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Examples of each intent, shape (K,)."""
        return np.diff(self.starts)

    @property
    def centroids(self) -> Vectors:
        """The centre of each intent at length 1, shape (K, d)."""
        return unit_rows(self.sums)


def bank_of(examples: Sequence[IntentExample], vectors: Vectors) -> Bank:
    """Put examples and their vectors, row by row, in the order of their intents.

    Raises:
        IntentsError: There are no examples.
    """
    names = list(dict.fromkeys(one.intent for one in examples if one.intent is not None))
    if not names:
        raise IntentsError("there are no examples of any intent; a row is an intent and an example of it")
    places = {name: place for place, name in enumerate(names)}
    labels = np.array([places[str(one.intent)] for one in examples], np.int64)
    order = np.argsort(labels, kind="stable")
    return restored_bank(
        tuple(names), tuple(examples[place].text for place in order), labels[order], vectors[order]
    )


def restored_bank(
    intents: tuple[str, ...], texts: tuple[str, ...], labels: NDArray[np.int64], vectors: Vectors
) -> Bank:
    """Make the bank of what is in the order of the intents already."""
    vectors = np.ascontiguousarray(vectors, np.float32)
    wide = vectors.astype(np.float64)
    mean = (wide.sum(0) / (len(vectors) + _TRUSTED)).astype(np.float32)
    centred = relative_to(mean, vectors)
    starts = np.searchsorted(labels, np.arange(len(intents) + 1)).astype(np.int64)
    sums = np.add.reduceat(centred.astype(np.float64), starts[:-1], axis=0).astype(np.float32)
    return Bank(intents, texts, labels, vectors, mean, centred, sums, starts)


def relative_to(mean: Vectors, vectors: Vectors) -> Vectors:
    """Give rows relative to the mean, at length 1."""
    return unit_rows(vectors - mean)


def unit_rows(rows: Vectors) -> Vectors:
    """Give rows at length 1; a row of zeros stays one."""
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return np.asarray(rows / np.maximum(lengths, np.float32(1e-12))[:, None], np.float32)
