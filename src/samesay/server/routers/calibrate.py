"""``POST /v1/calibrate``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import cast

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from samesay.decision.calibrating import CalibrationSettings
from samesay.decision.calibration import Calibration
from samesay.decision.calibration_file import calibration_text
from samesay.errors import CalibrationError, MissingExtraError, PromptError
from samesay.server.departure import Departure, departure_of, unless_gone
from samesay.server.openapi import BODY_PROBLEMS, json_body
from samesay.server.problems import invalid
from samesay.server.queued_model import QueuedModel
from samesay.server.reading import asked, require_json
from samesay.server.schemas.calibrate import CalibrateAnswer, CalibrateRequest
from samesay.server.services import Services, check_inputs, services_of

router = APIRouter(tags=["decisions"])


@router.post(
    "/v1/calibrate",
    summary="What scores mean, learnt from labelled pairs",
    response_model=CalibrateAnswer,
    responses=BODY_PROBLEMS,
    openapi_extra=json_body(CalibrateRequest),
)
async def create_calibration(request: Request) -> Response:
    """Give the calibration that labelled pairs lead to; one is made at a time."""
    services = services_of(request)
    require_json(request)
    with services.admission.place():
        body = await request.body()
        call = await services.prepared(request, body, lambda: _read(services, body))
        departure = departure_of(request.scope)
        model = QueuedModel(services.models.find(call.model), asyncio.get_running_loop(), departure)
        async with _turn(cast(asyncio.Lock, request.app.state.calibrating), departure):
            # A thread of its own: those that prepare requests must not wait for passes.
            calibration = await asyncio.to_thread(_calibrated, model, call)
    return Response(_render(call, calibration), media_type="application/json")


@asynccontextmanager
async def _turn(lock: asyncio.Lock, departure: Departure) -> AsyncIterator[None]:
    """Hold the lock, which a client that goes no longer waits for."""
    await unless_gone(asyncio.ensure_future(lock.acquire()), departure)
    try:
        yield
    finally:
        lock.release()


def _read(services: Services, body: bytes) -> CalibrateRequest:
    call = asked(body, CalibrateRequest)
    check_inputs(len(call.pairs), services.settings.limits.calibration_pairs, "pairs", "pairs")
    return call


def _calibrated(model: QueuedModel, call: CalibrateRequest) -> Calibration:
    settings = CalibrationSettings(
        alpha=call.alpha, precision=call.precision, delta=call.delta, note=call.note
    )
    rows = [(text_a, text_b, match) for (text_a, text_b), match in zip(call.pairs, call.labels, strict=True)]
    try:
        made = Calibration.fit(
            model,
            rows,
            mode=call.mode,
            task=call.task,
            dimensions=call.dimensions,
            overlength=call.overlength,
            settings=settings,
        )
    except CalibrationError as error:
        raise invalid(str(error), "labels") from None
    except PromptError as error:
        raise invalid(str(error), "task") from None
    except MissingExtraError as error:
        raise invalid(str(error), code="missing_extra") from None
    if call.high is None:
        return made
    middle = made.bands.middle
    return made.with_bands(call.high, None if middle is None else min(middle, call.high))


def _render(call: CalibrateRequest, calibration: Calibration) -> bytes:
    return to_json(
        {
            "object": "calibration",
            "model": call.model,
            "key": str(calibration.key),
            "bands": asdict(calibration.bands),
            "certificates": [asdict(one) for one in calibration.certificates],
            "refused": [asdict(one) for one in calibration.refused],
            "evidence": asdict(calibration.evidence),
            "file": calibration_text(calibration),
        }
    )
