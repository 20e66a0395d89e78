"""Small collections in every store, for tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import samesay
from samesay import Collection, EmbeddingModel
from samesay.collection.base import StoreKind
from samesay.collection.storage import Storage

FIXTURES = Path(__file__).parents[1] / "fixtures"
STORES: tuple[StoreKind, ...] = ("memory", "lance", "qdrant")


@cache
def small_model(name: str = "bert-mean") -> EmbeddingModel:
    """A model of random weights that embeds in no time."""
    return samesay.load(FIXTURES / name, precision="fp32", threads=1)


def new_collection(
    folder: Path,
    store: StoreKind,
    *,
    storage: Storage = "f32",
    segment_tokens: int | None = None,
    weighting: str | None = None,
) -> Collection:
    """Make an empty collection, or open the one that is there."""
    return samesay.open(
        None if store == "memory" else folder / "kb",
        small_model(),
        store=store,
        location=str(folder / "qdrant") if store == "qdrant" else None,
        storage=storage,
        segment_tokens=segment_tokens,
        weighting=weighting,
    )


def texts(count: int, words: int = 12) -> list[str]:
    """Different texts, the same in every run."""
    pool = [
        "amber",
        "birch",
        "cedar",
        "delta",
        "ember",
        "fjord",
        "grove",
        "heath",
        "islet",
        "jetty",
        "knoll",
        "ledge",
        "marsh",
        "north",
        "orbit",
    ]
    return [
        f"text {number} "
        + " ".join(pool[(number * 7 + place * (1 + number % 5)) % 15] for place in range(words))
        for number in range(count)
    ]
