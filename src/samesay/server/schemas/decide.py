"""``POST /v1/decide``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from samesay.decision.reasons import ConflictKind
from samesay.server.schemas.base import AnswerModel, wrong_together
from samesay.server.schemas.embeddings import EmbeddingsUsage
from samesay.server.schemas.similarity import SimilarityRequest
from samesay.server.strict_json import kind_of


def _edges(value: object) -> list[float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("bands must be an array of two scores: where high begins, and where middle does")
    for index, edge in enumerate(value):
        if isinstance(edge, bool) or not isinstance(edge, int | float):
            raise ValueError(f"bands[{index}] must be a number, not {kind_of(edge)}")
        if not -1 <= edge <= 1:
            raise ValueError(f"bands[{index}] must be a score, from -1 to 1")
    if value[1] > value[0]:
        raise ValueError("bands must have the edge of high first; it cannot lie below that of middle")
    return [float(edge) for edge in value]


Edges = Annotated[
    list[float],
    PlainValidator(_edges),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "number", "minimum": -1, "maximum": 1},
            "minItems": 2,
            "maxItems": 2,
        }
    ),
]


class DecideRequest(SimilarityRequest):
    """Pairs of texts, or two lists, to be decided about."""

    bands: Edges | None = Field(
        None, description="Where high and middle begin, instead of what the calibration says."
    )
    demote_on: list[ConflictKind] = Field(
        default_factory=list,
        description="A pair with a conflict of one of these kinds gets one band lower, and no certificate.",
    )
    explain: bool = Field(False, description="Also say why, for each pair; with 'pairs', and few of them.")

    @model_validator(mode="after")
    def _pairs_to_explain(self) -> DecideRequest:
        if self.explain and self.pairs is None:
            raise wrong_together("'explain' goes with 'pairs'", "explain")
        return self


class PairDecision(AnswerModel):
    """What is said of a pair."""

    score: float = Field(description="The cosine.")
    probability: float | None = Field(description="That the texts match; null where it is not known.")
    band: Literal["high", "middle", "low", "uncalibrated"]
    certified: bool = Field(description="Whether the certificate of the high band speaks of it.")
    demoted_from: Literal["high", "middle"] | None = Field(
        None, description="The band before a conflict lowered it; absent where none did."
    )
    conflicts: list[str] | None = Field(None, description="With 'demote_on': the conflicts of these kinds.")
    reasons: dict[str, Any] | None = Field(None, description="With 'explain': what the texts share, and not.")


class DecideAnswer(AnswerModel):
    """Decisions, and what stands behind them."""

    object: Literal["decisions"]
    model: str
    identity: str
    mode: str
    task: str | None
    bands: dict[str, Any] | None = Field(description="Where they begin, and who says so.")
    calibration: dict[str, Any] | None = Field(
        description="When it was made, what it does not cover, and the certificate of its high band."
    )
    uncalibrated: str | None = Field(description="Why scores are no more than that; null where they are.")
    decisions: list[PairDecision] | list[list[PairDecision]] = Field(
        description="Of pairs, one each; of two lists, a row for each left text."
    )
    usage: EmbeddingsUsage
