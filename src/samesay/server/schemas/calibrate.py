"""``POST /v1/calibrate``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from samesay.server.schemas.base import AnswerModel, Overlength, RequestModel, wrong_together
from samesay.server.schemas.inputs import Pairs


class CalibrateRequest(RequestModel):
    """Labelled pairs, and what is to be promised."""

    pairs: Pairs = Field(description="Pairs of texts.")
    labels: list[bool] = Field(description="Of each pair, whether it matches.")
    mode: Literal["symmetric", "query-document", "plain"] = Field(
        "symmetric", description="As for similarity."
    )
    task: str | None = Field(None, description="As for similarity.")
    dimensions: int | None = Field(None, ge=1, le=2**31 - 1, description="As for similarity.")
    overlength: Overlength = Field("error", description="A text that is too long is refused, or cut.")
    alpha: float = Field(0.05, ge=1e-4, le=0.9999, description="The highest false-match rate to certify.")
    precision: float | None = Field(None, ge=1e-4, le=0.9999, description="Also certify this precision.")
    delta: float = Field(0.05, ge=1e-4, le=0.9999, description="The probability that a promise fails.")
    high: float | None = Field(
        None, ge=-1, le=1, description="Where the high band begins, instead of what the labels say."
    )
    note: str = Field("", max_length=1000, description="Where the labels come from.")

    @model_validator(mode="after")
    def _label_each(self) -> CalibrateRequest:
        if len(self.labels) != len(self.pairs):
            message = f"there are {len(self.pairs)} pairs and {len(self.labels)} labels; give one for each"
            raise wrong_together(message, "labels")
        return self


class CalibrateAnswer(AnswerModel):
    """A calibration; nothing of it is kept here."""

    object: Literal["calibration"]
    model: str
    key: str = Field(description="Which scores it is for, in words.")
    bands: dict[str, Any] = Field(description="Where they begin, and who says so.")
    certificates: list[dict[str, Any]] = Field(description="The promises that could be given.")
    refused: list[dict[str, Any]] = Field(description="Those that could not, and why.")
    evidence: dict[str, Any] = Field(description="What it rests on.")
    file: str = Field(description="The calibration file, for --calibration.")
