"""``GET /health`` and ``GET /ready``."""

from __future__ import annotations

from typing import Literal

from samesay.server.schemas.base import AnswerModel


class HealthAnswer(AnswerModel):
    """The process lives and answers."""

    status: Literal["alive"]


class ReadinessAnswer(AnswerModel):
    """Whether requests are answered, and each model's state."""

    status: Literal["ready", "loading", "draining"]
    models: dict[str, Literal["ready", "loading"]]
