"""Errors, as OpenAI writes them."""

from __future__ import annotations

from samesay.server.schemas.base import AnswerModel


class ErrorContent(AnswerModel):
    """What is wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(AnswerModel):
    """Every answer with a status of 400 or more."""

    error: ErrorContent
