"""What a model computes, read from its ``config.json``: one frozen record per checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from samesay.errors import CheckpointError, UnsupportedModelError


class Family(str, Enum):
    """The architectures that samesay runs, by their ``model_type``."""

    QWEN3 = "qwen3"
    MISTRAL = "mistral"
    BERT = "bert"
    XLM_ROBERTA = "xlm-roberta"

    @property
    def is_decoder(self) -> bool:
        """Whether tokens see only themselves and what comes before them."""
        return self in (Family.QWEN3, Family.MISTRAL)


# No trained head comes near it; it bounds what a damaged config.json can make the engine allocate.
_WIDEST_HEAD = 4096
_LARGEST_TOKEN_ID = 2**31 - 1

SUPPORTED = (
    "Qwen3 (Qwen3-Embedding), Mistral (E5-Mistral), BERT (MiniLM, bge-small, e5-small) "
    "and XLM-RoBERTa (BGE-M3, multilingual-e5)"
)


@dataclass(frozen=True)
class Architecture:
    """Shapes and constants of a transformer.

    Attributes:
        family: The kind of network.
        hidden_size: Width of the residual stream, and of the vectors.
        layers: Number of transformer blocks.
        heads: Number of query heads.
        key_value_heads: Number of key and value heads; ``heads`` is a multiple of it.
        head_size: Width of one head; not always ``hidden_size / heads``.
        intermediate_size: Width of the feed-forward layer.
        vocabulary_size: Rows of the token embedding.
        positions: Number of positions the network can read.
        position_offset: First row of the position embedding in use (XLM-RoBERTa starts after padding).
        token_types: Rows of the token type embedding (encoders).
        norm_epsilon: Added to the variance in every normalisation.
        rope_theta: Base of the rotary frequencies (decoders).
        sliding_window: A token sees at most this many tokens, itself included; 0 for all.
        end_token: The id that ends a text, as the decoder's config states it.
        padding_token: The id of padding, as the encoder's config states it.
    """

    family: Family
    hidden_size: int
    layers: int
    heads: int
    key_value_heads: int
    head_size: int
    intermediate_size: int
    vocabulary_size: int
    positions: int
    norm_epsilon: float
    position_offset: int = 0
    token_types: int = 0
    rope_theta: float = 0.0
    sliding_window: int = 0
    end_token: int | None = None
    padding_token: int | None = None

    @property
    def special_token_ids(self) -> tuple[tuple[str, int], ...]:
        """The special ids that the config names: they must be special to the tokenizer too."""
        named = (("eos_token_id", self.end_token), ("pad_token_id", self.padding_token))
        return tuple((name, token_id) for name, token_id in named if token_id is not None)


def read_architecture(config: Mapping[str, Any]) -> Architecture:
    """Read a Hugging Face ``config.json``.

    Raises:
        UnsupportedModelError: For a model type, activation or position scheme that samesay does not run.
        CheckpointError: For values that are missing or contradict each other.
    """
    try:
        family = Family(config.get("model_type"))
    except ValueError:
        found, named = config.get("model_type"), config.get("architectures")
        architectures = ", ".join(map(str, named)) if isinstance(named, list) else ""
        raise UnsupportedModelError(
            f"config.json says model_type {found!r} ({architectures or 'no architecture named'}); "
            f"samesay runs {SUPPORTED}"
        ) from None
    architecture = _read_decoder(config, family) if family.is_decoder else _read_encoder(config, family)
    if architecture.heads % architecture.key_value_heads:
        raise CheckpointError(
            f"config.json: {architecture.heads} attention heads cannot share "
            f"{architecture.key_value_heads} key/value heads evenly"
        )
    return architecture


def _read_decoder(config: Mapping[str, Any], family: Family) -> Architecture:
    _require_equal(config, "hidden_act", "silu", default="silu")
    heads = _positive(config, "num_attention_heads")
    hidden_size = _positive(config, "hidden_size")
    head_size = _positive(config, "head_dim", default=hidden_size // heads)
    if head_size % 2 or head_size > _WIDEST_HEAD:
        raise CheckpointError(
            f"config.json: head_dim must be even and at most {_WIDEST_HEAD}, not {head_size}"
        )
    return Architecture(
        family=family,
        hidden_size=hidden_size,
        layers=_positive(config, "num_hidden_layers"),
        heads=heads,
        key_value_heads=_positive(config, "num_key_value_heads", default=heads),
        head_size=head_size,
        intermediate_size=_positive(config, "intermediate_size"),
        vocabulary_size=_positive(config, "vocab_size"),
        positions=_positive(config, "max_position_embeddings"),
        norm_epsilon=_small_float(config, "rms_norm_eps", default=1e-6),
        rope_theta=_rope_theta(config),
        sliding_window=_sliding_window(config, family),
        end_token=_token_id(config, "eos_token_id"),
    )


def _read_encoder(config: Mapping[str, Any], family: Family) -> Architecture:
    _require_equal(config, "hidden_act", "gelu", default="gelu")
    _require_equal(config, "position_embedding_type", "absolute", default="absolute")
    heads = _positive(config, "num_attention_heads")
    hidden_size = _positive(config, "hidden_size")
    if hidden_size % heads:
        raise CheckpointError(f"config.json: hidden_size {hidden_size} is not a multiple of {heads} heads")
    offset = 0
    if family is Family.XLM_ROBERTA:
        offset = _integer(config, "pad_token_id", default=1) + 1
    position_rows = _positive(config, "max_position_embeddings")
    if position_rows <= offset:
        raise CheckpointError(
            f"config.json: {position_rows} position embeddings leave none after padding index {offset - 1}"
        )
    return Architecture(
        family=family,
        hidden_size=hidden_size,
        layers=_positive(config, "num_hidden_layers"),
        heads=heads,
        key_value_heads=heads,
        head_size=hidden_size // heads,
        intermediate_size=_positive(config, "intermediate_size"),
        vocabulary_size=_positive(config, "vocab_size"),
        positions=position_rows - offset,
        position_offset=offset,
        token_types=_positive(config, "type_vocab_size", default=2),
        padding_token=_token_id(config, "pad_token_id"),
        norm_epsilon=_small_float(config, "layer_norm_eps", default=1e-12),
    )


def _rope_theta(config: Mapping[str, Any]) -> float:
    # transformers 5 writes "rope_parameters"; before, "rope_theta" stood beside "rope_scaling".
    parameters, scaling = (config.get(key) or {} for key in ("rope_parameters", "rope_scaling"))
    for source in (parameters, scaling):
        if not isinstance(source, dict):
            raise CheckpointError(
                f"config.json: the settings of rotary positions must be an object, not {source!r}"
            )
        kind = source.get("rope_type", source.get("type", "default"))
        if kind != "default":
            raise UnsupportedModelError(
                f"config.json asks for rotary scaling {kind!r}; samesay runs it unscaled"
            )
    theta = parameters.get("rope_theta", config.get("rope_theta", 10000.0))
    if isinstance(theta, bool) or not isinstance(theta, (int, float)) or not 1 <= theta <= 1e30:
        raise CheckpointError(f"config.json: rope_theta must be a number from 1 to 1e30, not {theta!r}")
    return float(theta)


def _sliding_window(config: Mapping[str, Any], family: Family) -> int:
    if family is Family.QWEN3:
        if not config.get("use_sliding_window", False):
            return 0
        raise UnsupportedModelError("config.json turns on use_sliding_window; samesay runs Qwen3 without it")
    window = _integer(config, "sliding_window", default=0)
    if not 0 <= window < 2**31:
        raise CheckpointError(f"config.json: sliding_window must lie between 0 and 2^31, not {window}")
    return window


def _token_id(config: Mapping[str, Any], key: str) -> int | None:
    value = config.get(key)
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_TOKEN_ID:
        raise CheckpointError(f"config.json: {key} must be a token id, not {value!r}")
    return value


def _integer(config: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = config.get(key)
    if value is None:
        value = default
    if isinstance(value, bool) or not isinstance(value, int):
        raise CheckpointError(f"config.json: {key} must be a whole number, not {value!r}")
    return value


def _positive(config: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = _integer(config, key, default)
    # The upper bound keeps products of two sizes inside 64 bits in the engine.
    if not 0 < value < 2**31:
        raise CheckpointError(f"config.json: {key} must be positive and below 2^31, not {value}")
    return value


def _small_float(config: Mapping[str, Any], key: str, default: float) -> float:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise CheckpointError(f"config.json: {key} must lie between 0 and 1, not {value!r}")
    return float(value)


def _require_equal(config: Mapping[str, Any], key: str, supported: str, default: str) -> None:
    value = config.get(key, default)
    if value != supported:
        raise UnsupportedModelError(f"config.json says {key} {value!r}; samesay runs {supported!r}")
