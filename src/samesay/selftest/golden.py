"""Scores that are known of real models, and whether this machine gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from samesay.selftest.checks import BrokenLawError

if TYPE_CHECKING:
    from samesay.checkpoint.prompts import PairMode
    from samesay.model import EmbeddingModel


@dataclass(frozen=True)
class Golden:
    """Scores of every left text with every right one.

    Args:
        source: Where the scores are from.
        left: Texts.
        right: Texts.
        mode: How they are read.
        scores: Of each left text with the right ones.
        tolerance: How far a score may be off in fp32; three times as far in 8 bits.
    """

    source: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    mode: PairMode
    scores: tuple[tuple[float, ...], ...]
    tolerance: float


QWEN3 = Golden(
    source="model card of Qwen3-Embedding-0.6B",
    left=("What is the capital of China?", "Explain gravity"),
    right=(
        "The capital of China is Beijing.",
        "Gravity is a force that attracts two bodies towards each other. It gives weight to physical objects "
        "and is responsible for the movement of planets around the sun.",
    ),
    mode="query-document",
    scores=((0.7646, 0.1414), (0.1355, 0.6000)),
    tolerance=0.01,
)
BUNDLED = Golden(
    source="multilingual-e5-small from 4 bits, computed in fp32",
    left=("The cat is asleep.", "How do I reset my password?", "今天下雨了。"),
    right=("A cat sleeps.", "I forgot my password and cannot log in.", "It rained today."),
    mode="symmetric",
    scores=((0.9893, 0.7738, 0.7862), (0.7058, 0.8900, 0.7354), (0.7345, 0.7670, 0.9103)),
    tolerance=0.006,
)
_COARSER = 3.0


def golden_of(model: EmbeddingModel) -> Golden | None:
    """Give what is known of a model; None where nothing is."""
    name = model.name.lower()
    if "qwen3-embedding-0.6b" in name:
        return QWEN3
    return BUNDLED if name in ("bundled", "multilingual-e5-small") else None


def check_scores(model: EmbeddingModel, golden: Golden) -> str:
    """Compare a model's scores with those that are known.

    Every text must be nearest to the one it belongs to, and every score must be near the known one.

    Raises:
        BrokenLawError: They are not; the message has both.
    """
    scores = model.similarity_matrix(list(golden.left), list(golden.right), mode=golden.mode)
    known = np.array(golden.scores)
    shown = np.round(scores.astype(np.float64), 4).tolist()
    order = scores.argmax(axis=1)
    if not np.array_equal(order, np.arange(len(golden.left))):
        raise BrokenLawError(f"the texts that belong together do not score highest: {shown}")
    allowed = golden.tolerance * (1 if model.identity.precision == "fp32" else _COARSER)
    off = float(np.abs(scores - known).max())
    if off > allowed:
        raise BrokenLawError(
            f"scores {shown} differ by {off:.4f} from {known.tolist()} ({golden.source}); {allowed:.3f} is "
            "allowed"
        )
    return f"off by {off:.4f} at most, {allowed:.3f} is allowed ({golden.source})"
