"""``POST /v1/similarity``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from samesay.server.schemas.base import AnswerModel, Overlength, RequestModel, wrong_together
from samesay.server.schemas.embeddings import EmbeddingsUsage
from samesay.server.schemas.inputs import LeftTexts, Pairs, RightTexts


class SimilarityRequest(RequestModel):
    """Pairs of texts, or two lists of which every text is compared with every other."""

    pairs: Pairs | None = Field(None, description="Pairs of texts; one score each.")
    left: LeftTexts | None = Field(None, description="Texts, with 'right'; one row of scores each.")
    right: RightTexts | None = Field(None, description="Texts, with 'left'; one score a row each.")
    mode: Literal["symmetric", "query-document", "plain"] = Field(
        "symmetric",
        description="Both sides as the model wants like compared with like; left asks and right answers; "
        "or no prompt.",
    )
    task: str | None = Field(None, description="A named task or an instruction in words.")
    dimensions: int | None = Field(None, ge=1, le=2**31 - 1, description="Compare vectors of that width.")
    overlength: Overlength = Field("error", description="A text that is too long is refused, or cut.")

    @model_validator(mode="after")
    def _either(self) -> SimilarityRequest:
        if (self.pairs is None) == (self.left is None and self.right is None):
            raise wrong_together("the request must have either 'pairs', or 'left' and 'right'", "pairs")
        if self.pairs is None and (self.left is None or self.right is None):
            missing = "left" if self.left is None else "right"
            raise wrong_together("'left' and 'right' go together", missing)
        return self


class SimilarityAnswer(AnswerModel):
    """Cosines from -1 to 1."""

    object: Literal["similarity"]
    model: str
    identity: str = Field(description="What made the vectors: scores of other identities are not comparable.")
    mode: str
    task: str | None
    scores: list[float] | list[list[float]] = Field(
        description="Of pairs, a score each; of two lists, a row for each left text."
    )
    usage: EmbeddingsUsage
