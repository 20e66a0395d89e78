"""What is to be served, before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samesay.model import EmbeddingModel


@dataclass(frozen=True)
class ModelPlan:
    """A model to be served.

    Attributes:
        name: What answers call it.
        aliases: Other names that requests may use.
        load: Loads it.
    """

    name: str
    aliases: tuple[str, ...]
    load: Callable[[], EmbeddingModel]


@dataclass(frozen=True)
class IntentsPlan:
    """Intents to be served.

    Attributes:
        name: What requests and answers call them.
        path: A saved matcher, or a file of examples.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class CollectionPlan:
    """A collection to be served.

    Attributes:
        name: What requests and answers call it.
        folder: Where it lies.
    """

    name: str
    folder: Path
