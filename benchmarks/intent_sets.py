"""Public intent sets with the bundled model's vectors, computed once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quality import DataMissingError
from samesay.decision.intents.examples import IntentExample
from samesay.decision.key import key_of
from samesay.model import EmbeddingModel

Vectors = NDArray[np.float32]
# How the set with out-of-scope texts names them.
_OUTSIDE = "oos"


@dataclass(frozen=True)
class Texts:
    """Labelled texts and their vectors.

    Args:
        examples: n texts with their intents.
        vectors: Shape (n, d).
    """

    examples: list[IntentExample]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.examples)

    def at(self, places: Sequence[int] | NDArray[np.int64]) -> Texts:
        """Give some of them."""
        chosen = np.asarray(places, np.int64)
        return Texts([self.examples[place] for place in chosen], self.vectors[chosen])

    @property
    def inside(self) -> Texts:
        """Those with an intent."""
        return self.at([place for place, one in enumerate(self.examples) if one.intent is not None])

    @property
    def outside(self) -> Texts:
        """Those without one."""
        return self.at([place for place, one in enumerate(self.examples) if one.intent is None])

    @property
    def texts(self) -> list[str]:
        """The texts themselves."""
        return [one.text for one in self.examples]


class Sets:
    """Reads sets and keeps their vectors.

    Args:
        data: Where the sets lie.
        cache: Where vectors are kept.
        model: The model.
    """

    def __init__(self, data: Path, cache: Path, model: EmbeddingModel) -> None:
        self._data = data
        self._cache = cache / "intent-vectors"
        self._model = model
        self.key = key_of(model)
        self.hashes: dict[str, str] = {}

    def read(self, file: str) -> Texts:
        """Give a file of texts and intents.

        Raises:
            DataMissingError: When it is not there.
        """
        path = self._data / file
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise DataMissingError(f"{path} is not there") from None
        self.hashes[file] = hashlib.sha256(content).hexdigest()
        examples = []
        for number, line in enumerate(content.decode("utf-8").splitlines(), 1):
            text, intent = line.split("\t")
            examples.append(
                IntentExample(text, None if intent == _OUTSIDE else intent, f"{file}, line {number}")
            )
        kept = self._cache / f"{self.hashes[file][:16]}-{self.key.digest[:16]}.npy"
        if kept.is_file():
            return Texts(examples, np.load(kept))
        vectors, _ = self._model.embed_texts([one.text for one in examples], self.key.left)
        self._cache.mkdir(parents=True, exist_ok=True)
        beside = kept.with_suffix(".new.npy")
        np.save(beside, vectors)
        beside.replace(kept)
        return Texts(examples, vectors)
