"""``GET /health`` and ``GET /ready``."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from samesay.server.openapi import problems
from samesay.server.schemas.health import HealthAnswer, ReadinessAnswer
from samesay.server.served_collections import collections_of
from samesay.server.served_intents import intents_of
from samesay.server.services import services_of

router = APIRouter(tags=["health"])


@router.get("/health", summary="Whether the process lives", responses=problems(401))
async def health() -> HealthAnswer:
    """Answer as long as the process can."""
    return HealthAnswer(status="alive")


@router.get(
    "/ready",
    summary="Whether requests are answered",
    response_model=ReadinessAnswer,
    responses=problems(401) | {503: {"model": ReadinessAnswer, "description": "Not yet, or no longer."}},
)
async def ready(request: Request) -> JSONResponse:
    """Tell whether models are tested, collections and intents open, and the server does not stop."""
    services = services_of(request)
    models = services.models
    all_there = models.ready and collections_of(request).ready and intents_of(request).ready
    status: Literal["ready", "loading", "draining"] = "ready" if all_there else "loading"
    if services.draining.begun:
        status = "draining"
    answer = ReadinessAnswer(
        status=status,
        models={plan.name: "ready" if models.loaded(plan) else "loading" for plan in models.plans},
    )
    return JSONResponse(answer.model_dump(), 200 if status == "ready" else 503)
