"""What ``POST /v1/embeddings`` gives, beyond what the official client asks for."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from serving import BERT, QWEN, Serving, plan_of, serving

from samesay import EmbeddingModel
from samesay.errors import TruncationWarning
from samesay.server.preparing import Composed
from samesay.server.routers.embeddings import draft, finished, is_quickly_rendered
from samesay.server.settings import Limits, ServerSettings

INSTRUCTION = "Instruct: Find the opposite\nQuery:"


def embed(client: httpx.Client, **content: Any) -> dict[str, Any]:
    answer = client.post("/v1/embeddings", json={"model": QWEN, "encoding_format": "base64", **content})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def vectors_in(body: dict[str, Any]) -> NDArray[np.float32]:
    return np.array([np.frombuffer(base64.b64decode(entry["embedding"]), "<f4") for entry in body["data"]])


def refusal(client: httpx.Client, status: int = 400, **content: Any) -> dict[str, Any]:
    answer = client.post("/v1/embeddings", json={"model": QWEN, **content})
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


@pytest.mark.parametrize("prompt", [None, "query", "document"])
@pytest.mark.parametrize("model_name", [QWEN, BERT])
def test_prompts_are_those_of_the_model(
    client: httpx.Client, qwen: EmbeddingModel, bert: EmbeddingModel, model_name: str, prompt: Any
) -> None:
    texts = ["How tall is it?", "It is tall.", "高"]
    direct = (qwen if model_name == QWEN else bert).encode(texts, prompt=prompt)
    for _ in range(3):  # from the second time on the prefix is shared
        body = embed(client, model=model_name, input=texts, prompt=prompt)
        assert vectors_in(body).tobytes() == direct.tobytes()


def test_text_with_an_instruction_of_its_own_is_taken_as_it_stands(
    client: httpx.Client, qwen: EmbeddingModel
) -> None:
    texts = [INSTRUCTION + "hot", "hot", INSTRUCTION + "cold"]
    wanted = np.stack([qwen.encode(texts[0]), qwen.encode("hot", prompt="query"), qwen.encode(texts[2])])
    for _ in range(3):
        assert vectors_in(embed(client, input=texts, prompt="query")).tobytes() == wanted.tobytes()
        assert vectors_in(embed(client, input=texts)).tobytes() == qwen.encode(texts).tobytes()


def test_instruction_that_comes_again_is_computed_once(server: Serving, client: httpx.Client) -> None:
    served = server.services.models.find(QWEN)
    texts = [f"Instruct: Name the colour\nQuery:{thing}" for thing in ("sky", "grass", "blood")]
    embed(client, input=texts)
    before = served.prefix_hits
    embed(client, input=texts)
    embed(client, input=texts)
    assert served.prefix_hits >= before + 5


def test_token_ids_are_taken_as_they_stand(client: httpx.Client, qwen: EmbeddingModel) -> None:
    sequences = [[5, 6, 7], [8], [456, 456]]
    wanted = qwen.encode_tokens(sequences)
    body = embed(client, input=sequences)
    assert vectors_in(body).tobytes() == wanted.tobytes()
    assert body["usage"]["prompt_tokens"] == 6
    assert vectors_in(embed(client, input=sequences[0])).tobytes() == wanted[0].tobytes()


def test_tokens_of_tokenize_give_the_vector_of_the_text(client: httpx.Client, qwen: EmbeddingModel) -> None:
    shown = client.post("/v1/tokenize", json={"model": QWEN, "input": ["good morning"], "prompt": "query"})
    tokens = shown.json()["data"][0]["tokens"]
    wanted = qwen.encode("good morning", prompt="query")
    assert vectors_in(embed(client, input=tokens)).tobytes() == wanted.tobytes()


def test_equal_inputs_are_counted_each_time(client: httpx.Client, qwen: EmbeddingModel) -> None:
    body = embed(client, input=["same", "other", "same"])
    assert body["usage"]["prompt_tokens"] == qwen.count_tokens(["same", "other", "same"]).sum()
    vectors = vectors_in(body)
    assert vectors.tobytes() == qwen.encode(["same", "other", "same"]).tobytes()


def test_overlong_text_is_refused_with_its_numbers_or_cut(client: httpx.Client, bert: EmbeddingModel) -> None:
    long = "word " * 2000
    count, most = int(bert.count_tokens(long)[0]), bert.max_tokens
    error = refusal(client, model=BERT, input=["short", long])
    assert error["code"] == "context_length_exceeded"
    assert f"input 1 has {count} tokens" in error["message"]
    assert str(most) in error["message"]
    body = embed(client, model=BERT, input=["short", long], overlength="truncate")
    with pytest.warns(TruncationWarning):
        wanted = bert.encode(["short", long], overlength="truncate")
    assert vectors_in(body).tobytes() == wanted.tobytes()
    assert body["usage"]["prompt_tokens"] == most + bert.count_tokens("short")[0]


def test_server_may_take_shorter_texts_than_the_model(qwen: EmbeddingModel) -> None:
    settings = ServerSettings(Limits(text_tokens=20))
    with serving([plan_of(QWEN)], settings) as small, small.client() as client:
        text = "one two three four five six seven eight nine ten"
        ids = qwen.tokenize([text]).token_ids.tolist()
        assert len(ids) > 20
        assert "takes on this server 20" in refusal(client, input=text)["message"]
        assert "20 here" in refusal(client, input=ids)["message"]
        cut = embed(client, input=text, overlength="truncate")
        assert vectors_in(cut).tobytes() == qwen.encode_tokens([[*ids[:19], ids[-1]]]).tobytes()
        assert cut["usage"]["prompt_tokens"] == 20


@pytest.mark.parametrize(
    ("content", "param", "words"),
    [
        ({}, "input", "must have 'input'"),
        ({"input": None}, "input", "not null"),
        ({"input": 3}, "input", "not a number"),
        ({"input": {"a": 1}}, "input", "not an object"),
        ({"input": True}, "input", "not a boolean"),
        ({"input": ["a", ""]}, "input", r"input[1] must not be an empty string"),
        ({"input": ["a", 3]}, "input", "input[1] must be a string, not a number"),
        ({"input": [3, "a"]}, "input", "input[1] must be a token id"),
        ({"input": [True]}, "input", "input[0] must be a string"),
        ({"input": [[1], "a"]}, "input", "input[1] must be an array of token ids"),
        ({"input": [[1], []]}, "input", "input[1] must not be an empty array"),
        ({"input": [1, 2.5]}, "input", "input[1] must be a token id"),
        ({"input": [464]}, "input", "the vocabulary of qwen3-gqa2 is 0 to 463"),
        ({"input": [[1], [-1]]}, "input", "input 1 has token id -1"),
        ({"input": [2**40]}, "input", "below 2^31"),
        ({"input": [1] * 2100}, "input", "2100 tokens"),
        ({"input": "a", "dimensions": 1.5}, "dimensions", "a whole number"),
        ({"input": "a", "dimensions": "64"}, "dimensions", "a whole number"),
        ({"input": "a", "dimensions": True}, "dimensions", "a whole number"),
        ({"input": "a", "dimensions": 0}, "dimensions", "greater than or equal to 1"),
        ({"input": "a", "dimensions": 65}, "dimensions", "32 to 64 dimensions, not 65"),
        ({"input": "a", "dimensions": 10**18}, "dimensions", "less than or equal to"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format", "'float' or 'base64'"),
        ({"input": "a", "prompt": "passage"}, "prompt", "'query' or 'document'"),
        ({"input": "a", "task": "code"}, "prompt", "prompt='query'"),
        ({"input": "a", "prompt": "query", "task": "cod"}, "prompt", "named tasks"),
        ({"input": [1], "prompt": "query"}, "prompt", "as they stand"),
        ({"input": "a", "overlength": "cut"}, "overlength", "'error' or 'truncate'"),
        ({"input": "a", "user": 1}, "user", "a string"),
        ({"input": "a", "dimension": 64}, "dimension", "unrecognized request argument: 'dimension'"),
        ({"input": "a", "model": 1}, "model", "a string"),
        ({"input": "a", "model": ""}, "model", "at least 1 character"),
    ],
)
def test_wrong_arguments_are_named(
    client: httpx.Client, content: dict[str, Any], param: str, words: str
) -> None:
    error = refusal(client, **content)
    assert error["param"] == param
    assert words in error["message"]


def test_vectors_have_the_same_bits_whatever_they_were_batched_with(
    server: Serving, qwen: EmbeddingModel
) -> None:
    """Many clients at once, with different widths, prompts and lengths."""
    random = np.random.default_rng(4)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]

    def ask(number: int) -> None:
        texts = [" ".join(random.choice(words, length)) for length in (1 + number % 5, 40, 3, 150)]
        arguments: list[dict[str, Any]] = [
            {},
            {"prompt": "query"},
            {"prompt": "query", "task": "code"},
            {"dimensions": 32},
            {"prompt": "document", "dimensions": 48},
        ]
        chosen = arguments[number % len(arguments)]
        body = embed(clients[number % len(clients)], input=texts, **chosen)
        found[number] = (vectors_in(body).tobytes(), texts, chosen)

    found: dict[int, tuple[bytes, list[str], dict[str, Any]]] = {}
    clients = [server.client() for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(ask, range(60)))
    for opened in clients:
        opened.close()
    for given, texts, chosen in found.values():
        assert given == qwen.encode(texts, **chosen).tobytes()


def test_only_answers_with_few_numbers_are_written_by_the_event_loop(server: Serving) -> None:
    for count, quickly in ((1, True), (2048, False)):
        # Equal texts have one vector and are written each time.
        begun = draft(server.services, json.dumps({"model": QWEN, "input": ["a"] * count}).encode())
        begun = replace(begun, encoding_format="base64")
        assert isinstance(begun.inputs, Composed)
        prepared = begun.served.preparing.finish(begun.inputs)
        work = finished(server.services, begun, prepared)
        vectors = np.zeros((1, prepared.width), np.float32)
        assert is_quickly_rendered(work, vectors) == quickly
