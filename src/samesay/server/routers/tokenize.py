"""``POST /v1/tokenize``."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from samesay.server.access_log import RequestRecord
from samesay.server.openapi import BODY_PROBLEMS, json_body
from samesay.server.prefixes import instruction_in
from samesay.server.reading import asked, require_json
from samesay.server.schemas.tokenize import TokenizeAnswer, TokenizeRequest
from samesay.server.services import Services, check_inputs, record_of, services_of
from samesay.server.written_arrays import with_array

router = APIRouter(tags=["tokenize"])


@router.post(
    "/v1/tokenize",
    summary="Token ids of texts",
    response_model=TokenizeAnswer,
    responses=BODY_PROBLEMS,
    openapi_extra=json_body(TokenizeRequest),
)
async def tokenize(request: Request) -> Response:
    """Give the token ids of each text, uncut, prompt and special tokens included."""
    services = services_of(request)
    record = record_of(request)
    require_json(request)
    with services.admission.place():
        body = await request.body()
        content = await services.prepared(request, body, lambda: _answer(services, record, body))
    return Response(content, media_type="application/json")


def _answer(services: Services, record: RequestRecord, body: bytes) -> bytes:
    call = asked(body, TokenizeRequest)
    served = services.models.find(call.model)
    texts = [call.input] if isinstance(call.input, str) else call.input
    check_inputs(len(texts), services.settings.limits.inputs, "input", "input")
    prefix = served.model.prompts.prefix(call.prompt, call.task)
    composed = [text if instruction_in(text) else prefix + text for text in texts]
    sequences = served.model.checkpoint.tokenizer.encode(composed)
    services.tell(record, served.name, len(texts), sum(map(len, sequences)), texts)
    return with_array(
        {"object": "list", "model": served.name, "max_tokens": served.preparing.max_tokens},
        "data",
        (
            to_json({"object": "tokens", "index": index, "count": len(ids), "tokens": ids})
            for index, ids in enumerate(sequences)
        ),
    )
