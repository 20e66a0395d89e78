"""``GET /metrics``, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from samesay.server.openapi import problems
from samesay.server.services import services_of

router = APIRouter(tags=["metrics"])


@router.get(
    "/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse, responses=problems(401)
)
async def metrics(request: Request) -> Response:
    """Give all metrics in Prometheus's text format."""
    content = generate_latest(services_of(request).metrics.registry)
    return Response(content, media_type=CONTENT_TYPE_LATEST)
