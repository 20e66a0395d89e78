"""The engine on every instruction set, and what it says of checkpoints and settings it cannot run."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

import samesay
from samesay import _native
from samesay.engine.base import PRECISIONS, Precision
from samesay.errors import CheckpointError, EngineError, PrecisionError, SamesayError, TokenError

INSTRUCTION_SETS = ("portable", "avx2", "avxvnni", "avx512", "avx512bf16", "amx")
NAMES = sorted(
    file.parent.name for file in (Path(__file__).parent.parent / "fixtures").glob("*/expected.npz")
)
FP32_TOLERANCE = 1e-5
# Measured on these tiny random models, whose few values leave nothing to average out: bf16 stays above
# 0.9994, int8 above 0.993. A wrong scale or a forgotten bias falls far below.
LOWEST_COSINE = {"bf16": 0.999, "int8": 0.99}

Tensors = dict[str, NDArray[Any]]
Copy = Callable[[str], Path]

pytestmark = pytest.mark.usefixtures("isolated_cache")


def change_tensors(folder: Path, change: Callable[[Tensors], object]) -> None:
    file = folder / "model.safetensors"
    tensors: Tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)


def change_config(folder: Path, **values: object) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(config | values), "utf-8")


def with_value(name: str, value: float, element: int = 7) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        changed = tensors[name].copy()
        changed.reshape(-1)[element] = value
        tensors[name] = changed

    return change


def available(instruction_set: str) -> bool:
    try:
        return _native.choose_isa(instruction_set) == instruction_set
    except ValueError:
        return False


@pytest.fixture(params=INSTRUCTION_SETS)
def instruction_set(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if not available(name):
        pytest.skip(f"this machine cannot run {name}")
    monkeypatch.setenv("SAMESAY_ISA", name)
    return name


@pytest.mark.parametrize("name", NAMES)
def test_every_instruction_set_gives_the_reference_vectors(
    name: str, instruction_set: str, fixtures: Path
) -> None:
    model = samesay.load(fixtures / name, precision="fp32", threads=2)
    with np.load(fixtures / name / "expected.npz", allow_pickle=False) as expected:
        ids, offsets, vectors = expected["token_ids"], expected["offsets"], expected["vectors"]
    sequences = [ids[begin:end].tolist() for begin, end in pairwise(offsets)]
    difference = np.abs(model.encode_tokens(sequences) - vectors).max(axis=1)
    assert difference.max() <= FP32_TOLERANCE, dict(zip(map(len, sequences), difference, strict=True))


@pytest.mark.parametrize("precision", ["bf16", "int8"])
@pytest.mark.parametrize("name", NAMES)
def test_lower_precisions_stay_close_on_every_instruction_set(
    name: str, precision: Precision, instruction_set: str, fixtures: Path
) -> None:
    model = samesay.load(fixtures / name, precision=precision, threads=2)
    with np.load(fixtures / name / "expected.npz", allow_pickle=False) as expected:
        ids, offsets, vectors = expected["token_ids"], expected["offsets"], expected["vectors"]
    sequences = [ids[begin:end].tolist() for begin, end in pairwise(offsets)]
    cosines = (model.encode_tokens(sequences) * vectors).sum(axis=1)
    assert cosines.min() >= LOWEST_COSINE[precision], dict(zip(map(len, sequences), cosines, strict=True))


def test_the_identity_tells_instruction_sets_and_precisions_apart(
    fixtures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprints = set()
    runnable = [name for name in INSTRUCTION_SETS if available(name)]
    for name in runnable:
        monkeypatch.setenv("SAMESAY_ISA", name)
        for precision in PRECISIONS:
            model = samesay.load(fixtures / "bert-cls", precision=precision)
            fingerprints.add(model.identity.fingerprint)
    assert len(fingerprints) == len(runnable) * len(PRECISIONS)


def test_an_empty_setting_means_the_best_instruction_set(
    fixtures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = [name for name in INSTRUCTION_SETS if available(name)][-1]
    monkeypatch.setenv("SAMESAY_ISA", "")
    empty = samesay.load(fixtures / "bert-cls").identity
    monkeypatch.setenv("SAMESAY_ISA", best)
    assert samesay.load(fixtures / "bert-cls").identity == empty


@pytest.mark.parametrize("value", ["sse9", "AVX2", "avx512 ", "0", "\U0001f642"])
def test_an_unknown_instruction_set_is_named_with_the_known_ones(
    value: str, fixtures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMESAY_ISA", value)
    with pytest.raises(EngineError, match=r"SAMESAY_ISA.*portable.*avx2.*avx512") as caught:
        samesay.load(fixtures / "bert-cls")
    assert value in str(caught.value)


@pytest.mark.parametrize("threads", [0, -1, 1025, 10**30, 1.5, "2", True])
def test_a_number_of_threads_that_cannot_be_is_refused(threads: object, fixtures: Path) -> None:
    with pytest.raises(EngineError, match="threads"):
        samesay.load(fixtures / "bert-cls", threads=threads)  # type: ignore[call-overload]


def test_more_threads_than_rows_and_cores_still_work(fixtures: Path) -> None:
    model = samesay.load(fixtures / "qwen3-gqa2", threads=64)
    one = samesay.load(fixtures / "qwen3-gqa2", threads=1)
    assert model.encode("a").tobytes() == one.encode("a").tobytes()


@pytest.mark.parametrize("precision", ["fp16", "", "FP32", 8])
def test_an_unknown_precision_is_refused_with_the_known_ones(precision: object, fixtures: Path) -> None:
    with pytest.raises(PrecisionError, match=r"int8.*bf16.*fp32"):
        samesay.load(fixtures / "bert-cls", precision=precision)  # type: ignore[call-overload]


# Damaged tensors. Every precision reads them in its own way, so every precision must notice.


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("qwen3-gqa2", "model.embed_tokens.weight"),
        ("qwen3-gqa2", "model.norm.weight"),
        ("qwen3-gqa2", "model.layers.0.input_layernorm.weight"),
        ("qwen3-gqa2", "model.layers.2.post_attention_layernorm.weight"),
        ("qwen3-gqa2", "model.layers.1.self_attn.q_norm.weight"),
        ("qwen3-gqa2", "model.layers.1.self_attn.k_norm.weight"),
        ("qwen3-gqa2", "model.layers.0.self_attn.q_proj.weight"),
        ("qwen3-gqa2", "model.layers.1.self_attn.v_proj.weight"),
        ("qwen3-gqa2", "model.layers.2.mlp.down_proj.weight"),
        ("qwen3-gqa2", "model.layers.2.mlp.up_proj.weight"),
        ("bert-mean", "embeddings.word_embeddings.weight"),
        ("bert-mean", "embeddings.position_embeddings.weight"),
        ("bert-mean", "embeddings.token_type_embeddings.weight"),
        ("bert-mean", "embeddings.LayerNorm.bias"),
        ("bert-mean", "encoder.layer.0.attention.self.key.weight"),
        ("bert-mean", "encoder.layer.0.attention.self.value.bias"),
        ("bert-mean", "encoder.layer.1.attention.output.LayerNorm.weight"),
        ("bert-mean", "encoder.layer.2.output.dense.bias"),
    ],
)
def test_values_that_are_not_finite_are_refused_by_the_name_of_the_tensor(
    name: str, tensor: str, value: float, precision: Precision, copy_checkpoint: Copy
) -> None:
    folder = copy_checkpoint(name)
    change_tensors(folder, with_value(tensor, value))
    kind = "NaN" if math.isnan(value) else "infinity"
    with pytest.raises(CheckpointError, match=kind) as caught:
        samesay.load(folder, precision=precision)
    assert tensor.removeprefix("model.") in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("storage", ["qwen3-f16", "mistral-gqa1"])
def test_values_that_are_not_finite_are_seen_in_half_precision_too(
    storage: str, copy_checkpoint: Copy
) -> None:
    folder = copy_checkpoint(storage)
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    name = next(name for name in header if name.endswith("layers.1.mlp.up_proj.weight"))
    begin = start + header[name]["data_offsets"][0]
    content[begin + 6 : begin + 8] = (0x7FFF).to_bytes(2, "little")  # NaN in float16 and in bfloat16
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"layers\.1\.mlp\.up_proj\.weight.*NaN at element 3"):
        samesay.load(folder, precision="fp32")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("qwen3-gqa2", "model.layers.1.self_attn.o_proj.weight"),
        ("qwen3-gqa2", "model.layers.0.mlp.gate_proj.weight"),
        ("qwen3-gqa2", "model.norm.weight"),
        ("qwen3-gqa2", "model.layers.1.self_attn.q_norm.weight"),
        ("qwen3-gqa2", "model.layers.2.input_layernorm.weight"),
        ("mistral-gqa4", "layers.0.self_attn.k_proj.weight"),
        ("bert-mean", "encoder.layer.1.attention.self.query.bias"),
        ("bert-mean", "encoder.layer.1.output.LayerNorm.bias"),
        ("bert-mean", "embeddings.token_type_embeddings.weight"),
        ("xlm-roberta-cls", "embeddings.position_embeddings.weight"),
    ],
)
def test_a_missing_tensor_is_named(
    name: str, tensor: str, precision: Precision, copy_checkpoint: Copy
) -> None:
    folder = copy_checkpoint(name)

    def drop(tensors: Tensors) -> None:
        [found] = [stored for stored in tensors if stored.endswith(tensor)]
        del tensors[found]

    change_tensors(folder, drop)
    with pytest.raises(CheckpointError) as caught:
        samesay.load(folder, precision=precision)
    assert tensor.removeprefix("model.") in str(caught.value)


@pytest.mark.parametrize("name", ["qwen3-gqa2", "bert-mean"])
def test_weights_without_the_token_embedding_are_not_taken_for_the_model(
    name: str, copy_checkpoint: Copy
) -> None:
    folder = copy_checkpoint(name)

    def drop(tensors: Tensors) -> None:
        for stored in list(tensors):
            if "embed_tokens" in stored or "word_embeddings" in stored:
                del tensors[stored]

    change_tensors(folder, drop)
    with pytest.raises(CheckpointError, match=r"embed_tokens|word_embeddings"):
        samesay.load(folder)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    ("name", "tensor", "change"),
    [
        ("qwen3-gqa2", "model.layers.0.self_attn.q_proj.weight", lambda t: np.ascontiguousarray(t.T)),
        ("qwen3-gqa2", "model.layers.0.mlp.down_proj.weight", lambda t: np.ascontiguousarray(t.T)),
        ("qwen3-gqa2", "model.embed_tokens.weight", lambda t: np.ascontiguousarray(t.T)),
        ("qwen3-gqa2", "model.layers.1.self_attn.k_proj.weight", lambda t: t[:-1].copy()),
        ("qwen3-gqa2", "model.layers.1.self_attn.k_norm.weight", lambda t: t[:-2].copy()),
        ("qwen3-gqa2", "model.norm.weight", lambda t: t[:, None].copy()),
        ("qwen3-gqa2", "model.norm.weight", lambda t: t[:0].copy()),
        ("qwen3-gqa2", "model.layers.2.mlp.up_proj.weight", lambda t: t.reshape(-1).copy()),
        ("qwen3-gqa2", "model.layers.2.mlp.up_proj.weight", lambda t: t[None].copy()),
        ("bert-mean", "encoder.layer.0.intermediate.dense.weight", lambda t: np.ascontiguousarray(t.T)),
        ("bert-mean", "encoder.layer.0.intermediate.dense.bias", lambda t: t[:-1].copy()),
        ("bert-mean", "embeddings.position_embeddings.weight", lambda t: t[:-1].copy()),
        ("bert-mean", "embeddings.word_embeddings.weight", lambda t: t[:, :-1].copy()),
    ],
)
def test_a_tensor_of_another_shape_is_named(
    name: str,
    tensor: str,
    change: Callable[[NDArray[Any]], NDArray[Any]],
    precision: Precision,
    copy_checkpoint: Copy,
) -> None:
    folder = copy_checkpoint(name)
    change_tensors(folder, lambda tensors: tensors.update({tensor: change(tensors[tensor])}))
    with pytest.raises(CheckpointError) as caught:
        samesay.load(folder, precision=precision)
    assert tensor.removeprefix("model.") in str(caught.value)


@pytest.mark.parametrize(
    ("name", "values", "tensor"),
    [
        ("qwen3-gqa2", {"intermediate_size": 2**31 - 1}, "mlp.gate_proj.weight"),
        ("qwen3-gqa2", {"hidden_size": 2**31 - 1}, "embed_tokens.weight"),
        ("qwen3-gqa2", {"vocab_size": 2**31 - 1}, "embed_tokens.weight"),
        ("qwen3-gqa2", {"num_attention_heads": 2**30, "num_key_value_heads": 2**30}, "self_attn"),
        ("qwen3-gqa2", {"num_hidden_layers": 2**31 - 1}, "layers.3."),
        ("xlm-roberta-mean", {"intermediate_size": 2**31 - 1}, "intermediate.dense.weight"),
        ("xlm-roberta-mean", {"max_position_embeddings": 2**31 - 1}, "position_embeddings.weight"),
        ("xlm-roberta-mean", {"type_vocab_size": 2**31 - 1}, "token_type_embeddings.weight"),
        ("xlm-roberta-mean", {"vocab_size": 2**31 - 1}, "word_embeddings.weight"),
    ],
)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_sizes_far_beyond_the_weights_are_refused_before_memory_is_asked_for(
    name: str, values: Mapping[str, int], tensor: str, precision: Precision, copy_checkpoint: Copy
) -> None:
    folder = copy_checkpoint(name)
    change_config(folder, **values)
    with pytest.raises(CheckpointError) as caught:
        samesay.load(folder, precision=precision, threads=1)
    assert tensor in str(caught.value)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("qwen3-gqa2", "model.layers.1.mlp.down_proj.weight"),
        ("qwen3-gqa2", "model.norm.weight"),
        ("bert-mean", "encoder.layer.0.attention.self.value.weight"),
        ("bert-mean", "encoder.layer.2.output.LayerNorm.bias"),
    ],
)
def test_a_weight_too_large_for_the_arithmetic_never_gives_a_vector_that_is_no_vector(
    name: str, tensor: str, precision: Precision, copy_checkpoint: Copy
) -> None:
    folder = copy_checkpoint(name)
    change_tensors(folder, with_value(tensor, 3e38))
    try:
        vectors = samesay.load(folder, precision=precision).encode(["a", "the river is high", ""])
    except SamesayError as error:
        refusal = str(error)
    else:
        refusal = ""
        assert np.abs(np.linalg.norm(vectors.astype(np.float64), axis=1) - 1).max() < 1e-3
    assert not refusal or str(folder) in refusal


def test_weights_that_are_all_zero_are_damaged(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("qwen3-gqa2")
    change_tensors(
        folder, lambda tensors: tensors.update({name: np.zeros_like(t) for name, t in tensors.items()})
    )
    with pytest.raises(CheckpointError, match="no length"):
        samesay.load(folder).encode("a")


BIASED_ALONE = """
import sys
import numpy as np
import samesay
from pathlib import Path
from safetensors.numpy import load_file, save_file
from samesay.errors import SamesayError

folder, part, precision = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
file = folder / "model.safetensors"
before = samesay.load(folder, precision=precision).encode("the river is high")
tensors = load_file(file)
weight = tensors[f"model.layers.1.{part}.weight"]
tensors[f"model.layers.1.{part}.bias"] = np.full(len(weight), 2, np.float32)
save_file(tensors, file)
try:
    after = samesay.load(folder, precision=precision).encode("the river is high")
except SamesayError as error:
    print("refused", error)
else:
    print("used" if np.abs(after - before).max() > 1e-4 else "ignored")
"""


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    "part", ["self_attn.q_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"]
)
def test_a_bias_on_one_projection_alone_is_used_or_refused_and_never_a_crash(
    part: str, precision: Precision, copy_checkpoint: Copy
) -> None:
    # A bias of the keys alone adds the same to every score of a query and rightly changes nothing.
    folder = copy_checkpoint("qwen3-gqa2")
    command = [sys.executable, "-c", BIASED_ALONE, str(folder), part, precision]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode == 0, f"exit {child.returncode}: {child.stderr[-500:]}"
    assert child.stdout.split()[0] in ("used", "refused"), child.stdout


def rms_norm(x: NDArray[np.float64], weight: NDArray[Any], epsilon: float) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight
    return scaled


def one_token_qwen3(tensors: Tensors, config: Mapping[str, Any], token: int) -> NDArray[np.float64]:
    """The vector of a single token, where attention gives the token's own value and rotation is by zero."""
    layers, group = (
        config["num_hidden_layers"],
        config["num_attention_heads"] // config["num_key_value_heads"],
    )
    size, epsilon = config["head_dim"], config["rms_norm_eps"]

    def linear(name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
        product: NDArray[np.float64] = tensors[f"{name}.weight"].astype(np.float64) @ x
        return product + tensors[f"{name}.bias"] if f"{name}.bias" in tensors else product

    x = tensors["model.embed_tokens.weight"][token].astype(np.float64)
    for layer in range(layers):
        name = f"model.layers.{layer}"
        normed = rms_norm(x, tensors[f"{name}.input_layernorm.weight"], epsilon)
        value = linear(f"{name}.self_attn.v_proj", normed).reshape(-1, size)
        x = x + linear(f"{name}.self_attn.o_proj", np.repeat(value, group, axis=0).reshape(-1))
        normed = rms_norm(x, tensors[f"{name}.post_attention_layernorm.weight"], epsilon)
        gate, up = (linear(f"{name}.mlp.{part}_proj", normed) for part in ("gate", "up"))
        x = x + linear(f"{name}.mlp.down_proj", gate / (1 + np.exp(-gate)) * up)
    state = rms_norm(x, tensors["model.norm.weight"], epsilon)
    vector: NDArray[np.float64] = state / np.linalg.norm(state)
    return vector


@pytest.mark.parametrize(
    "parts",
    [
        (),
        ("q_proj", "k_proj", "v_proj"),
        ("v_proj",),
        ("o_proj",),
        ("gate_proj",),
        ("up_proj",),
        ("down_proj",),
    ],
    ids=lambda parts: "+".join(parts) or "none",
)
def test_biases_are_added_where_they_belong_or_refused(parts: tuple[str, ...], copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("qwen3-gqa2")
    rng = np.random.default_rng(3)

    def add(tensors: Tensors) -> None:
        for stored in list(tensors):
            if stored.removesuffix(".weight").rpartition(".")[2] in parts:
                bias = rng.standard_normal(len(tensors[stored])).astype(np.float32)
                tensors[stored.removesuffix("weight") + "bias"] = bias

    change_tensors(folder, add)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    want = one_token_qwen3(load_file(folder / "model.safetensors"), config, 33)
    try:
        got = samesay.load(folder, precision="fp32").encode_tokens([[33]])[0]
    except CheckpointError as error:
        refusal = str(error)
    else:
        refusal = ""
        assert np.abs(got - want).max() < FP32_TOLERANCE
    assert not refusal or "bias" in refusal


def test_the_engine_checks_what_it_is_given(fixtures: Path) -> None:
    engine = samesay.load(fixtures / "bert-cls", precision="fp32").engine
    ids, dimensions = np.array([5, 6, 7], np.int32), 48
    sound = engine.embed(ids, np.array([0, 2, 3]), dimensions)
    assert sound.shape == (2, dimensions)
    for offsets in ([0, 2], [0, 4], [1, 3], [0, 3, 2, 3], [0, 0, 3], [-1, 3], [0, 2, 2, 3]):
        with pytest.raises((TokenError, EngineError)):
            engine.embed(ids, np.array(offsets, np.int64), dimensions)
    for token in (-1, 376, 2**31 - 1, -(2**31)):
        with pytest.raises(TokenError, match=str(token)):
            engine.embed(np.array([5, token], np.int32), np.array([0, 2]), dimensions)
    for width in (0, 49):
        with pytest.raises((TokenError, EngineError)):
            engine.embed(ids, np.array([0, 3]), width)
    assert engine.embed(ids, np.array([0, 2, 3]), dimensions).tobytes() == sound.tobytes()


def test_a_child_without_the_variable_takes_the_best_instruction_set(fixtures: Path) -> None:
    program = "import sys, samesay; print(samesay.load(sys.argv[1]).engine.revision)"
    environment = {key: value for key, value in os.environ.items() if key != "SAMESAY_ISA"}
    command = [sys.executable, "-c", program, str(fixtures / "bert-cls")]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    assert _native.choose_isa("") in child.stdout
