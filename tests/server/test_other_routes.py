"""Similarity, tokens, models, health and metrics."""

from __future__ import annotations

import re
from typing import Any

import httpx
import numpy as np
import pytest
from serving import BERT, QWEN, Serving, plan_of, serving

from samesay import EmbeddingModel
from samesay.server.settings import Access, ServerSettings

PAIRS = [["The cat sleeps.", "A cat is asleep."], ["yes", "no"], ["yes", "yes"]]


def similarity(client: httpx.Client, **content: Any) -> dict[str, Any]:
    answer = client.post("/v1/similarity", json={"model": QWEN, **content})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("mode", ["symmetric", "query-document", "plain"])
def test_scores_of_pairs_have_the_bits_of_the_model(
    client: httpx.Client, qwen: EmbeddingModel, mode: Any
) -> None:
    body = similarity(client, pairs=PAIRS, mode=mode)
    wanted = qwen.similarity([a for a, _ in PAIRS], [b for _, b in PAIRS], mode=mode)
    assert np.array(body["scores"], np.float32).tobytes() == wanted.tobytes()
    assert body["identity"] == str(qwen.identity)


def test_scores_of_two_lists_are_a_row_for_each_left_text(client: httpx.Client, qwen: EmbeddingModel) -> None:
    left, right = ["a", "b"], ["c", "d", "e"]
    body = similarity(client, left=left, right=right, task="code", dimensions=32)
    wanted = qwen.similarity_matrix(left, right, task="code", dimensions=32)
    assert np.array(body["scores"]).shape == (2, 3)
    assert np.abs(np.array(body["scores"]) - wanted).max() < 1e-6
    assert body["identity"] == str(qwen.identity_at(32))


@pytest.mark.parametrize(
    ("content", "param", "words"),
    [
        ({}, "pairs", "either 'pairs', or 'left' and 'right'"),
        ({"pairs": PAIRS, "left": ["a"]}, "pairs", "either"),
        ({"left": ["a"]}, "right", "go together"),
        ({"right": ["a"]}, "left", "go together"),
        ({"pairs": []}, "pairs", "must not be an empty array"),
        ({"pairs": [["a"]]}, "pairs", "pairs[0] must be an array of two strings"),
        ({"pairs": [["a", 3]]}, "pairs", "pairs[0][1] must be a string"),
        ({"left": "a", "right": ["b"]}, "left", "left must be an array"),
        ({"pairs": [["a", "b"]], "mode": "query"}, "mode", "mode"),
        ({"pairs": [["a", "b"]], "mode": "plain", "task": "code"}, "task", "a task needs mode"),
        ({"pairs": [["a", "b"]], "dimensions": 65}, "dimensions", "65"),
        ({"pairs": [["a", "word " * 3000]]}, "pairs", "right text 0 has"),
        ({"left": ["a", "word " * 3000], "right": ["b"]}, "left", "left text 1 has"),
        ({"left": ["a"], "right": ["b", "word " * 3000]}, "right", "right text 1 has"),
        ({"pairs": [["a", "b"]] * 1025}, "pairs", "pairs has 2050 entries"),
        ({"left": ["a"] * 2000, "right": ["b"] * 60}, "left", "left and right has 2060 entries"),
        ({"left": ["a"] * 1020, "right": ["b"] * 1022}, "right", "scores are more than"),
    ],
)
def test_wrong_similarity_requests_are_told(
    client: httpx.Client, content: dict[str, Any], param: str, words: str
) -> None:
    answer = client.post("/v1/similarity", json={"model": QWEN, **content})
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == param


def test_tokens_are_uncut_and_those_the_network_reads(client: httpx.Client, qwen: EmbeddingModel) -> None:
    text = "long " * 3000
    answer = client.post("/v1/tokenize", json={"model": QWEN, "input": ["a b", text], "prompt": "query"})
    body = answer.json()
    assert body["max_tokens"] == qwen.max_tokens
    assert body["data"][0]["tokens"] == qwen.tokenize(["a b"], prompt="query").token_ids.tolist()
    assert body["data"][1]["count"] == qwen.count_tokens(text, prompt="query")[0] > qwen.max_tokens


def test_models_say_what_they_can(client: httpx.Client, qwen: EmbeddingModel) -> None:
    first, second = client.get("/v1/models").json()["data"]
    assert (first["id"], second["id"]) == (QWEN, BERT)
    assert first["aliases"] == [f"test/{QWEN}"]
    assert (first["dimensions"], first["matryoshka"], second["matryoshka"]) == (64, True, False)
    assert first["identity"] == str(qwen.identity)
    assert client.get("/v1/models/nothing").json()["error"]["code"] == "model_not_found"


def test_several_models_answer_by_name_and_alias(
    client: httpx.Client, qwen: EmbeddingModel, bert: EmbeddingModel
) -> None:
    for name, model in ((QWEN, qwen), (BERT, bert)):
        for called in (name, f"test/{name}"):
            answer = client.post("/v1/embeddings", json={"model": called, "input": "x"}).json()
            assert answer["model"] == name
            assert (
                np.array(answer["data"][0]["embedding"], np.float32).tobytes() == model.encode("x").tobytes()
            )


def test_health_and_readiness(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "alive"}
    ready = client.get("/ready")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "models": {QWEN: "ready", BERT: "ready"}}


def value(metrics: str, name: str, **labels: str) -> float:
    for line in metrics.splitlines():
        found = re.fullmatch(re.escape(name) + r"(?:\{(.*)\})? (\S+)", line)
        if found and dict(re.findall(r'(\w+)="([^"]*)"', found[1] or "")) == labels:
            return float(found[2])
    return 0.0


def test_metrics_count_what_happens() -> None:
    with serving([plan_of(QWEN)]) as running, running.client() as client:
        client.post("/v1/embeddings", json={"model": QWEN, "input": ["a", "b c"], "prompt": "query"})
        client.post("/v1/embeddings", json={"model": QWEN, "input": ["d"], "prompt": "query"})
        client.post("/v1/embeddings", json={"model": QWEN, "input": "long " * 3000, "overlength": "truncate"})
        client.post("/v1/embeddings", json={"model": QWEN, "input": ""})
        client.get("/thought-up-by-a-stranger")
        text = client.get("/metrics").text
    route = "/v1/embeddings"
    assert value(text, "samesay_requests_total", path=route, status="200") == 3
    assert value(text, "samesay_requests_total", path=route, status="400") == 1
    assert value(text, "samesay_requests_total", path="other", status="404") == 1
    assert "thought-up" not in text
    assert value(text, "samesay_request_seconds_count", path=route) == 4
    assert value(text, "samesay_inputs_total", model=QWEN) == 4
    assert value(text, "samesay_cut_inputs_total", model=QWEN) == 1
    assert value(text, "samesay_batch_texts_sum", model=QWEN) == 4
    assert value(text, "samesay_batch_tokens_sum", model=QWEN) > 2000
    assert value(text, "samesay_queue_seconds_count", model=QWEN) == 3
    assert value(text, "samesay_queue_tokens", model=QWEN) == 0
    assert value(text, "samesay_tokens_per_second", model=QWEN) > 0
    assert value(text, "samesay_input_tokens_total", model=QWEN) > 2000


def test_unknown_paths_and_methods_are_told_in_the_same_schema(client: httpx.Client) -> None:
    for answer, status in (
        (client.get("/v2"), 404),
        (client.put("/v1/models"), 405),
        (client.get("/docs/"), 404),
    ):
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("route", ["/v1/embeddings", "/v1/similarity", "/v1/models"])
def test_bug_is_told_in_the_same_schema_and_counted(monkeypatch: pytest.MonkeyPatch, route: str) -> None:
    with serving([plan_of(QWEN)]) as running, running.client() as client:
        broken = property(lambda _: (_ for _ in ()).throw(ZeroDivisionError("a bug")))
        model = running.services.models.find(QWEN).model
        monkeypatch.setattr(type(model.checkpoint), "prompts", broken, raising=False)
        monkeypatch.setattr(type(model), "dimensions", broken)
        content = {"pairs": [["a", "b"]]} if route == "/v1/similarity" else {"input": "a"}
        method = "GET" if route == "/v1/models" else "POST"
        told = client.request(method, route, json=None if method == "GET" else {"model": QWEN, **content})
        assert told.status_code == 500
        assert set(told.json()["error"]) == {"message", "type", "param", "code"}
        assert "a bug" not in told.text
        assert told.headers["x-request-id"]
        counted = value(client.get("/metrics").text, "samesay_requests_total", path=route, status="500")
        assert counted == 1


def test_documentation_page_lists_every_route_and_fetches_nothing(client: httpx.Client) -> None:
    text = client.get("/docs").text
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in text
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)


def test_every_answer_has_an_id_of_its_own(client: httpx.Client) -> None:
    ids = {client.get(path).headers["x-request-id"] for path in ("/health", "/nothing", "/v1/models")}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("guards", "opened"),
    [
        (
            Access(("key",)),
            {"/health": 200, "/ready": 200, "/metrics": 200, "/v1/models": 401, "/nothing": 401},
        ),
        (
            Access(("key",), guard_health=True, guard_metrics=True),
            {"/health": 401, "/ready": 401, "/metrics": 401, "/docs": 200, "/openapi.json": 200},
        ),
        (Access(), {"/health": 200, "/v1/models": 200}),
    ],
)
def test_keys_guard_what_they_should(guards: Access, opened: dict[str, int]) -> None:
    with serving([plan_of(QWEN)], ServerSettings(access=guards)) as running, running.client() as client:
        assert {path: client.get(path).status_code for path in opened} == opened
        for wrong in ("", "key", "Basic key", "Bearer", "Bearer ke", "Bearer key2", "Bearer \xff"):
            answer = client.get("/v1/models", headers={b"Authorization": wrong.encode("latin-1")})
            assert answer.status_code == (401 if guards.api_keys else 200)
        assert client.get("/v1/models", headers={"Authorization": "bearer key"}).status_code == 200
        document = client.get("/openapi.json").json()
        asked_for = {
            path for path, route in document["paths"].items() if "security" in next(iter(route.values()))
        }
        assert {path for path, status in opened.items() if status == 401} - {"/nothing"} <= asked_for
        assert not asked_for & {path for path, status in opened.items() if status == 200}
        assert ("/v1/embeddings" in asked_for) == bool(guards.api_keys)
        schemes = document["components"].get("securitySchemes", {}).values()
        assert [scheme["scheme"] for scheme in schemes] == ["bearer"] * bool(guards.api_keys)


def test_other_origins_are_let_in_only_when_asked_for(server: Serving) -> None:
    asking = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    with server.client() as client:
        assert "access-control-allow-origin" not in client.options("/v1/embeddings", headers=asking).headers
        assert "access-control-allow-origin" not in client.get("/v1/models", headers=asking).headers
    settings = ServerSettings(access=Access(("key",), cors_origins=("https://a.example",)))
    with serving([plan_of(QWEN)], settings) as running, running.client() as client:
        allowed = client.options("/v1/embeddings", headers=asking)
        assert allowed.headers["access-control-allow-origin"] == "https://a.example"
        refused = client.get("/v1/models", headers=asking)
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://a.example"
        # As OpenAI's client for browsers asks.
        named = {"Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang"}
        assert client.options("/v1/embeddings", headers=asking | named).status_code == 200
        foreign = client.get("/v1/models", headers={"Origin": "https://b.example"})
        assert "access-control-allow-origin" not in foreign.headers
