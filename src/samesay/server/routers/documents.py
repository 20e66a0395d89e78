"""``POST /v1/documents`` and ``POST /v1/documents/delete``."""

from __future__ import annotations

from fastapi import APIRouter, Request

from samesay.server.document_changes import Changes, changes_of, committed, deleted
from samesay.server.openapi import BODY_PROBLEMS, json_body, problems
from samesay.server.problems import Problem
from samesay.server.reading import asked, require_json
from samesay.server.routers.embeddings import usage
from samesay.server.schemas.documents import DeleteAnswer, DeleteRequest, UpsertAnswer, UpsertRequest
from samesay.server.schemas.embeddings import EmbeddingsUsage
from samesay.server.served_collections import ServedCollection, ServedCollections, collections_of
from samesay.server.services import Services, check_inputs, record_of, services_of

router = APIRouter(tags=["collections"])
_PROBLEMS = BODY_PROBLEMS | problems(403)


@router.post(
    "/v1/documents",
    summary="Add documents to a collection, or replace them",
    responses=_PROBLEMS,
    openapi_extra=json_body(UpsertRequest),
)
async def upsert_documents(request: Request) -> UpsertAnswer:
    """Make documents part of a collection: all of them, and on disk, or none."""
    services, collections = services_of(request), collections_of(request)
    _check_may_write(services)
    require_json(request)
    with services.admission.place():
        body = await request.body()
        changes = await services.prepared(request, body, lambda: _changes(services, collections, body))
        work, vectors = changes.work, None
        if work is not None:
            _, vectors = await services.embedded(request, body, lambda: work)
        done = await collections.writing(changes.collection, lambda: committed(changes, vectors))
    return UpsertAnswer(
        object="documents.upsert",
        collection=changes.collection.name,
        added=done.added,
        changed=done.changed,
        unchanged=done.unchanged,
        segments=done.segments,
        cut_segments=done.cut_segments,
        usage=EmbeddingsUsage.model_validate(usage(changes.tokens)),
    )


@router.post(
    "/v1/documents/delete",
    summary="Take documents out of a collection",
    responses=_PROBLEMS,
    openapi_extra=json_body(DeleteRequest),
)
async def delete_documents(request: Request) -> DeleteAnswer:
    """Take documents out of a collection: all of them, and on disk, or none."""
    services, collections = services_of(request), collections_of(request)
    _check_may_write(services)
    require_json(request)
    with services.admission.place():
        body = await request.body()
        collection, ids = await services.prepared(
            request, body, lambda: _read_delete(services, collections, body)
        )
        record_of(request).model = collection.served.name
        count = await collections.writing(collection, lambda: deleted(collection, ids))
    return DeleteAnswer(object="documents.delete", collection=collection.name, deleted=count)


def _check_may_write(services: Services) -> None:
    access = services.settings.access
    if not access.api_keys and not access.open_writes:
        raise Problem(
            403,
            "this server has no keys, so that anybody could change documents: start it with --api-key-file, "
            "or with --open-writes where nobody else can reach it",
            code="writes_need_key",
        )


def _changes(services: Services, collections: ServedCollections, body: bytes) -> Changes:
    call = asked(body, UpsertRequest)
    collection = collections.find(call.collection)
    check_inputs(len(call.documents), services.settings.limits.inputs, "documents", "documents")
    return changes_of(services, collection, call.documents)


def _read_delete(
    services: Services, collections: ServedCollections, body: bytes
) -> tuple[ServedCollection, list[str]]:
    call = asked(body, DeleteRequest)
    collection = collections.find(call.collection)
    check_inputs(len(call.ids), services.settings.limits.inputs, "ids", "ids")
    return collection, call.ids
