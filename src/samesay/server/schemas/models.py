"""``GET /v1/models``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from samesay.server.schemas.base import AnswerModel


class ServedModelAnswer(AnswerModel):
    """A model that is served: OpenAI's fields, and what it can do once it is loaded."""

    id: str
    object: Literal["model"]
    created: int = Field(description="When this server began, in seconds since 1970.")
    owned_by: str
    aliases: list[str] = Field(description="Other names that requests may use.")
    ready: bool
    dimensions: int | None
    matryoshka: bool | None = Field(description="Whether 'dimensions' may ask for fewer.")
    max_tokens: int | None = Field(description="Tokens of one text at most.")
    precision: str | None
    identity: str | None


class ModelListAnswer(AnswerModel):
    """The models that are served."""

    object: Literal["list"]
    data: list[ServedModelAnswer]
