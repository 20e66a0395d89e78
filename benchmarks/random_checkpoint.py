"""A checkpoint of the exact shape of Qwen3-Embedding-0.6B with random weights, made from a seed.

Real weights are not needed to measure speed and memory. The layout is Hugging Face's, so every engine that is
compared reads the same files.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HIDDEN, LAYERS, HEADS, KEY_VALUE_HEADS, HEAD_SIZE, INNER, VOCABULARY = 1024, 28, 16, 8, 128, 3072, 151669
END_TOKEN = 151643
SEED = 20261123

CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": END_TOKEN,
    "eos_token_id": END_TOKEN,
    "head_dim": HEAD_SIZE,
    "hidden_act": "silu",
    "hidden_size": HIDDEN,
    "initializer_range": 0.02,
    "intermediate_size": INNER,
    "max_position_embeddings": 32768,
    "max_window_layers": LAYERS,
    "model_type": "qwen3",
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "num_key_value_heads": KEY_VALUE_HEADS,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": VOCABULARY,
}


def shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give the name and shape of every tensor, named as in Qwen3-Embedding's own file."""
    yield "embed_tokens.weight", (VOCABULARY, HIDDEN)
    for i in range(LAYERS):
        layer = f"layers.{i}."
        yield layer + "input_layernorm.weight", (HIDDEN,)
        yield layer + "post_attention_layernorm.weight", (HIDDEN,)
        yield layer + "self_attn.q_norm.weight", (HEAD_SIZE,)
        yield layer + "self_attn.k_norm.weight", (HEAD_SIZE,)
        yield layer + "self_attn.q_proj.weight", (HEADS * HEAD_SIZE, HIDDEN)
        yield layer + "self_attn.k_proj.weight", (KEY_VALUE_HEADS * HEAD_SIZE, HIDDEN)
        yield layer + "self_attn.v_proj.weight", (KEY_VALUE_HEADS * HEAD_SIZE, HIDDEN)
        yield layer + "self_attn.o_proj.weight", (HIDDEN, HEADS * HEAD_SIZE)
        yield layer + "mlp.gate_proj.weight", (INNER, HIDDEN)
        yield layer + "mlp.up_proj.weight", (INNER, HIDDEN)
        yield layer + "mlp.down_proj.weight", (HIDDEN, INNER)
    yield "norm.weight", (HIDDEN,)


def make(folder: Path, seed: int = SEED) -> Path:
    """Write the checkpoint unless it is there already; about 1.2 GB in bfloat16."""
    if (folder / "model.safetensors").is_file():
        return folder
    building = folder.with_name(folder.name + ".building")
    shutil.rmtree(building, ignore_errors=True)
    (building / "1_Pooling").mkdir(parents=True)
    _write(building / "config.json", CONFIG)
    _write(building / "modules.json", _modules())
    _write(
        building / "1_Pooling" / "config.json",
        {"word_embedding_dimension": HIDDEN, "pooling_mode_lasttoken": True},
    )
    _write(building / "tokenizer.json", _tokenizer())
    _write(
        building / "tokenizer_config.json",
        {
            "model_max_length": 32768,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "<|endoftext|>",
        },
    )
    _write_weights(building / "model.safetensors", np.random.default_rng(seed))
    building.rename(folder)
    return folder


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), "utf-8")


def _write_weights(path: Path, random: np.random.Generator) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    begin = 0
    for name, shape in shapes():
        end = begin + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes():
            if name.endswith("norm.weight"):
                values = np.ones(shape, np.float32)
            else:
                values = random.standard_normal(shape, np.float32) * np.float32(0.02)
            stream.write(to_bfloat16(values).tobytes())


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Round to the nearest bfloat16, ties to even, as its 16 bits."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def _modules() -> list[dict[str, object]]:
    names = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
    return [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(names)
    ]


def _tokenizer() -> dict[str, object]:
    end = {"id": END_TOKEN, "content": "<|endoftext|>", "special": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    vocabulary = {("<|endoftext|>" if i == END_TOKEN else f"w{i}"): i for i in range(VOCABULARY)}
    special = {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [END_TOKEN], "tokens": ["<|endoftext|>"]}}
    template = [
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}},
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{**end, **flags}],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": template,
            "pair": template + template,
            "special_tokens": special,
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "w0"},
    }
