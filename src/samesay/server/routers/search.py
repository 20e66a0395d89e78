"""``POST /v1/search``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic_core import to_json

from samesay.collection.hit import Hit
from samesay.collection.search_settings import SearchSettings
from samesay.collection.searching import search
from samesay.server.openapi import BODY_PROBLEMS, json_body
from samesay.server.preparing import Place
from samesay.server.problems import invalid
from samesay.server.reading import asked, require_json
from samesay.server.routers.embeddings import usage
from samesay.server.schemas.search import SearchAnswer, SearchRequest
from samesay.server.served_collections import ServedCollection, ServedCollections, collections_of
from samesay.server.services import Services, Work, check_inputs, record_of, services_of

router = APIRouter(tags=["collections"])


@dataclass(frozen=True)
class _Asked:
    """A request that is read.

    Attributes:
        collection: Where to search.
        queries: What for.
        call: The request.
        settings: How to search.
    """

    collection: ServedCollection
    queries: list[str]
    call: SearchRequest
    settings: SearchSettings


@router.post(
    "/v1/search",
    summary="The documents of a collection that answer queries best",
    response_model=SearchAnswer,
    responses=BODY_PROBLEMS,
    openapi_extra=json_body(SearchRequest),
)
async def create_search(request: Request) -> Response:
    """Give the best documents for each query, each with its best passage."""
    services, collections = services_of(request), collections_of(request)
    require_json(request)
    with services.admission.place():
        body = await request.body()
        given = await services.prepared(request, body, lambda: _read(services, collections, body))
        vectors, tokens = None, 0
        if given.call.mode == "text":
            record = record_of(request)
            record.model, record.inputs = given.collection.served.name, len(given.queries)
            if services.settings.log_texts:
                record.texts = given.queries
        else:
            work, found = await services.embedded(request, body, lambda: _prepare(services, given))
            vectors, tokens = found[work.prepared.places], work.prepared.input_tokens
        content = await collections.searching(lambda: _answer(given, vectors, tokens))
    return Response(content, media_type="application/json")


def _read(services: Services, collections: ServedCollections, body: bytes) -> _Asked:
    call = asked(body, SearchRequest)
    collection = collections.find(call.collection)
    limits = services.settings.limits
    queries = [call.query] if isinstance(call.query, str) else list(call.query)
    check_inputs(len(queries), limits.inputs, "query", "query")
    if len(queries) * call.top_k > limits.hits:
        raise invalid(
            f"{len(queries)} queries × {call.top_k} hits are more than the {limits.hits} of one answer",
            "top_k",
        )
    settings = SearchSettings(top_k=call.top_k, mode=call.mode, where=call.filter, min_score=call.min_score)
    return _Asked(collection, queries, call, settings)


def _prepare(services: Services, given: _Asked) -> Work:
    served, call = given.collection.served, given.call
    served.batcher.require_room(len(set(given.queries)))
    prefixes = [served.model.prompts.prefix("query", call.task)] * len(given.queries)
    dimensions = given.collection.searched.manifest.dimensions
    prepared = served.preparing.texts(
        given.queries, prefixes, call.overlength, dimensions, lambda index: Place(f"query {index}", "query")
    )
    services.check_size(prepared, "query")
    return Work(served, prepared, given.queries)


def _answer(given: _Asked, vectors: NDArray[np.float32] | None, tokens: int) -> bytes:
    collection, generic = given.collection, None
    if vectors is not None:
        generic = collection.generic.of(collection.served.model, given.call.task, vectors.shape[1])
    with collection.searched.reading() as build:
        found = search(build, given.queries, vectors, given.settings, generic)
        identity = build.manifest.identity
    return to_json(
        {
            "object": "search",
            "collection": given.collection.name,
            "model": given.collection.served.name,
            "identity": str(identity),
            "mode": given.call.mode,
            "data": [
                {"object": "hits", "index": index, "hits": [_hit(hit) for hit in hits]}
                for index, hits in enumerate(found)
            ],
            "usage": usage(tokens),
        }
    )


def _hit(hit: Hit) -> dict[str, object]:
    return {
        "document_id": hit.document_id,
        "score": float(hit.score),
        "passage": hit.passage,
        "begin": hit.begin,
        "end": hit.end,
        "title": hit.title,
        "headings": hit.headings,
        "language": hit.language,
        "metadata": dict(hit.metadata),
        "components": {name: float(value) for name, value in hit.components.items()},
    }
