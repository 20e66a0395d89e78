"""``POST /v1/tokenize``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from samesay.server.schemas.base import AnswerModel, RequestModel
from samesay.server.schemas.inputs import TextInput


class TokenizeRequest(RequestModel):
    """Texts to be shown as the network reads them."""

    input: TextInput = Field(description="A text or texts.")
    prompt: Literal["query", "document"] | None = Field(None, description="As for embeddings.")
    task: str | None = Field(None, description="As for embeddings.")


class TokenizedText(AnswerModel):
    """One text, uncut: prompt and special tokens included."""

    object: Literal["tokens"]
    index: int
    count: int
    tokens: list[int]


class TokenizeAnswer(AnswerModel):
    """The texts in their order, and the length at which one is too long."""

    object: Literal["list"]
    data: list[TokenizedText]
    model: str
    max_tokens: int
