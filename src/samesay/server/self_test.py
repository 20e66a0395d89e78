"""What a model must do before requests reach it."""

from __future__ import annotations

import numpy as np

from samesay.errors import CheckpointError, EngineError
from samesay.model import EmbeddingModel

_TEXT = "The quick brown fox jumps over the lazy dog."
_NEIGHBOURS = ("Die Würde des Menschen ist unantastbar.", "今天天气很好。")


def self_test(model: EmbeddingModel) -> None:
    """Embed a text alone, again, and among others.

    Raises:
        CheckpointError: When a vector is not finite or has not length 1.
        EngineError: When the same text gives other bits.
    """
    vector = model.encode(_TEXT)
    if not np.isfinite(vector).all():
        raise CheckpointError(f"{model.folder} gives vectors that are not finite: its weights are damaged")
    again = model.encode(_TEXT)
    among = model.encode([_NEIGHBOURS[0], _TEXT, _NEIGHBOURS[1]])[1]
    if not np.array_equal(vector, again) or not np.array_equal(vector, among):
        raise EngineError(
            f"{model.name} gives different vectors for the same text: this machine does not compute reliably"
        )
