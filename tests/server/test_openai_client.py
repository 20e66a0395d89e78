"""The official client, unmodified."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest
from serving import BERT, PATIENCE, QWEN, Serving, plan_of, serving

from samesay import EmbeddingModel
from samesay.server.settings import Access, ServerSettings


@pytest.fixture(scope="module")
def client(server: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        api_key="none", base_url=f"{server.url}/v1", max_retries=0, timeout=PATIENCE
    ) as opened:
        yield opened


def test_single_text_has_the_bits_of_the_model(client: openai.OpenAI, qwen: EmbeddingModel) -> None:
    answer = client.embeddings.create(model=QWEN, input="The cat sleeps.")
    vector = np.array(answer.data[0].embedding, np.float32)
    assert vector.tobytes() == qwen.encode("The cat sleeps.").tobytes()
    assert (answer.object, answer.model, answer.data[0].object, answer.data[0].index) == (
        "list",
        QWEN,
        "embedding",
        0,
    )
    tokens = int(qwen.count_tokens("The cat sleeps.")[0])
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (tokens, tokens)


def test_batch_of_a_hundred_keeps_order_and_counts(client: openai.OpenAI, qwen: EmbeddingModel) -> None:
    texts = [f"text number {i % 90} " * (1 + i % 7) for i in range(100)]
    answer = client.embeddings.create(model=QWEN, input=texts)
    vectors = np.array([entry.embedding for entry in answer.data], np.float32)
    assert [entry.index for entry in answer.data] == list(range(100))
    assert vectors.tobytes() == qwen.encode(texts).tobytes()
    assert answer.usage.prompt_tokens == qwen.count_tokens(texts).sum()


def test_float_and_base64_are_the_same_numbers(client: openai.OpenAI) -> None:
    numbers = client.embeddings.create(model=QWEN, input="a", encoding_format="float").data[0].embedding
    coded = client.embeddings.create(model=QWEN, input="a", encoding_format="base64").data[0].embedding
    # The client's types say numbers; asked for base64, it hands on the answer as it is.
    assert np.array(numbers, "<f4").tobytes() == base64.b64decode(str(coded))


def test_dimensions_are_those_of_the_model_cut_and_scaled(
    client: openai.OpenAI, qwen: EmbeddingModel
) -> None:
    answer = client.embeddings.create(model=QWEN, input=["a", "b c"], dimensions=40)
    vectors = np.array([entry.embedding for entry in answer.data], np.float32)
    assert vectors.tobytes() == qwen.encode(["a", "b c"], dimensions=40).tobytes()


def test_prompt_is_an_extra_argument(client: openai.OpenAI, qwen: EmbeddingModel) -> None:
    answer = client.embeddings.create(model=QWEN, input="a", extra_body={"prompt": "query", "task": "code"})
    wanted = qwen.encode("a", prompt="query", task="code")
    assert np.array(answer.data[0].embedding, np.float32).tobytes() == wanted.tobytes()


def test_models_are_listed_and_found_by_alias(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [QWEN, BERT]
    assert client.models.retrieve(f"test/{BERT}").id == BERT


def test_wrong_requests_are_bad_request_errors(client: openai.OpenAI) -> None:
    wrong: list[dict[str, Any]] = [
        {"input": ""},
        {"input": []},
        {"input": "a", "dimensions": 3},
        {"input": "a", "dimensions": -1},
        {"input": "a " * 3000},
    ]
    for arguments in wrong:
        with pytest.raises(openai.BadRequestError) as caught:
            client.embeddings.create(model=QWEN, **arguments)
        assert caught.value.type == "invalid_request_error"
        assert caught.value.param in arguments


def test_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.embeddings.create(model="text-embedding-4", input="a")
    assert caught.value.code == "model_not_found"


def test_key_is_asked_for_and_taken() -> None:
    settings = ServerSettings(access=Access(api_keys=("first-key", "second-key")))
    with serving([plan_of(QWEN)], settings) as guarded:
        base_url = f"{guarded.url}/v1"
        with (
            openai.OpenAI(api_key="wrong", base_url=base_url, max_retries=0) as stranger,
            pytest.raises(openai.AuthenticationError) as caught,
        ):
            stranger.embeddings.create(model=QWEN, input="a")
        assert caught.value.code == "invalid_api_key"
        with openai.OpenAI(api_key="second-key", base_url=base_url, timeout=PATIENCE) as friend:
            assert len(friend.embeddings.create(model=QWEN, input="a").data) == 1
