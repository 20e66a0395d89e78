"""The embedding classes of LangChain and LlamaIndex, as they are, against the real command.

``make frameworks`` installs them; without them these tests are skipped.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

MODEL = "qwen3-gqa2"
TEXTS = ["One sentence.", "Another sentence.", "Ein dritter Satz, auf Deutsch."]
PATIENCE = 120.0

# Other people's packages warn about each other; what is tested here is what they send.
pytestmark = pytest.mark.filterwarnings("ignore")
needs_langchain = pytest.mark.skipif(find_spec("langchain_openai") is None, reason="needs make frameworks")
needs_llama_index = pytest.mark.skipif(find_spec("llama_index") is None, reason="needs make frameworks")


@dataclass(frozen=True)
class Running:
    """A server, and what it answers to a plain request."""

    url: str
    client: httpx.Client

    def vectors(self, texts: list[str], **options: object) -> NDArray[np.float32]:
        body = {"model": MODEL, "input": texts, "encoding_format": "base64", **options}
        answer = self.client.post(f"{self.url}/embeddings", json=body)
        assert answer.status_code == 200, answer.text
        rows = [base64.b64decode(entry["embedding"]) for entry in answer.json()["data"]]
        return np.stack([np.frombuffer(row, "<f4") for row in rows])


@pytest.fixture(scope="module")
def running(fixtures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The real command with a small model."""
    for package in ("fastapi", "uvicorn", "httptools", "prometheus_client"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("server")
    arguments = ["--port", "0", "--model", str(fixtures / MODEL), "--precision", "fp32", "--threads", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "samesay", "serve", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SAMESAY_CACHE": str(folder)},
    )
    assert process.stderr is not None
    lines = process.stderr
    told: list[str] = []
    reader = threading.Thread(target=lambda: told.extend(lines), daemon=True)
    reader.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not any(" is ready after " in line for line in told):
            assert process.poll() is None, "".join(told)
            assert time.monotonic() < deadline, "".join(told)
            time.sleep(0.02)
        address = re.search(r"listening at (\S+)/v1", "".join(told))
        assert address
        # The classes take it too, as they would leave theirs open.
        with httpx.Client(timeout=PATIENCE) as client:
            yield Running(f"{address[1]}/v1", client)
    finally:
        process.terminate()
        process.wait(PATIENCE)
        reader.join(PATIENCE)
        process.stderr.close()


def langchain(running: Running, **options: Any) -> Any:
    """LangChain's class, told to send texts instead of the token ids of OpenAI's own models."""
    return import_module("langchain_openai").OpenAIEmbeddings(
        base_url=running.url,
        api_key="unused",
        http_client=running.client,
        model=MODEL,
        check_embedding_ctx_length=False,
        **options,
    )


def llama_index(running: Running, **options: Any) -> Any:
    """LlamaIndex's class; `model` takes OpenAI's own names only, `model_name` any."""
    package = import_module("llama_index.embeddings.openai")
    return package.OpenAIEmbedding(
        api_base=running.url, api_key="unused", http_client=running.client, model_name=MODEL, **options
    )


def bits(given: Any) -> NDArray[np.float32]:
    return np.asarray(given, np.float64).astype(np.float32)


@needs_langchain
def test_langchain_gets_the_vectors_of_documents_and_queries(running: Running) -> None:
    embeddings = langchain(running)
    expected = running.vectors(TEXTS)
    np.testing.assert_array_equal(bits(embeddings.embed_documents(TEXTS)), expected)
    np.testing.assert_array_equal(bits(embeddings.embed_query(TEXTS[1])), expected[1])


@needs_langchain
def test_langchain_splits_many_texts_into_requests_and_keeps_their_order(running: Running) -> None:
    texts = [f"Sentence number {number}." for number in range(50)]
    given = langchain(running, chunk_size=16).embed_documents(texts)
    np.testing.assert_array_equal(bits(given), running.vectors(texts))


@needs_langchain
def test_langchain_asks_for_dimensions_and_for_the_prompt_of_queries(running: Running) -> None:
    asked = langchain(running, dimensions=32, model_kwargs={"extra_body": {"prompt": "query"}})
    expected = running.vectors(TEXTS[:1], dimensions=32, prompt="query")
    np.testing.assert_array_equal(bits([asked.embed_query(TEXTS[0])]), expected)


@needs_langchain
def test_langchain_raises_the_errors_of_the_openai_package(running: Running) -> None:
    embeddings = langchain(running, dimensions=100_000, max_retries=0)
    import openai

    with pytest.raises(openai.BadRequestError, match="dimensions"):
        embeddings.embed_query(TEXTS[0])


@needs_llama_index
def test_llama_index_gets_the_vectors_of_texts_and_queries(running: Running) -> None:
    embeddings = llama_index(running)
    expected = running.vectors(TEXTS)
    np.testing.assert_array_equal(bits(embeddings.get_text_embedding_batch(TEXTS)), expected)
    np.testing.assert_array_equal(bits(embeddings.get_text_embedding(TEXTS[0])), expected[0])
    np.testing.assert_array_equal(bits(embeddings.get_query_embedding(TEXTS[1])), expected[1])


@needs_llama_index
def test_llama_index_asks_for_dimensions_and_for_the_prompt_of_queries(running: Running) -> None:
    asked = llama_index(running, dimensions=32, additional_kwargs={"extra_body": {"prompt": "query"}})
    expected = running.vectors(TEXTS[:1], dimensions=32, prompt="query")
    np.testing.assert_array_equal(bits([asked.get_query_embedding(TEXTS[0])]), expected)


@needs_llama_index
def test_llama_index_sends_a_line_break_as_a_space(running: Running) -> None:
    # So an instruction cannot be written into the text there; the request's `prompt` and `task` are the way.
    written = llama_index(running).get_text_embedding("Instruct: Find it.\nQuery: cats")
    np.testing.assert_array_equal(bits([written]), running.vectors(["Instruct: Find it. Query: cats"]))
