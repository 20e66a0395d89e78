"""What the scores of hits mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from samesay.decision.bands import Bands, Decision
from samesay.decision.deciding import Decider, decider_for
from samesay.decision.key import key_of

if TYPE_CHECKING:
    from samesay.collection.collection import Collection
    from samesay.collection.hit import Hit
    from samesay.decision.calibration import Calibration


def hit_decider(
    collection: Collection,
    calibration: Calibration | None = None,
    *,
    bands: Bands | None = None,
    task: str | None = None,
) -> Decider:
    """Choose what decides about the cosines of queries and segments.

    Args:
        collection: Where the search is.
        calibration: A calibration of mode ``"query-document"`` for the collection's model.
        bands: Bands of the user's own.
        task: The task of the search.

    Raises:
        CalibrationKeyError: The calibration is for other scores.
    """
    dimensions = collection.manifest.dimensions
    key = key_of(collection.model, mode="query-document", task=task, dimensions=dimensions)
    return decider_for(key, calibration, bands)


def decide_hits(hits: Sequence[Hit], decider: Decider, collection: Collection) -> list[Decision]:
    """Give the decision about each hit, by the cosine of its best segment.

    A hit without one, found by its words or as a whole document, stays ``"uncalibrated"`` at its own score.
    Where the collection keeps vectors in fewer than 32 bits a number, scores differ a little from those that
    a promise was shown for: bands hold about as well, and no certificate goes with them.
    """
    exact = collection.manifest.storage == "f32"
    decisions = []
    for hit in hits:
        score = hit.components.get("segment")
        if score is None:
            decisions.append(Decision(hit.score, None, "uncalibrated"))
            continue
        (decision,) = decider.decide(min(1.0, max(-1.0, score)))
        decisions.append(decision if exact else replace(decision, certificate=None))
    return decisions
