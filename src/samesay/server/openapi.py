"""The OpenAPI document, and a page that shows it without fetching anything from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Collection
from html import escape
from typing import Any

from samesay.server.schemas.base import BodyModel
from samesay.server.schemas.errors import ErrorAnswer

_MEANINGS = {
    400: "The request is wrong; the message says what.",
    401: "A key is missing or wrong.",
    403: "Writing wants a server with keys.",
    404: "There is no such model, collection or intents.",
    408: "The body took too long.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    421: "The server does not answer to the name in Host.",
    429: "Too much waits already; Retry-After says when to ask again.",
    431: "The headers are too large.",
    500: "Something failed here.",
    503: "The server loads or stops.",
}


# What every route may answer, as it is found before the route is.
_EVERYWHERE = (421, 431)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route."""
    return {
        status: {"model": ErrorAnswer, "description": _MEANINGS[status]}
        for status in sorted({*statuses, *_EVERYWHERE})
    }


def json_body(model: type[BodyModel]) -> dict[str, Any]:
    """Describe a body that the route reads by itself."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def with_keys(document: dict[str, Any], open_paths: Collection[str]) -> dict[str, Any]:
    """Give the document of a server that asks for keys, except at the open paths."""
    scheme = {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer KEY"}
    paths = {
        path: operations
        if path in open_paths
        else {method: {**operation, "security": [{"key": []}]} for method, operation in operations.items()}
        for path, operations in document["paths"].items()
    }
    components = {**document.get("components", {}), "securitySchemes": {"key": scheme}}
    return {**document, "paths": paths, "components": components}


BODY_PROBLEMS = problems(400, 401, 404, 408, 413, 415, 429, 500, 503)

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#f4f4f4;padding:.75rem;overflow:auto}summary{cursor:pointer;padding:.25rem 0}"
    "code{font-size:.95em}"
)


def page(document: dict[str, Any]) -> str:
    """Show the document: every route, what it takes and what it gives."""
    info = document["info"]
    routes = [
        _route(method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    schemas = "".join(
        f"<details><summary><code>{escape(name)}</code></summary>{_shown(schema)}</details>"
        for name, schema in document.get("components", {}).get("schemas", {}).items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])}</p>"
        '<p>As a document for programs: <a href="openapi.json">openapi.json</a></p>'
        f"<h2>Routes</h2>{''.join(routes)}<h2>Schemas</h2>{schemas}</body></html>"
    )


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    answers = "".join(
        f"<li><code>{escape(str(status))}</code> {escape(answer['description'])}</li>"
        for status, answer in operation["responses"].items()
    )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return (
        f"<details><summary><code>{escape(method.upper())} {escape(path)}</code> "
        f"{escape(operation.get('summary', ''))}</summary><p>{escape(operation.get('description', ''))}</p>"
        f"{_shown(body) if body else ''}<ul>{answers}</ul></details>"
    )


def _shown(schema: dict[str, Any]) -> str:
    return f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre>"
