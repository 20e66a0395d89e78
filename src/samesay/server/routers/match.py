"""``POST /v1/match``."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic_core import to_json

from samesay.decision.intents.matching import IntentMatch
from samesay.decision.intents.telling import describe
from samesay.server.openapi import BODY_PROBLEMS, json_body
from samesay.server.preparing import Place
from samesay.server.reading import asked, require_json
from samesay.server.routers.embeddings import usage
from samesay.server.schemas.match import MatchAnswer, MatchRequest
from samesay.server.served_intents import IntentsOfServer, ServedIntents, intents_of
from samesay.server.services import Services, Work, check_inputs, services_of

router = APIRouter(tags=["decisions"])

# Products of texts and examples that take so long that other requests should not wait for them.
_MANY_PRODUCTS = 500_000


@dataclass(frozen=True)
class _Texts(Work):
    call: MatchRequest
    intents: ServedIntents


@router.post(
    "/v1/match",
    summary="Which intent texts have, or none",
    response_model=MatchAnswer,
    responses=BODY_PROBLEMS,
    openapi_extra=json_body(MatchRequest),
)
async def create_matches(request: Request) -> Response:
    """Give the intent of each text, or none, with score, band and candidates."""
    services, intents = services_of(request), intents_of(request)
    require_json(request)
    with services.admission.place():
        body = await request.body()
        work, vectors = await services.embedded(request, body, lambda: _prepare(services, intents, body))
        if len(work.texts) * len(work.intents.fitted.bank) <= _MANY_PRODUCTS:
            content = await services.beside_the_loop(lambda: _render(work, vectors))
        else:
            content = await services.beside_the_loop(lambda: _render(work, vectors), services.large_pool)
    return Response(content, media_type="application/json")


def _prepare(services: Services, intents: IntentsOfServer, body: bytes) -> _Texts:
    call = asked(body, MatchRequest)
    found = intents.find(call.intents)
    texts = [call.input] if isinstance(call.input, str) else call.input
    check_inputs(len(texts), services.settings.limits.inputs, "input", "input")
    found.served.batcher.require_room(len(set(texts)))
    key = found.fitted.key
    prepared = found.served.preparing.texts(
        texts,
        [key.left] * len(texts),
        call.overlength,
        key.identity.dimensions,
        lambda index: Place(f"input {index}", "input"),
    )
    services.check_size(prepared, "input")
    return _Texts(found.served, prepared, texts, call, found)


def _render(work: _Texts, vectors: NDArray[np.float32]) -> bytes:
    fitted = work.intents.fitted
    # Equal texts are matched once.
    matches = fitted.match_vectors(vectors, work.call.top)
    threshold = fitted.threshold
    return to_json(
        {
            "object": "list",
            "data": [
                _match(index, matches[place]) for index, place in enumerate(work.prepared.places.tolist())
            ],
            "intents": work.intents.name,
            "model": work.served.name,
            "identity": work.served.identity(fitted.key.identity.dimensions),
            "threshold": asdict(threshold),
            "promises": [describe(one) for one in fitted.certificates_at(threshold.high)],
            "usage": usage(work.prepared.input_tokens),
        }
    )


def _match(index: int, match: IntentMatch) -> dict[str, object]:
    return {
        "object": "match",
        "index": index,
        "intent": match.intent,
        "score": match.score,
        "band": match.band,
        "certified": match.certificate is not None,
        "candidates": [asdict(one) for one in match.candidates],
        "tied": list(match.tied),
    }
