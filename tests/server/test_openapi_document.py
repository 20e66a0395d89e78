"""Whatever the OpenAPI document allows, and whatever it does not: never a 5xx, and never another schema."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import PATIENCE, QWEN, Serving

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


BOUNDED = settings(
    max_examples=25,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _with_served_models(document: dict[str, Any]) -> dict[str, Any]:
    """Let generated requests name a model and a collection that are served: of all strings none else is."""
    for operations in document["paths"].values():
        for operation in operations.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if body:
                for name, served in (("model", QWEN), ("collection", "kb"), ("intents", "wants")):
                    if name in body["schema"]["properties"]:
                        body["schema"]["properties"][name] = {"enum": [served]}
    return document


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_answers_are_what_the_document_says(server: Serving, mode: schemathesis.GenerationMode) -> None:
    document = httpx.get(f"{server.url}/openapi.json", timeout=PATIENCE).json()
    schema = schemathesis.openapi.from_dict(_with_served_models(document))
    schema.config.update(base_url=server.url)
    statuses: Counter[int] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]

        @given(case=operation.as_strategy(generation_mode=mode))
        @BOUNDED
        def check(case: Any) -> None:
            answer = case.call(timeout=PATIENCE)
            statuses[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        with contextlib.suppress(Unsatisfiable):  # a route without arguments has no wrong ones
            check()
    assert statuses[200 if mode is schemathesis.GenerationMode.POSITIVE else 400] > 20, statuses
