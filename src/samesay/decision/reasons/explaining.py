"""From two texts and a model to reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from samesay.checkpoint.prompts import PairMode
from samesay.decision.reasons.alignment import mutual_best, parts_of
from samesay.decision.reasons.conflicts import find_conflicts
from samesay.decision.reasons.dropping import drops, without_each
from samesay.decision.reasons.rare_terms import shared_terms
from samesay.decision.reasons.records import Differs, Reasons, Shared, SharedTerm
from samesay.engine.row_products import pair_products

if TYPE_CHECKING:
    from samesay.decision.bands import Bands
    from samesay.decision.calibration import Calibration
    from samesay.text_model import Overlength, TextModel


def explain(
    model: TextModel,
    text_a: str,
    text_b: str,
    *,
    calibration: Calibration | None = None,
    bands: Bands | None = None,
    mode: PairMode = "symmetric",
    task: str | None = None,
    dimensions: int | None = None,
    overlength: Overlength = "error",
) -> Reasons:
    """Say what two texts share, what each says alone, and where they conflict.

    Both texts, their parts (clauses, at most 24 a text) and each text without each of its parts go through
    the model together: in one call, or in one for each side where the mode gives sides different prompts.

    Args:
        model: The model.
        text_a: A text; the query where the mode tells sides apart.
        text_b: Another.
        calibration: What gives the score a band; by default the one that comes with samesay, where it fits.
            Without one the decision is ``"uncalibrated"``.
        bands: Bands of one's own, instead of those of the calibration.
        mode: As for ``TextModel.similarity``.
        task: As for ``TextModel.similarity``.
        dimensions: As for ``TextModel.similarity``.
        overlength: As for ``TextModel.similarity``.

    Raises:
        CalibrationKeyError: The calibration is for another model, mode, task or width.
        SamesayError: As for ``TextModel.similarity``.
    """
    from samesay.decision.deciding import decider_for
    from samesay.decision.key import key_of

    key = key_of(model, mode=mode, task=task, dimensions=dimensions)
    decider = decider_for(key, calibration, bands)
    parts_a, parts_b = parts_of(text_a), parts_of(text_b)
    side_a = [text_a, *(part.text for part in parts_a), *without_each(text_a, parts_a)]
    side_b = [text_b, *(part.text for part in parts_b), *without_each(text_b, parts_b)]
    a, b = _vectors(model, (side_a, side_b), (key.left, key.right), dimensions, overlength)
    # As similarity multiplies them, so that it is the same score to the bit.
    (decision,) = decider.decide(pair_products(a[:1], b[:1]).clip(-1, 1))
    end_a, end_b = 1 + len(parts_a), 1 + len(parts_b)
    shared = Shared(mutual_best(parts_a, parts_b, a[1:end_a], b[1:end_b]), _terms(model, text_a, text_b))
    differs = Differs(
        drops(parts_a[: len(a) - end_a], decision.score, a[end_a:], b[0]),
        drops(parts_b[: len(b) - end_b], decision.score, b[end_b:], a[0]),
    )
    return Reasons(text_a, text_b, decision, shared, differs, find_conflicts(text_a, text_b))


def _vectors(
    model: TextModel,
    sides: tuple[list[str], list[str]],
    prefixes: tuple[str, str],
    dimensions: int | None,
    overlength: Overlength,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if prefixes[0] != prefixes[1]:
        a, b = (
            _distinct(model, texts, prefix, dimensions, overlength)
            for texts, prefix in zip(sides, prefixes, strict=True)
        )
        return a, b
    vectors = _distinct(model, sides[0] + sides[1], prefixes[0], dimensions, overlength)
    return vectors[: len(sides[0])], vectors[len(sides[0]) :]


def _distinct(
    model: TextModel, texts: Sequence[str], prefix: str, dimensions: int | None, overlength: Overlength
) -> NDArray[np.float32]:
    """Embed texts, each once however often it stands there."""
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    vectors, _ = model.embed_texts(list(places), prefix, dimensions=dimensions, overlength=overlength)
    return vectors[[places[text] for text in texts]]


def _terms(model: TextModel, text_a: str, text_b: str) -> tuple[SharedTerm, ...]:
    from samesay.model import EmbeddingModel

    if not isinstance(model, EmbeddingModel):
        return ()  # an endpoint does not tell its vocabulary
    tokenizer = model.checkpoint.tokenizer
    around = tokenizer.special_tokens

    def pieces(terms: list[str]) -> list[list[int]]:
        return [ids[around.leading : len(ids) - len(around.trailing)] for ids in tokenizer.encode(terms)]

    return shared_terms(text_a, text_b, pieces)
