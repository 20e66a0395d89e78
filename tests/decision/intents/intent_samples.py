"""Vectors and examples for tests of intents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from samesay.decision.intents.examples import IntentExample
from samesay.decision.intents.fitted import FittedIntents
from samesay.decision.intents.fitting import fit_intents
from samesay.decision.intents.settings import IntentSettings
from samesay.decision.key import Key
from samesay.identity import Identity

WIDTH = 24
IDENTITY = Identity("a-model", "w" * 64, "t" * 64, "p" * 64, "mean", "int8", WIDTH, "cpu-2-avx512")
KEY = Key(IDENTITY, "symmetric", None, "query: ", "query: ")
INTENTS = ("lost", "balance", "transfer")


class World:
    """Texts with vectors: those of an intent lie around its centre, the others anywhere.

    All share a direction, as the vectors of real models do.

    Args:
        seed: Which world.
        spread: How far texts are from the centre of their intent.
    """

    def __init__(self, seed: int = 0, spread: float = 0.5) -> None:
        self._generator = np.random.default_rng(seed)
        self._spread = spread
        self._shared = self._unit()
        self._centres = {name: self._unit() for name in INTENTS}
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def text(self, intent: str | None) -> IntentExample:
        """A new text."""
        noise = self._unit() * np.float32(self._spread)
        around = self._unit() if intent is None else self._centres[intent] + noise
        vector = 2 * self._shared + around
        name = f"{intent} {len(self._vectors)}"
        self._vectors[name] = (vector / np.linalg.norm(vector)).astype(np.float32)
        return IntentExample(name, intent, f"line {len(self._vectors)}")

    def texts(self, inside: int, outside: int = 0) -> list[IntentExample]:
        """So many texts of each intent, and so many of none."""
        found = [self.text(name) for _ in range(inside) for name in INTENTS]
        return found + [self.text(None) for _ in range(outside)]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Give the vector of each."""
        return np.stack([self._vectors[text] for text in texts])

    def fit(self, examples: list[IntentExample], settings: IntentSettings | None = None) -> FittedIntents:
        """Make a matcher."""
        return fit_intents(self.encode, KEY, examples, settings)

    def _unit(self) -> NDArray[np.float32]:
        vector = self._generator.normal(size=WIDTH)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


def key_with(**changes: object) -> Key:
    """The same key with another identity."""
    return replace(KEY, identity=replace(IDENTITY, **changes))  # type: ignore[arg-type]
