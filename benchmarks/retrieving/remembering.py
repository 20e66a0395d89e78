"""Vectors of texts, kept on disk: the same text is embedded once, whatever collections it goes into."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from samesay.collection import segmenting
from samesay.collection.segmenting import Embedded

if TYPE_CHECKING:
    from samesay.text_model import TextModel

_AT_A_TIME = 256


class Remembered:
    """Vectors by text, of one model.

    Args:
        path: The file that keeps them between runs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._embed = segmenting.embed
        self._known: dict[bytes, tuple[NDArray[np.float32], bool]] = {}
        self._saved = 0
        if path.is_file():
            with np.load(path) as file:
                columns = (file["keys"], file["vectors"], file["have"])
            for key, vector, have in zip(*columns, strict=True):
                self._known[bytes(key)] = (vector, bool(have))
            self._saved = len(self._known)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have collections take what is known from here; what they embed meanwhile is kept."""
        segmenting.embed = self._remembered
        try:
            yield
        finally:
            segmenting.embed = self._embed
            self._save()

    def vectors(self, texts: Sequence[str], model: TextModel) -> NDArray[np.float32]:
        """Give the vectors of texts as documents, cut to what the model reads; shape (n, dimensions)."""
        found = [
            self._remembered(texts[begin : begin + _AT_A_TIME], model, model.dimensions).vectors
            for begin in range(0, len(texts), _AT_A_TIME)
        ]
        self._save()
        return np.concatenate(found)

    def _remembered(self, texts: Sequence[str], model: TextModel, dimensions: int) -> Embedded:
        keys = [hashlib.sha256(text.encode("utf-8")).digest()[:16] for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if new:
            found = self._embed(list(new.values()), model, dimensions)
            for place, key in enumerate(new):
                self._known[key] = (found.vectors[place], found.have[place])
        rows = [self._known[key] for key in keys]
        return Embedded(np.stack([row[0] for row in rows]), [row[1] for row in rows], 0)

    def _save(self) -> None:
        if len(self._known) == self._saved:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new.npz")
        np.savez(
            beside,
            keys=np.array([np.frombuffer(key, np.uint8) for key in self._known]),
            vectors=np.stack([row[0] for row in self._known.values()]),
            have=np.array([row[1] for row in self._known.values()]),
        )
        beside.replace(self._path)
        self._saved = len(self._known)
