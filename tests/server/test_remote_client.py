"""Our own server as the endpoint of a remote model: the same bits as the model here, everywhere."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from serving import BERT, QWEN, Serving, model_of, plan_of, serving

import samesay
from samesay.decision.key import key_of, require_same_key
from samesay.errors import CalibrationKeyError, IdentityMismatchError, RemoteError, TruncationWarning
from samesay.model import load_local
from samesay.remote.model import RemoteModel, load_remote

TEXTS = [f"{'word ' * (i % 11)}number {i}, 我的包裹" for i in range(40)]


@pytest.fixture(scope="module")
def there() -> Iterator[Serving]:
    with serving([plan_of(QWEN), plan_of(BERT)]) as server:
        yield server


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    # A model that is left to the garbage collector is closed wherever that happens to run.
    gc.collect()


def remote(there: Serving, name: str, options: str = "max_inputs=7") -> RemoteModel:
    return load_remote(f"{there.url}/v1#{name}?{options}")


@pytest.mark.parametrize("name", [QWEN, BERT])
@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_vectors_and_similarities_have_the_bits_of_the_model_here(
    there: Serving, name: str, encoding: str
) -> None:
    prompts = "qwen3-embedding" if name == QWEN else "none"
    options = f"max_inputs=7&encoding={encoding}&prompts={prompts}"
    local, asked = model_of(name), remote(there, name, options)
    assert np.array_equal(asked.encode(TEXTS), local.encode(TEXTS))
    assert np.array_equal(asked.encode(TEXTS[0]), local.encode(TEXTS[0]))
    if name == QWEN:
        assert np.array_equal(asked.encode(TEXTS, dimensions=32), local.encode(TEXTS, dimensions=32))
    left, right = TEXTS[:20], TEXTS[20:]
    assert np.array_equal(asked.similarity(left, right), local.similarity(left, right))
    assert np.array_equal(asked.similarity_matrix(left, right), local.similarity_matrix(left, right))
    streamed = np.concatenate(list(asked.encode_stream(iter(TEXTS))))
    assert np.array_equal(streamed, local.encode(TEXTS))
    assert asked.dimensions == local.dimensions
    assert asked.max_tokens == local.max_tokens
    assert asked.usage.tokens > 0
    asked.close()


def test_a_text_that_is_too_long_is_cut_where_the_model_here_cuts_it(there: Serving) -> None:
    local, asked = model_of(BERT), remote(there, BERT, "max_inputs=7")
    long = " ".join(f"word{n}" for n in range(local.max_tokens))
    with pytest.warns(TruncationWarning) as told_here:
        here = local.encode([*TEXTS, long], overlength="truncate")
    with pytest.warns(TruncationWarning) as told_there:
        assert np.array_equal(asked.encode([*TEXTS, long], overlength="truncate"), here)
    assert str(told_there[0].message) == str(told_here[0].message)
    asked.close()


def test_an_instruction_that_is_sent_as_text_is_taken_as_it_stands(there: Serving) -> None:
    asked = remote(there, QWEN, "prompts=qwen3-embedding")
    prefix = asked.prompts.prefix("query", "Find the same complaint")
    assert prefix.startswith("Instruct: ")
    local = model_of(QWEN).encode([prefix + text for text in TEXTS])
    assert np.array_equal(asked.encode(TEXTS, prompt="query", task="Find the same complaint"), local)
    asked.close()


def test_a_collection_is_built_searched_and_found_again_through_the_server(
    there: Serving, tmp_path: Path
) -> None:
    asked = remote(there, BERT)
    local = model_of(BERT)
    documents = [samesay.Document(str(i), text) for i, text in enumerate(TEXTS)]
    with samesay.open(tmp_path / "remote", asked) as built:
        built.add(documents)
        found = [(hit.document_id, hit.score) for hit in built.search(TEXTS[3])]
    with samesay.open(tmp_path / "local", local) as built:
        built.add(documents)
        assert [(hit.document_id, hit.score) for hit in built.search(TEXTS[3])] == found
    with samesay.open(tmp_path / "remote") as again:
        assert [(hit.document_id, hit.score) for hit in again.search(TEXTS[3])] == found
        assert again.model.reference == asked.reference
    with pytest.raises(IdentityMismatchError, match="was made with bert-mean, remote"):
        samesay.open(tmp_path / "remote", local)
    with pytest.raises(IdentityMismatchError, match="the model given is qwen3-gqa2, remote"):
        samesay.open(tmp_path / "remote", remote(there, QWEN))
    asked.close()


def test_scores_of_an_endpoint_have_a_key_of_their_own(there: Serving) -> None:
    asked = remote(there, BERT)
    key = key_of(asked)
    require_same_key(key, key_of(remote(there, BERT)))
    with pytest.raises(CalibrationKeyError, match="weights"):
        require_same_key(key, key_of(model_of(BERT)))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "samesay", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        env={**os.environ, "SAMESAY_CACHE": str(folder / "cache")},
    )


def test_commands_take_an_endpoint_where_they_take_a_model(there: Serving, tmp_path: Path) -> None:
    name = f"{there.url}/v1#{BERT}"
    local = model_of(BERT)
    (tmp_path / "in.txt").write_text("\n".join(TEXTS) + "\n", "utf-8")
    done = run(tmp_path, "embed", "in.txt", "-o", "out.npy", "--model", name)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(tmp_path / "out.npy"), local.encode(TEXTS, prompt="document"))
    done = run(tmp_path, "similarity", TEXTS[0], TEXTS[1], "--json", "--model", name)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["score"] == pytest.approx(float(local.similarity(TEXTS[0], TEXTS[1])[0]))
    (tmp_path / "long.txt").write_text("short\n" + "word " * 4000 + "\n", "utf-8")
    done = run(tmp_path, "embed", "long.txt", "-o", "long.npy", "--model", name)
    assert done.returncode == 1
    assert "long.txt, line 2" in done.stderr
    assert "Traceback" not in done.stderr
    done = run(tmp_path, "serve", "--model", name)
    assert done.returncode == 1
    assert "behind an endpoint" in done.stderr


def test_what_needs_the_network_itself_refuses_an_endpoint() -> None:
    with pytest.raises(RemoteError, match="a model on this machine is needed"):
        load_local("http://127.0.0.1:1/v1#m")
