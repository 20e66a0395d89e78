"""The torch engine beside our own engine and transformers, on small checkpoints of every family."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from samesay.errors import EngineError, MissingExtraError, PrecisionError
from samesay.model import load_as, load_local

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "tests" / "fixtures"
NAMES = sorted(file.parent.name for file in FIXTURES.glob("*/expected.npz"))
HAS_TORCH = importlib.util.find_spec("torch") is not None

pytestmark = [pytest.mark.parity, pytest.mark.skipif(not HAS_TORCH, reason="needs torch: pip install torch")]

Vectors = npt.NDArray[np.float32]
LENGTHS = (300, 1, 2, 5, 5, 16, 31, 64, 5, 129)
LEAST_COSINE = 0.99999
# What batches, and so other orders of addition, may change in fp32; in bf16 only cosines are told.
BATCH_DRIFT = 5e-6
LEAST_COSINE_BF16 = 0.999
LEAST_COSINE_BF16_BATCH = 0.9999


def sequences(folder: Path, seed: int = 0) -> list[list[int]]:
    model = load_local(folder, precision="fp32")
    size, most = model.checkpoint.architecture.vocabulary_size, model.max_tokens
    draw = np.random.default_rng(seed)
    return [draw.integers(5, size, min(length, most)).tolist() for length in LENGTHS]


def cosines(one: Vectors, other: Vectors) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = (one.astype(np.float64) * other.astype(np.float64)).sum(axis=1)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_vectors_are_those_of_our_engine_and_of_transformers(name: str) -> None:
    ours = load_local(FIXTURES / name, precision="fp32")
    torch_model = load_local(FIXTURES / name, device="torch:cpu")
    assert torch_model.engine.precision == "fp32"
    ids = sequences(FIXTURES / name)
    found = torch_model.encode_tokens(ids)
    assert cosines(found, ours.encode_tokens(ids)).min() >= LEAST_COSINE
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    with np.load(FIXTURES / name / "expected.npz", allow_pickle=False) as expected:
        groups = [key.removesuffix("vectors") for key in expected if key.endswith("vectors")]
        assert groups
        for group in groups:
            offsets = expected[f"{group}offsets"]
            flat = expected[f"{group}token_ids"]
            cut = [part.tolist() for part in np.split(flat, offsets[1:-1])]
            assert cosines(torch_model.encode_tokens(cut), expected[f"{group}vectors"]).min() >= LEAST_COSINE


@pytest.mark.parametrize("name", NAMES)
def test_a_text_alone_is_the_text_among_others_but_for_rounding(name: str) -> None:
    model = load_local(FIXTURES / name, device="torch:cpu")
    ids = sequences(FIXTURES / name)
    together = model.encode_tokens(ids)
    alone = np.concatenate([model.encode_tokens([one]) for one in ids])
    assert np.abs(together - alone).max() <= BATCH_DRIFT
    backwards = model.encode_tokens(ids[::-1])[::-1]
    assert np.abs(together - backwards).max() <= BATCH_DRIFT
    half = load_local(FIXTURES / name, device="torch:cpu", precision="bf16")
    together, alone = half.encode_tokens(ids), np.concatenate([half.encode_tokens([one]) for one in ids])
    assert cosines(together, alone).min() >= LEAST_COSINE_BF16_BATCH
    assert cosines(together, model.encode_tokens(ids)).min() >= LEAST_COSINE_BF16


def test_vectors_are_cut_before_they_are_scaled() -> None:
    ours = load_local(FIXTURES / "qwen3-gqa2", precision="fp32")
    model = load_local(FIXTURES / "qwen3-gqa2", device="torch:cpu")
    texts = ["The cat sleeps.", "我的包裹到哪儿了？"]
    found = model.encode(texts, dimensions=32)
    assert cosines(found, ours.encode(texts, dimensions=32)).min() >= LEAST_COSINE
    assert found.shape == (2, 32)


def test_the_identity_names_torch_the_kind_of_device_and_the_precision() -> None:
    ours = load_local(FIXTURES / "bert-mean", precision="fp32")
    model = load_local(FIXTURES / "bert-mean", device="torch:cpu")
    half = load_local(FIXTURES / "bert-mean", device="torch:cpu", precision="bf16")
    assert model.identity.engine.startswith("torch-")
    assert model.identity.engine.endswith("-cpu")
    assert (model.identity.precision, half.identity.precision) == ("fp32", "bf16")
    assert len({one.identity.fingerprint for one in (ours, model, half)}) == 3
    again = load_as(str(FIXTURES / "bert-mean"), half.identity)
    assert again.identity == half.identity


def test_where_memory_is_short_fewer_texts_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from samesay.engine.torch import TorchEngine

    model = load_local(FIXTURES / "qwen3-gqa2", device="torch:cpu")
    ids = sequences(FIXTURES / "qwen3-gqa2")
    expected = model.encode_tokens(ids)
    true_pass, passes = TorchEngine._pass, list[int]()

    def small(self: TorchEngine, *arguments: Any) -> Any:
        lengths, part = arguments[2], arguments[3]
        passes.append(int(lengths[part].sum()))
        if passes[-1] > 310:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return true_pass(self, *arguments)

    monkeypatch.setattr(TorchEngine, "_pass", small)
    shares: list[float] = []
    found = model.encode_tokens(ids, progress=lambda done, _: shares.append(done))
    assert np.abs(found - expected).max() <= BATCH_DRIFT
    assert shares == sorted(shares)
    refused = [size for size in passes if size > 310]
    model.encode_tokens(ids)
    assert [size for size in passes if size > 310] == refused  # what did not fit is not tried again

    def none(self: TorchEngine, *_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(TorchEngine, "_pass", none)
    with pytest.raises(EngineError, match=r"no memory for a text of \d+ tokens"):
        model.encode_tokens(ids)


@pytest.mark.parametrize(
    ("device", "told"),
    [("cuda:99", "finds no device 'cuda'|there is no cuda:99"), ("torch:nothing", "knows no device")],
)
def test_a_device_that_is_not_there_is_told(device: str, told: str) -> None:
    with pytest.raises(EngineError, match=told):
        load_local(FIXTURES / "bert-mean", device=device)


def test_int8_and_threads_are_for_our_own_engine() -> None:
    with pytest.raises(PrecisionError, match="bf16 or fp32, not 'int8'"):
        load_local(FIXTURES / "bert-mean", device="torch:cpu", precision="int8")
    with pytest.raises(EngineError, match="threads"):
        load_local(FIXTURES / "bert-mean", device="torch:cpu", threads=1)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    true_find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "torch" else true_find(name, *more)
    )
    with pytest.raises(MissingExtraError, match=r"samesay\[torch\]"):
        load_local(FIXTURES / "bert-mean", device="torch:cpu")


@pytest.fixture(params=["cuda", "mps"])
def gpu(request: pytest.FixtureRequest) -> str:
    import torch

    name = str(request.param)
    available = torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()
    if not available:
        pytest.skip(f"needs a GPU that torch reaches as {name!r}; this machine has none")
    return name


@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_gives_the_vectors_of_our_engine_within_its_precision(gpu: str, name: str) -> None:
    ours = load_local(FIXTURES / name, precision="fp32")
    ids = sequences(FIXTURES / name)
    expected = ours.encode_tokens(ids)
    exact = load_local(FIXTURES / name, device=gpu, precision="fp32")
    assert cosines(exact.encode_tokens(ids), expected).min() >= LEAST_COSINE
    half = load_local(FIXTURES / name, device=gpu)
    assert half.engine.precision == "bf16"
    together, alone = half.encode_tokens(ids), np.concatenate([half.encode_tokens([one]) for one in ids])
    assert cosines(together, expected).min() >= LEAST_COSINE_BF16
    assert cosines(together, alone).min() >= LEAST_COSINE_BF16_BATCH
