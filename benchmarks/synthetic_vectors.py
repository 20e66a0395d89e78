"""Vectors like those of texts, made from a seed in blocks, so that any number of them needs little memory.

Texts gather around topics and topics around fields; what distinguishes two texts of a topic lies mostly in a
few directions. So a vector is a topic's centre plus noise whose variance falls with the direction's number,
turned by a random rotation; topics are of unequal size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
BLOCK_ROWS = 20_000
ROWS_PER_TOPIC = 1000
_FIELDS = 50


class SyntheticVectors:
    """Rows of length 1 around topics.

    Args:
        rows: How many there are.
        width: Numbers in each.
        seed: Everything follows from it.
    """

    def __init__(self, rows: int, width: int = 1024, seed: int = 0) -> None:
        self.rows, self.width, self.seed = rows, width, seed
        random = np.random.default_rng(seed)
        rotation, _ = np.linalg.qr(random.standard_normal((width, width)).astype(np.float32))
        spread = np.arange(1, width + 1) ** -0.5
        self._basis = (rotation * (spread / np.linalg.norm(spread))[:, None]).astype(np.float32)
        topics = max(1, rows // ROWS_PER_TOPIC)
        fields = self._noise(random, _FIELDS)
        self._centres = fields[random.integers(_FIELDS, size=topics)] + 0.8 * self._noise(random, topics)
        sizes = np.arange(1, topics + 1) ** -0.5
        self._shares = sizes / sizes.sum()

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
        """Give all rows with their numbers, a block at a time."""
        for begin in range(0, self.rows, BLOCK_ROWS):
            end = min(begin + BLOCK_ROWS, self.rows)
            yield np.arange(begin, end), self._draw([self.seed, begin], end - begin)

    def queries(self, count: int) -> Vectors:
        """Give further vectors of the same kind, none of which is a row."""
        return self._draw([self.seed, self.rows, 1], count)

    def _draw(self, seed: list[int], count: int) -> Vectors:
        random = np.random.default_rng(seed)
        topics = random.choice(len(self._shares), size=count, p=self._shares)
        vectors = self._centres[topics] + self._noise(random, count)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def _noise(self, random: np.random.Generator, count: int) -> Vectors:
        return np.asarray(random.standard_normal((count, self.width), dtype=np.float32) @ self._basis)


def nearest_rows(vectors: SyntheticVectors, queries: Vectors, count: int) -> NDArray[np.int64]:
    """Give the nearest rows of each query by exact search, shape (queries, count)."""
    best_rows = np.empty((len(queries), 0), np.int64)
    best_scores = np.empty((len(queries), 0), np.float32)
    for rows, block in vectors.blocks():
        scores = np.concatenate([best_scores, queries @ block.T], axis=1)
        numbers = np.concatenate([best_rows, np.broadcast_to(rows, (len(queries), len(rows)))], axis=1)
        kept = np.argpartition(-scores, min(count, scores.shape[1]) - 1, axis=1)[:, :count]
        best_scores, best_rows = (np.take_along_axis(one, kept, axis=1) for one in (scores, numbers))
    return best_rows
