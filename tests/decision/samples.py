"""Scores and keys for tests of decisions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from samesay.decision.key import Key
from samesay.decision.labels import LabelledScores, label_scores
from samesay.identity import Identity

IDENTITY = Identity("a-model", "w" * 64, "t" * 64, "p" * 64, "mean", "int8", 384, "cpu-2-avx512")
KEY = Key(IDENTITY, "symmetric", None, "query: ", "query: ")


def key_with(**changes: object) -> Key:
    """The same key with another identity."""
    return replace(KEY, identity=replace(IDENTITY, **changes))  # type: ignore[arg-type]


def drawn(matches: int, others: int, seed: int = 0, apart: float = 0.08) -> LabelledScores:
    """Scores of two kinds that overlap, around 0.85 as those of e5 do."""
    generator = np.random.default_rng(seed)
    scores = np.concatenate(
        [generator.normal(0.85 + apart, 0.035, matches), generator.normal(0.85, 0.035, others)]
    )
    return label_scores(np.clip(scores, -1, 1), [True] * matches + [False] * others)
