"""Random decoders of a size for whole tiles and vectors, on request hard to hold in 8 bits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

Vectors = NDArray[np.float32]

HIDDEN, LAYERS, HEADS, KEY_VALUE_HEADS, HEAD_SIZE, INNER, VOCABULARY = 256, 8, 4, 2, 64, 512, 600
OUTLIERS = (3, 77, 130, 131, 200, 255)


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
