"""``POST /v1/match``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from samesay.server.schemas.base import AnswerModel, BodyModel, Overlength
from samesay.server.schemas.embeddings import EmbeddingsUsage
from samesay.server.schemas.inputs import TextInput

MOST_CANDIDATES = 100

Band = Literal["high", "middle", "low", "uncalibrated"]


class MatchRequest(BodyModel):
    """Texts, each of which has one of the intents or none."""

    intents: str | None = Field(
        None,
        description="Name of served intents; where only one file of them is served, it need not be named.",
    )
    input: TextInput = Field(description="A text or texts.")
    top: int = Field(3, ge=1, le=MOST_CANDIDATES, description="Candidates that are named.")
    overlength: Overlength = Field("error", description="A text that is too long is refused, or cut.")


class MatchThreshold(AnswerModel):
    """From which score on a text gets an intent."""

    high: float | None = Field(description="The lowest score that gets an intent; null: every text gets one.")
    middle: float | None
    basis: Literal["certificate", "given", "examples", "nothing"] = Field(
        description="Whether it is certified, given, reached by most examples (uncertified), or not there."
    )


class MatchCandidate(AnswerModel):
    """An intent and how well it fits."""

    intent: str
    score: float
    band: Band


class TextMatch(AnswerModel):
    """The answer about one text."""

    object: Literal["match"]
    index: int
    intent: str | None = Field(description="Null: the text is out of scope.")
    score: float = Field(description="From -1 to 1; of matchers of other models or examples not comparable.")
    band: Band
    certified: bool = Field(description="Whether a promise stands behind the intent.")
    candidates: list[MatchCandidate]
    tied: list[str] = Field(description="The intents that share the best score, where it is more than one.")


class MatchAnswer(AnswerModel):
    """The texts in their order, and what the threshold rests on."""

    object: Literal["list"]
    data: list[TextMatch]
    intents: str
    model: str
    identity: str
    threshold: MatchThreshold
    promises: list[str] = Field(description="What is certified of intents that are given, in words.")
    usage: EmbeddingsUsage
