"""What is read from config.json: right for the models we run, a named refusal for everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from samesay.checkpoint.architecture import Architecture, Family, read_architecture
from samesay.errors import CheckpointError, UnsupportedModelError

# The published config.json of the models in the catalog, less what says nothing about the network.
QWEN3_06B: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "attention_bias": False,
    "eos_token_id": 151643,
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "max_position_embeddings": 32768,
    "max_window_layers": 28,
    "num_attention_heads": 16,
    "num_hidden_layers": 28,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "use_sliding_window": False,
    "vocab_size": 151669,
}
E5_MISTRAL: dict[str, Any] = {
    "architectures": ["MistralModel"],
    "model_type": "mistral",
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "max_position_embeddings": 32768,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "sliding_window": 4096,
    "vocab_size": 32000,
}
BGE_M3: dict[str, Any] = {
    "architectures": ["XLMRobertaModel"],
    "model_type": "xlm-roberta",
    "hidden_act": "gelu",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 8194,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "pad_token_id": 1,
    "position_embedding_type": "absolute",
    "type_vocab_size": 1,
    "vocab_size": 250002,
}
MINILM: dict[str, Any] = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 384,
    "intermediate_size": 1536,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 30522,
}
SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
)
NO_SIZES: tuple[object, ...] = (0, -1, 2**31, 10**400, 1.5, "64", True, [], {}, float("nan"))


def without(config: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in keys}


def test_the_named_models_are_read_as_published() -> None:
    qwen = read_architecture(QWEN3_06B)
    assert qwen == Architecture(
        family=Family.QWEN3,
        hidden_size=1024,
        layers=28,
        heads=16,
        key_value_heads=8,
        head_size=128,
        intermediate_size=3072,
        vocabulary_size=151669,
        positions=32768,
        norm_epsilon=1e-6,
        rope_theta=1e6,
        end_token=151643,
    )
    mistral = read_architecture(E5_MISTRAL)
    assert (mistral.head_size, mistral.sliding_window, mistral.rope_theta) == (128, 4096, 10000)
    bge = read_architecture(BGE_M3)
    assert (bge.positions, bge.position_offset, bge.token_types, bge.head_size) == (8192, 2, 1, 64)
    minilm = read_architecture(MINILM)
    assert (minilm.positions, minilm.position_offset, minilm.token_types, minilm.head_size) == (512, 0, 2, 32)
    assert [one.family.is_decoder for one in (qwen, mistral, bge, minilm)] == [True, True, False, False]


def test_every_committed_checkpoint_has_an_architecture(fixtures: Path) -> None:
    for path in sorted(fixtures.glob("*/config.json")):
        read_architecture(json.loads(path.read_text("utf-8")))


def test_defaults_are_those_of_the_families() -> None:
    assert read_architecture(without(QWEN3_06B, "num_key_value_heads")).key_value_heads == 16
    assert read_architecture(without(E5_MISTRAL, "rope_theta")).rope_theta == 10000
    assert read_architecture(without(MINILM, "layer_norm_eps", "type_vocab_size")).norm_epsilon == 1e-12
    assert read_architecture(without(BGE_M3, "pad_token_id")).position_offset == 2
    assert read_architecture(E5_MISTRAL | {"sliding_window": None}).sliding_window == 0
    assert read_architecture(E5_MISTRAL | {"head_dim": None}).head_size == 128


def test_rotary_settings_are_read_as_older_and_newer_versions_write_them() -> None:
    newer = without(QWEN3_06B, "rope_theta", "rope_scaling")
    newer["rope_parameters"] = {"rope_theta": 5e6, "rope_type": "default"}
    assert read_architecture(newer).rope_theta == 5e6
    assert read_architecture(QWEN3_06B | {"rope_scaling": {"type": "default"}}).rope_theta == 1e6


def test_a_list_of_end_tokens_means_its_first() -> None:
    assert read_architecture(QWEN3_06B | {"eos_token_id": [151643, 151645]}).end_token == 151643
    assert read_architecture(QWEN3_06B | {"eos_token_id": []}).end_token is None


@pytest.mark.parametrize("model_type", ["gpt2", "t5", "roberta", "", None, 5, ["qwen3"], {"a": 1}])
def test_another_kind_of_model_is_named_with_what_samesay_runs(model_type: object) -> None:
    with pytest.raises(UnsupportedModelError, match=r"model_type.*Qwen3.*BGE-M3") as caught:
        read_architecture(QWEN3_06B | {"model_type": model_type})
    assert repr(model_type) in str(caught.value)


def test_the_refusal_names_the_class_of_the_model() -> None:
    with pytest.raises(UnsupportedModelError, match="GPT2LMHeadModel"):
        read_architecture({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]})
    odd_names: tuple[object, ...] = (5, "GPT2", {}, [None, 1])
    for odd in odd_names:
        with pytest.raises(UnsupportedModelError, match="gpt2"):
            read_architecture({"model_type": "gpt2", "architectures": odd})


@pytest.mark.parametrize(
    ("config", "change"),
    [
        (QWEN3_06B, {"hidden_act": "gelu"}),
        (MINILM, {"hidden_act": "relu"}),
        (MINILM, {"hidden_act": "gelu_new"}),
        (MINILM, {"hidden_act": None}),
        (MINILM, {"hidden_act": ["gelu"]}),
        (MINILM, {"position_embedding_type": "relative_key"}),
        (QWEN3_06B, {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}),
        (QWEN3_06B, {"rope_scaling": {"type": "linear", "factor": 2.0}}),
        (QWEN3_06B, {"rope_parameters": {"rope_type": "dynamic"}}),
        (E5_MISTRAL, {"rope_scaling": {"rope_type": ["a"]}}),
        (QWEN3_06B, {"use_sliding_window": True, "sliding_window": 4096}),
    ],
)
def test_arithmetic_that_samesay_lacks_is_refused_by_its_name(
    config: Mapping[str, Any], change: Mapping[str, Any]
) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        read_architecture({**config, **change})
    [value] = list(change.values())[:1]
    kind = value.get("rope_type", value.get("type")) if isinstance(value, dict) else value
    assert str(kind) in str(caught.value) or next(iter(change)) in str(caught.value)


@pytest.mark.parametrize("config", [QWEN3_06B, E5_MISTRAL, BGE_M3, MINILM], ids=lambda c: c["model_type"])
@pytest.mark.parametrize("key", SIZES)
@pytest.mark.parametrize("value", NO_SIZES, ids=lambda v: str(v)[:8])
def test_a_size_that_cannot_be_is_named(config: Mapping[str, Any], key: str, value: object) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json.*" + key):
        read_architecture({**config, key: value})


@pytest.mark.parametrize("config", [QWEN3_06B, E5_MISTRAL, BGE_M3, MINILM], ids=lambda c: c["model_type"])
@pytest.mark.parametrize("key", SIZES)
def test_a_size_that_is_missing_is_named(config: Mapping[str, Any], key: str) -> None:
    with pytest.raises(CheckpointError, match=key):
        read_architecture(without(config, key))


@pytest.mark.parametrize(
    ("config", "change", "words"),
    [
        (QWEN3_06B, {"num_key_value_heads": 7}, "16 attention heads.*7"),
        (QWEN3_06B, {"num_attention_heads": 8, "num_key_value_heads": 16}, "8 attention heads.*16"),
        (QWEN3_06B, {"num_key_value_heads": 0}, "num_key_value_heads"),
        (QWEN3_06B, {"head_dim": 127}, "head_dim.*127"),
        (QWEN3_06B, {"head_dim": 2**31 - 2}, "head_dim"),
        (QWEN3_06B, {"head_dim": -128}, "head_dim"),
        (E5_MISTRAL, {"num_attention_heads": 8192}, "head_dim"),
        (MINILM, {"hidden_size": 385}, "385.*12 heads"),
        (MINILM, {"num_attention_heads": 5}, "384.*5 heads"),
        (MINILM, {"type_vocab_size": 0}, "type_vocab_size"),
        (BGE_M3, {"max_position_embeddings": 2}, "none after padding"),
        (BGE_M3, {"pad_token_id": 10_000}, "none after padding"),
        (BGE_M3, {"pad_token_id": -5}, "pad_token_id"),
        (BGE_M3, {"pad_token_id": [1]}, "pad_token_id"),
        (MINILM, {"pad_token_id": True}, "pad_token_id"),
        (QWEN3_06B, {"eos_token_id": -1}, "eos_token_id"),
        (QWEN3_06B, {"eos_token_id": 2**40}, "eos_token_id"),
        (QWEN3_06B, {"eos_token_id": ["a"]}, "eos_token_id"),
        (QWEN3_06B, {"eos_token_id": 1.0}, "eos_token_id"),
        (E5_MISTRAL, {"sliding_window": -3}, "sliding_window"),
        (E5_MISTRAL, {"sliding_window": 10**30}, "sliding_window"),
        (E5_MISTRAL, {"sliding_window": 2.5}, "sliding_window"),
        (E5_MISTRAL, {"sliding_window": True}, "sliding_window"),
        (E5_MISTRAL, {"sliding_window": [1]}, "sliding_window"),
        (QWEN3_06B, {"rope_theta": 0}, "rope_theta"),
        (QWEN3_06B, {"rope_theta": -1e6}, "rope_theta"),
        (QWEN3_06B, {"rope_theta": 1e-300}, "rope_theta"),
        (QWEN3_06B, {"rope_theta": 10**400}, "rope_theta"),
        (QWEN3_06B, {"rope_theta": float("inf")}, "rope_theta"),
        (QWEN3_06B, {"rope_theta": float("nan")}, "rope_theta"),
        (QWEN3_06B, {"rope_theta": "1e6"}, "rope_theta"),
        (QWEN3_06B, {"rope_scaling": "yarn"}, "rotary.*yarn"),
        (QWEN3_06B, {"rope_parameters": [1]}, "rotary"),
        (QWEN3_06B, {"rope_parameters": {"rope_theta": None}}, "rope_theta"),
        (QWEN3_06B, {"rms_norm_eps": 0}, "rms_norm_eps"),
        (QWEN3_06B, {"rms_norm_eps": 1}, "rms_norm_eps"),
        (QWEN3_06B, {"rms_norm_eps": -1e-6}, "rms_norm_eps"),
        (QWEN3_06B, {"rms_norm_eps": float("nan")}, "rms_norm_eps"),
        (QWEN3_06B, {"rms_norm_eps": "1e-6"}, "rms_norm_eps"),
        (MINILM, {"layer_norm_eps": 10**400}, "layer_norm_eps"),
    ],
)
def test_values_that_contradict_each_other_or_reason_are_named(
    config: Mapping[str, Any], change: Mapping[str, Any], words: str
) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json.*" + words):
        read_architecture({**config, **change})


def test_an_empty_config_is_of_no_kind() -> None:
    with pytest.raises(UnsupportedModelError, match="model_type None"):
        read_architecture({})
