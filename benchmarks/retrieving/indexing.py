"""The collections of a run: made once, kept in the cache."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import samesay
from retrieving.corpora import Corpus
from retrieving.remembering import Remembered
from samesay.collection.collection import Collection
from samesay.collection.storage import Storage

if TYPE_CHECKING:
    from samesay.text_model import TextModel


@dataclass(frozen=True)
class Variant:
    """How a collection is made; what is not said is as by default."""

    segment_tokens: int | None = None
    weighting: str | None = None
    storage: Storage | None = None

    @property
    def name(self) -> str:
        """For folders and tables."""
        given = [str(value) for value in asdict(self).values() if value is not None]
        return "-".join(given) or "default"


class Collections:
    """The collections of one model.

    Args:
        cache: Where they lie.
        model: What embeds them.
    """

    def __init__(self, cache: Path, model: TextModel) -> None:
        self._folder = cache / model.identity.fingerprint[:12]
        self.model = model

    def get(self, corpus: Corpus, variant: Variant | None = None) -> Collection:
        """Give the collection of a corpus; it is made where it is not there, from vectors that are known."""
        variant = variant or Variant()
        folder = self._folder / f"{corpus.name}-{variant.name}"
        collection = samesay.open(folder, self.model, **asdict(variant))
        if len(collection) < len(corpus.documents):
            with self.remembered(corpus).used():
                collection.add(corpus.documents)
        return collection

    def remembered(self, corpus: Corpus) -> Remembered:
        """Give the vectors known of a corpus."""
        return Remembered(self._folder / f"{corpus.source}.npz")
