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
from samesay.server.preparing import Composed, Place, Prepared
from samesay.server.problems import invalid
from samesay.server.reading import asked, require_json
from samesay.server.schemas.embeddings import EmbeddingsAnswer, EmbeddingsRequest
from samesay.server.served_models import ServedModel
from samesay.server.services import Services, Work, check_inputs, services_of

router = APIRouter(tags=["embeddings"])
# So few are written as base64 in less time than they are handed to a thread.
_FEW_NUMBERS = 4096


@dataclass(frozen=True)
class Draft:
    """A request that is read and not yet tokenized.

    Attributes:
        served: The model that it is for.
        texts: Its texts; none where it brings token ids.
        encoding_format: How the vectors are written.
        inputs: Its texts on their way to sequences, or its token ids, which are there already.
    """

    served: ServedModel
    texts: list[str]
    encoding_format: Literal["float", "base64"]
    inputs: Composed | Prepared


@dataclass(frozen=True)
class Embedding(Work):
    """A request that is prepared.

    Attributes:
        encoding_format: How the vectors are written.
    """

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
        if is_quickly_rendered(work, vectors):
            content = render(work, vectors)
        else:
            content = await services.beside_the_loop(lambda: render(work, vectors))
    return Response(content, media_type="application/json")


def draft(services: Services, body: bytes) -> Draft:
    """Read a body.

    Raises:
        Problem: For what is not such a request.
        SamesayError: For what the model refuses.
    """
    call = asked(body, EmbeddingsRequest)
    served = services.models.find(call.model)
    limits = services.settings.limits
    texts, sequences = _inputs(call.input)
    check_inputs(len(texts) or len(sequences), limits.inputs, "input", "input")
    served.batcher.require_room(len(set(texts)) or len(sequences))
    if texts:
        prefixes = [served.model.prompts.prefix(call.prompt, call.task)] * len(texts)
        composed = served.preparing.compose(
            texts, prefixes, call.overlength, call.dimensions, lambda index: Place(f"input {index}", "input")
        )
        return Draft(served, texts, call.encoding_format, composed)
    if call.prompt is not None or call.task is not None:
        raise invalid("token ids are taken as they stand: leave 'prompt' and 'task' out", "prompt")
    return Draft(served, [], call.encoding_format, served.preparing.token_ids(sequences, call.dimensions))


def finished(services: Services, begun: Draft, prepared: Prepared) -> Embedding:
    """Put a draft and its sequences together.

    Raises:
        Problem: For more tokens than a request may have.
    """
    services.check_size(prepared, "input")
    return Embedding(begun.served, prepared, begun.texts, begun.encoding_format)


def _prepare(services: Services, body: bytes) -> Embedding:
    begun = draft(services, body)
    inputs = begun.inputs
    prepared = inputs if isinstance(inputs, Prepared) else begun.served.preparing.finish(inputs)
    return finished(services, begun, prepared)


def _inputs(given: str | list[str] | list[int] | list[list[int]]) -> tuple[list[str], list[list[int]]]:
    if isinstance(given, str):
        return [given], []
    texts = [entry for entry in given if isinstance(entry, str)]
    if texts:
        return texts, []
    whole = [entry for entry in given if isinstance(entry, int)]
    return [], [whole] if whole else [entry for entry in given if isinstance(entry, list)]


def is_quickly_rendered(work: Embedding, vectors: NDArray[np.float32]) -> bool:
    """Say whether an answer is written in so little time that the event loop may do it."""
    # Equal inputs are computed once and written each time.
    numbers = len(work.prepared.places) * vectors.shape[1]
    return work.encoding_format == "base64" and numbers <= _FEW_NUMBERS


def render(work: Embedding, vectors: NDArray[np.float32]) -> bytes:
    """Write the answer, as JSON."""
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
