"""``GET /v1/models``."""

from __future__ import annotations

from fastapi import APIRouter, Request

from samesay.server.openapi import problems
from samesay.server.plans import ModelPlan
from samesay.server.schemas.models import ModelListAnswer, ServedModelAnswer
from samesay.server.served_models import ServedModels
from samesay.server.services import services_of

router = APIRouter(tags=["models"])


@router.get("/v1/models", summary="The models that are served", responses=problems(401, 503))
async def list_models(request: Request) -> ModelListAnswer:
    """Give every model, loaded or not."""
    models = services_of(request).models
    return ModelListAnswer(object="list", data=[_described(models, plan) for plan in models.plans])


@router.get("/v1/models/{name:path}", summary="One model", responses=problems(401, 404, 503))
async def retrieve_model(name: str, request: Request) -> ServedModelAnswer:
    """Give the model of that name or alias."""
    models = services_of(request).models
    return _described(models, models.plan(name))


def _described(models: ServedModels, plan: ModelPlan) -> ServedModelAnswer:
    served = models.loaded(plan)
    return ServedModelAnswer(
        id=plan.name,
        object="model",
        created=models.created,
        owned_by="samesay",
        aliases=list(plan.aliases),
        ready=served is not None,
        dimensions=served.model.dimensions if served else None,
        matryoshka=served.model.checkpoint.matryoshka if served else None,
        max_tokens=served.preparing.max_tokens if served else None,
        precision=served.model.engine.precision if served else None,
        identity=served.identity(None) if served else None,
    )
