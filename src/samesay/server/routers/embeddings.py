"""``POST /v1/embeddings``, as OpenAI has it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic_core import to_json

from samesay.server.openapi import BODY_PROBLEMS, json_body
from samesay.server.preparing import Place
from samesay.server.problems import invalid
from samesay.server.reading import asked, require_json
from samesay.server.schemas.embeddings import EmbeddingsAnswer, EmbeddingsRequest
from samesay.server.services import Services, Work, check_inputs, services_of

router = APIRouter(tags=["embeddings"])
# So few are written as base64 in less time than they are handed to a thread.
_FEW_NUMBERS = 4096


@dataclass(frozen=True)
class _Embedding(Work):
    encoding_format: Literal["float", "base64"]


@router.post(
    "/v1/embeddings",
    summary="Vectors of texts or token ids",
    response_model=EmbeddingsAnswer,
    responses=BODY_PROBLEMS,
    openapi_extra=json_body(EmbeddingsRequest),
)
async def create_embeddings(request: Request) -> Response:
    """Give one vector of length 1 for each input, in their order."""
    services = services_of(request)
    require_json(request)
    with services.admission.place():
        body = await request.body()
        work, vectors = await services.embedded(request, body, lambda: _prepare(services, body))
        if work.encoding_format == "base64" and vectors.size <= _FEW_NUMBERS:
            content = _render(work, vectors)
        else:
            content = await services.beside_the_loop(lambda: _render(work, vectors))
    return Response(content, media_type="application/json")


def _prepare(services: Services, body: bytes) -> _Embedding:
    call = asked(body, EmbeddingsRequest)
    served = services.models.find(call.model)
    limits = services.settings.limits
    texts, sequences = _inputs(call.input)
    check_inputs(len(texts) or len(sequences), limits.inputs, "input", "input")
    served.batcher.require_room(len(set(texts)) or len(sequences))
    if texts:
        prefixes = [served.model.prompts.prefix(call.prompt, call.task)] * len(texts)
        prepared = served.preparing.texts(
            texts, prefixes, call.overlength, call.dimensions, lambda index: Place(f"input {index}", "input")
        )
    elif call.prompt is not None or call.task is not None:
        raise invalid("token ids are taken as they stand: leave 'prompt' and 'task' out", "prompt")
    else:
        prepared = served.preparing.token_ids(sequences, call.dimensions)
    services.check_size(prepared, "input")
    return _Embedding(served, prepared, texts, call.encoding_format)


def _inputs(given: str | list[str] | list[int] | list[list[int]]) -> tuple[list[str], list[list[int]]]:
    if isinstance(given, str):
        return [given], []
    texts = [entry for entry in given if isinstance(entry, str)]
    if texts:
        return texts, []
    whole = [entry for entry in given if isinstance(entry, int)]
    return [], [whole] if whole else [entry for entry in given if isinstance(entry, list)]


def _render(work: _Embedding, vectors: NDArray[np.float32]) -> bytes:
    if work.encoding_format == "base64":
        rows = [b'"%s"' % base64.b64encode(row.astype("<f4").tobytes()) for row in vectors]
    else:
        # As the doubles that they are, each number comes out of any parser with its bits.
        rows = [to_json(row) for row in vectors.tolist()]
    data = b",".join(
        b'{"object":"embedding","index":%d,"embedding":%s}' % (index, rows[place])
        for index, place in enumerate(work.prepared.places.tolist())
    )
    tokens = work.prepared.input_tokens
    return b'{"object":"list","data":[%s],"model":%s,"usage":%s}' % (
        data,
        to_json(work.served.name),
        to_json(usage(tokens)),
    )


def usage(tokens: int) -> dict[str, int]:
    """Give what an answer says of the tokens that it took."""
    return {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
