"""``POST /v1/similarity``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic_core import to_json

from samesay.engine.row_products import pair_products, table_products
from samesay.errors import PromptError
from samesay.server.openapi import BODY_PROBLEMS, json_body
from samesay.server.preparing import Place
from samesay.server.problems import invalid
from samesay.server.reading import asked, require_json
from samesay.server.routers.embeddings import usage
from samesay.server.schemas.similarity import SimilarityAnswer, SimilarityRequest
from samesay.server.services import Services, Work, check_inputs, services_of
from samesay.server.written_arrays import with_array

router = APIRouter(tags=["similarity"])


@dataclass(frozen=True)
class Comparison(Work):
    """A request that compares texts.

    Attributes:
        call: What is asked for.
        lefts: How many of its texts are left ones; they come first.
    """

    call: SimilarityRequest
    lefts: int


@router.post(
    "/v1/similarity",
    summary="Scores of pairs, or of two lists",
    response_model=SimilarityAnswer,
    responses=BODY_PROBLEMS,
    openapi_extra=json_body(SimilarityRequest),
)
async def create_similarity(request: Request) -> Response:
    """Give the cosine of each pair; of two lists, of every left text with every right one."""
    services = services_of(request)
    require_json(request)
    with services.admission.place():
        body = await request.body()
        work, vectors = await services.embedded(request, body, lambda: _prepare(services, body))
        content = await services.beside_the_loop(lambda: _render(work, vectors))
    return Response(content, media_type="application/json")


def _prepare(services: Services, body: bytes) -> Comparison:
    return prepare_comparison(services, asked(body, SimilarityRequest), services.settings.limits.scores)


def prepare_comparison(services: Services, call: SimilarityRequest, most_scores: int) -> Comparison:
    """Check and tokenize the texts of a comparison.

    Args:
        services: The parts of the server.
        call: What is asked for.
        most_scores: Scores that its answer may have.

    Raises:
        Problem: For what cannot be compared.
    """
    served = services.models.find(call.model)
    limits = services.settings.limits
    larger = "pairs"  # the part to shorten when there is too much
    if call.pairs is not None:
        check_inputs(2 * len(call.pairs), limits.inputs, "pairs", "pairs")
        left, right = [pair[0] for pair in call.pairs], [pair[1] for pair in call.pairs]
    else:
        left, right = call.left or [], call.right or []
        larger = "left" if len(left) > len(right) else "right"
        check_inputs(len(left) + len(right), limits.inputs, "left and right", larger)
        if len(left) * len(right) > most_scores:
            raise invalid(
                f"{len(left)} × {len(right)} scores are more than the {most_scores} of one answer",
                larger,
            )
    served.batcher.require_room(len({*left, *right}))
    try:
        first, second = served.model.prompts.pair_prefixes(call.mode, call.task)
    except PromptError as error:
        raise invalid(str(error), "task") from None  # the schema lets no other mode through
    prefixes = [first] * len(left) + [second] * len(right)
    texts = [*left, *right]
    prepared = served.preparing.texts(
        texts,
        prefixes,
        call.overlength,
        call.dimensions,
        _places(len(left), pairs=call.pairs is not None),
    )
    services.check_size(prepared, larger)
    return Comparison(served, prepared, texts, call, len(left))


def _places(lefts: int, *, pairs: bool) -> Callable[[int], Place]:
    def place(index: int) -> Place:
        side, number = ("left", index) if index < lefts else ("right", index - lefts)
        return Place(f"{side} text {number}", "pairs" if pairs else side)

    return place


def _render(work: Comparison, vectors: NDArray[np.float32]) -> bytes:
    sides = vectors[work.prepared.places]
    left, right = sides[: work.lefts], sides[work.lefts :]
    # As EmbeddingModel.similarity and similarity_matrix do, to the bit.
    scores = (pair_products if work.call.pairs is not None else table_products)(left, right)
    scores = scores.clip(-1, 1)
    return with_array(
        {
            "object": "similarity",
            "model": work.served.name,
            "identity": work.served.identity(work.call.dimensions),
            "mode": work.call.mode,
            "task": work.call.task,
            "usage": usage(work.prepared.input_tokens),
        },
        "scores",
        (to_json(entry.tolist()) for entry in scores),
    )
