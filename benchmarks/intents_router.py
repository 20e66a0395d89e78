"""semantic-router with vectors that are there already."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from semantic_router import IndexedRouter, Route
from semantic_router.encoders.base import DenseEncoder

from intent_sets import Texts


class Known(DenseEncoder):
    """Gives the vectors of texts that are known."""

    name: str = "known"
    known: dict[str, Any] = Field(default_factory=dict)

    def __call__(self, docs: list[Any]) -> list[Any]:
        """Give the vector of each."""
        return [self.known[doc] for doc in docs]


class Router:
    """A router of examples.

    Args:
        examples: Texts with an intent.
        top_k: Examples that are looked at.
        aggregation: How the scores of a route become one.
    """

    def __init__(self, examples: Texts, top_k: int, aggregation: Any) -> None:
        self._encoder = Known(known=_vectors(examples))
        by_intent: dict[str, list[str]] = {}
        for one in examples.examples:
            by_intent.setdefault(str(one.intent), []).append(one.text)
        routes = [Route(name=name, utterances=texts) for name, texts in by_intent.items()]
        self._router = IndexedRouter(self._encoder, routes, top_k=top_k, aggregation=aggregation)

    def route(self, texts: Texts) -> tuple[list[str], NDArray[np.float64]]:
        """Give the best route of each text, and its confidence."""
        self._encoder.known.update(_vectors(texts))
        found = [self._router(text) for text in texts.texts]
        return [str(one.name) for one in found], np.array([float(one.confidence) for one in found])


def _vectors(texts: Texts) -> dict[str, NDArray[np.float32]]:
    return dict(zip(texts.texts, texts.vectors, strict=True))
