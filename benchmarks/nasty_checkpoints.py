"""Checkpoints that are hard on quantised activations, made from a random one.

Published measurements of Qwen and Llama models show what these imitate: single tokens whose states are
hundreds of times larger than all others in a few channels, and channels that are large for every token.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from random_checkpoint import CONFIG, to_bfloat16

Values = NDArray[np.float32]
Change = Callable[[str, Values], Values]

# The token whose state is massive; texts for these checkpoints begin with it.
MASSIVE_TOKEN = 7
_BEHIND_NORM = {
    "input_layernorm": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "post_attention_layernorm": ("mlp.gate_proj", "mlp.up_proj"),
}
_WRITES_TO_RESIDUAL = ("self_attn.o_proj.weight", "mlp.down_proj.weight")


@dataclass(frozen=True)
class Nasty:
    """A way to make a checkpoint hard.

    Attributes:
        name: What to call it.
        describes: What is done, in words.
        changes: Applied to every tensor in turn.
    """

    name: str
    describes: str
    changes: tuple[Change, ...]


def nasty_checkpoints(hidden: int) -> tuple[Nasty, ...]:
    """Give the ways to make a checkpoint of that width hard."""
    outliers, massive, stream = (max(1, round(hidden * count / 1024)) for count in (8, 3, 4))
    norms = f"{outliers} of {hidden} channels of every norm times 30, the columns behind it divided by 30"
    token = f"state of the first token 1000 times larger in {massive} of {hidden} channels"
    embedded = f"{stream} of {hidden} channels of every embedding 40 times larger"
    residual = f"{stream} of {hidden} channels of the residual stream 40 times larger, in every layer"
    by_norms = _outlier_channels(hidden, outliers, factor=30)
    by_token = _massive_token(hidden, massive, factor=1000)
    by_embedding = _residual_outliers(hidden, stream, factor=40, every_layer=False)
    by_residual = _residual_outliers(hidden, stream, factor=40, every_layer=True)
    return (
        Nasty("norm-outliers", norms, (by_norms,)),
        Nasty("massive-token", token, (by_token,)),
        Nasty("massive-token-and-embedding-outliers", f"{token}; {embedded}", (by_token, by_embedding)),
        Nasty("massive-token-and-residual-outliers", f"{token}; {residual}", (by_token, by_residual)),
        Nasty("all-of-these", f"{norms}; {token}; {residual}", (by_norms, by_token, by_residual)),
    )


def make_nasty(source: Path, target: Path, nasty: Nasty) -> Path:
    """Write a changed copy of a checkpoint in bfloat16 that is one file."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("model.safetensors"))
    with (source / "model.safetensors").open("rb") as original:
        size = int.from_bytes(original.read(8), "little")
        header = original.read(size)
        entries = json.loads(header)
        entries.pop("__metadata__", None)
        with (target / "model.safetensors").open("wb") as changed:
            changed.write(size.to_bytes(8, "little") + header)
            for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"][0]):
                begin, end = entry["data_offsets"]
                bits = np.frombuffer(original.read(end - begin), np.uint16).astype(np.uint32) << 16
                values = bits.view(np.float32).reshape(entry["shape"]).copy()
                for change in nasty.changes:
                    values = change(name, values)
                changed.write(to_bfloat16(np.ascontiguousarray(values)).tobytes())
    return target


def make_small(folder: Path, seed: int = 5) -> Path:
    """Write a random decoder of 12 layers and width 256; its tokenizer knows 2,000 words."""
    hidden, layers, heads, keys, size, inner, vocabulary = 256, 12, 4, 2, 128, 768, 2000
    folder.mkdir(parents=True)
    config = {
        **CONFIG,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "max_window_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": keys,
        "head_dim": size,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
        "bos_token_id": vocabulary - 1,
        "eos_token_id": vocabulary - 1,
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    words = {f"w{i}": i for i in range(vocabulary)}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "w0"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens.weight": (vocabulary, hidden)}
    for i in range(layers):
        layer = f"layers.{i}."
        shapes[layer + "input_layernorm.weight"] = (hidden,)
        shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
        shapes[layer + "self_attn.q_norm.weight"] = (size,)
        shapes[layer + "self_attn.k_norm.weight"] = (size,)
        shapes[layer + "self_attn.q_proj.weight"] = (heads * size, hidden)
        shapes[layer + "self_attn.k_proj.weight"] = (keys * size, hidden)
        shapes[layer + "self_attn.v_proj.weight"] = (keys * size, hidden)
        shapes[layer + "self_attn.o_proj.weight"] = (hidden, heads * size)
        shapes[layer + "mlp.gate_proj.weight"] = (inner, hidden)
        shapes[layer + "mlp.up_proj.weight"] = (inner, hidden)
        shapes[layer + "mlp.down_proj.weight"] = (hidden, inner)
    shapes["norm.weight"] = (hidden,)
    _write_random(folder / "model.safetensors", shapes, np.random.default_rng(seed))
    return folder


def _write_random(path: Path, shapes: dict[str, tuple[int, ...]], random: np.random.Generator) -> None:
    header: dict[str, object] = {}
    begin = 0
    for name, shape in shapes.items():
        end = begin + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            # A layer then does to its input what one of the large random checkpoint does.
            drawn = random.standard_normal(shape, np.float32) * np.float32(0.02 * (1024 / shape[-1]) ** 0.5)
            values = np.ones(shape, np.float32) if name.endswith("norm.weight") else drawn
            stream.write(to_bfloat16(values).tobytes())


def _outlier_channels(hidden: int, count: int, factor: float) -> Change:
    """Multiply some channels of every norm and divide the columns behind it: the function stays the same."""

    def change(name: str, values: Values) -> Values:
        parts = name.split(".")
        if parts[0] != "layers":
            return values
        layer, rest = int(parts[1]), ".".join(parts[2:]).removesuffix(".weight")
        for number, (norm, behind) in enumerate(_BEHIND_NORM.items()):
            random = np.random.default_rng([layer, number, 17])
            channels = random.choice(hidden, count, replace=False)
            if rest == norm:
                values[channels] *= factor
            elif rest in behind:
                values[:, channels] /= factor
        return values

    return change


def _massive_token(hidden: int, channels: int, factor: float) -> Change:
    chosen = np.random.default_rng(19).choice(hidden, channels, replace=False)

    def change(name: str, values: Values) -> Values:
        if name == "embed_tokens.weight":
            values[MASSIVE_TOKEN, chosen] *= factor
        return values

    return change


def _residual_outliers(hidden: int, channels: int, factor: float, *, every_layer: bool) -> Change:
    """Enlarge channels where the stream begins, or also where layers write to it.

    In the second case the last norm takes them back, as those of trained models do.
    """
    chosen = np.random.default_rng(23).choice(hidden, channels, replace=False)

    def change(name: str, values: Values) -> Values:
        if name == "embed_tokens.weight":
            values[:, chosen] *= factor
        elif every_layer and name.endswith(_WRITES_TO_RESIDUAL):
            values[chosen] *= factor
        elif every_layer and name == "norm.weight":
            values[chosen] /= factor
        return values

    return change
