"""What the page asks beside the public routes: what is served, and the scale of a model's scores."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import cast

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from samesay.checkpoint.prompts import TASKS, PairMode
from samesay.collection.info import info
from samesay.decision.deciding import Decider
from samesay.errors import PromptError, SamesayError
from samesay.server.deciders import deciders_of
from samesay.server.problems import Problem, invalid
from samesay.server.served_collections import ServedCollection, ServedCollections, collections_of
from samesay.server.served_models import ServedModels
from samesay.server.services import services_of

router = APIRouter(include_in_schema=False)

_MODES = ("symmetric", "query-document", "plain")
# Scores are drawn from the one at which a match is this unlikely to the one at which it is this likely.
_ENDS = (0.005, 0.995)
_POINTS = 81


@router.get("/page/served.json")
async def read_served(request: Request) -> Response:
    """Give the models, the collections and the tasks that the page lets people choose from."""
    services, collections = services_of(request), collections_of(request)
    models = _models(services.models)
    ready = services.models.ready and collections.ready and _decides(request)
    found = await collections.searching(lambda: _collections(collections))
    content = {
        "ready": ready,
        "models": models,
        "collections": found,
        "tasks": dict(TASKS),
        "memory_bytes": _memory(),
        "most_inputs": services.settings.limits.inputs,
        "most_calibration_pairs": services.settings.limits.calibration_pairs,
    }
    return Response(to_json(content), media_type="application/json")


@router.get("/page/scale.json")
async def read_scale(request: Request) -> Response:
    """Give the probability of a match along a model's scores, and its bands; null where nobody knows."""
    services = services_of(request)
    asked = request.query_params
    served = services.models.find(asked.get("model", ""))
    mode, task = asked.get("mode", "symmetric"), asked.get("task")
    if mode not in _MODES:
        raise invalid(f"mode must be one of {', '.join(_MODES)}", "mode")
    widest = served.model.dimensions
    wanted = asked.get("dimensions", str(widest))
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10 and 1 <= int(wanted) <= widest):
        raise invalid(f"dimensions must be a whole number from 1 to {widest}", "dimensions")
    dimensions = int(wanted)
    try:
        decider = deciders_of(request).decider(served, cast(PairMode, mode), task, dimensions, None)
    except PromptError as error:
        raise invalid(str(error), "task") from None
    content = decider.about() | {"points": _points(decider)}
    return Response(to_json(content), media_type="application/json")


def _decides(request: Request) -> bool:
    """Whether the calibrations are read, which comes after the models."""
    served = next(iter(services_of(request).models))
    try:
        deciders_of(request).decider(served, "symmetric", None, None, None)
    except Problem:
        return False
    return True


def _points(decider: Decider) -> list[list[float]] | None:
    if decider.calibration is None:
        return None
    grid = np.linspace(-1, 1, 4001, dtype=np.float32)
    likely = decider.calibration.probabilities(grid)
    low, high = np.searchsorted(likely, _ENDS)
    edges = [edge for edge in (decider.calibration.bands.high, decider.calibration.bands.middle) if edge]
    begin = min([float(grid[min(low, len(grid) - 1)]), *edges]) - 0.01
    end = max([float(grid[min(high, len(grid) - 1)]), *edges]) + 0.01
    scores = np.linspace(max(-1.0, begin), min(1.0, end), _POINTS).astype(np.float32)
    return [
        [float(score), float(probability)]
        for score, probability in zip(scores, decider.calibration.probabilities(scores), strict=True)
    ]


def _models(models: ServedModels) -> list[dict[str, object]]:
    served = {one.name: one for one in models}
    return [
        {"id": plan.name, "takes_task": served[plan.name].model.prompts.instruction is not None}
        for plan in models.plans
        if plan.name in served
    ]


def _collections(collections: ServedCollections) -> list[dict[str, object]]:
    return [_collection(one) for one in collections]


def _collection(one: ServedCollection) -> dict[str, object]:
    try:
        with one.searched.reading() as build:
            known = info(build, None)
    except SamesayError as error:
        return {"name": one.name, "model": one.served.name, "problem": str(error)}
    return {
        "name": one.name,
        "model": one.served.name,
        "dimensions": known.manifest.dimensions,
        "documents": known.documents,
        "fields": list(known.fields),
    }


def _memory() -> int | None:
    """Give the bytes that the process has in memory, where the system tells it."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * resource.getpagesize()
