"""The networks in plain torch: what the C++ core computes, from the same tensors, without transformers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

from samesay.checkpoint.architecture import Architecture, Family
from samesay.checkpoint.folder import Checkpoint
from samesay.checkpoint.pooling import Pooling
from samesay.checkpoint.weights import Tensor
from samesay.engine.tensor_names import require_head_norms, without_prefix
from samesay.engine.torch_attention import Attention, Ragged
from samesay.errors import CheckpointError

# Told after each layer the share that is done.
Pulse = Callable[[float], object]


class Network(Protocol):
    """Token ids to the states that are pooled."""

    @property
    def attention(self) -> Attention:
        """How tokens see each other."""
        ...

    def states(
        self, token_ids: torch.Tensor, layout: Ragged, chosen: torch.Tensor | None, pulse: Pulse | None
    ) -> torch.Tensor:
        """Give the last states.

        Args:
            token_ids: All ids end to end, shape (total,).
            layout: Where the texts lie.
            chosen: The rows wanted, or None for all.
            pulse: What it raises stops the pass.

        Returns:
            float32, shape (rows, hidden).
        """
        ...


class TensorReader:
    """Gives the tensors of a checkpoint on a device, each checked.

    Args:
        checkpoint: The model.
        device: Where they go.
        dtype: In what.

    Raises:
        CheckpointError: When the names are of no known kind.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> None:
        self._folder = checkpoint.folder
        self._tensors: Mapping[str, Tensor] = without_prefix(
            checkpoint.weights, checkpoint.architecture.family
        )
        require_head_norms(self._tensors, checkpoint.architecture)
        self.device, self.dtype = device, dtype

    def matrix(self, name: str, *shape: int) -> torch.Tensor:
        """Give a weight in the engine's type.

        Raises:
            CheckpointError: When it is missing, has another shape, or is not finite.
        """
        return self._read(name, shape).to(self.device, self.dtype)

    def vector(self, name: str, size: int) -> torch.Tensor:
        """Give a bias or a norm's weight in float32."""
        return self._read(name, (size,)).to(self.device, torch.float32)

    def _read(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise CheckpointError(f"{self._folder}: the weights have no tensor {name!r}")
        if tensor.shape != shape:
            raise CheckpointError(f"{self._folder}: tensor {name!r} has shape {tensor.shape}, not {shape}")
        if tensor.kind == "BF16":
            values = torch.from_numpy(np.array(tensor.data).view(np.int16)).view(torch.bfloat16)
        else:
            values = torch.from_numpy(np.array(tensor.data))
        if not torch.isfinite(values).all():
            raise CheckpointError(f"{self._folder}: tensor {name!r} holds values that are not finite")
        return values


def make_network(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> Network:
    """Put the tensors of a checkpoint on a device.

    Raises:
        CheckpointError: When one is missing, has another shape, or is not finite.
    """
    reader = TensorReader(checkpoint, device, dtype)
    shape = checkpoint.architecture
    attention = Attention(
        causal=shape.family.is_decoder,
        window=shape.sliding_window,
        heads=shape.heads,
        key_value_heads=shape.key_value_heads,
        head_size=shape.head_size,
        device=device,
        dtype=dtype,
    )
    if shape.family.is_decoder:
        return Decoder(shape, reader, attention)
    return Encoder(shape, reader, attention)


@dataclass(frozen=True)
class _DecoderLayer:
    attention_norm: torch.Tensor
    query_key_value: torch.Tensor
    query_norm: torch.Tensor | None
    key_norm: torch.Tensor | None
    output: torch.Tensor
    inner_norm: torch.Tensor
    gate_up: torch.Tensor
    down: torch.Tensor


class Decoder:
    """Qwen3 and Mistral: norms before each part, rotary positions, a gated feed-forward layer."""

    def __init__(self, shape: Architecture, reader: TensorReader, attention: Attention) -> None:
        self.attention = attention
        self._shape, self._dtype = shape, reader.dtype
        self._words = reader.matrix("embed_tokens.weight", shape.vocabulary_size, shape.hidden_size)
        self._norm = reader.vector("norm.weight", shape.hidden_size)
        half = torch.arange(0, shape.head_size, 2, dtype=torch.float64) / shape.head_size
        self._frequencies = (shape.rope_theta**-half).float().to(reader.device)
        self._layers = [_decoder_layer(shape, reader, f"layers.{i}.") for i in range(shape.layers)]

    def states(
        self, token_ids: torch.Tensor, layout: Ragged, chosen: torch.Tensor | None, pulse: Pulse | None
    ) -> torch.Tensor:
        """See ``Network``."""
        shape, epsilon = self._shape, self._shape.norm_epsilon
        x = F.embedding(token_ids, self._words).float()
        angles = layout.positions.float()[:, None] * self._frequencies
        cosine, sine = angles.cos()[:, None, :], angles.sin()[:, None, :]
        widths = [
            shape.heads * shape.head_size,
            shape.key_value_heads * shape.head_size,
            shape.key_value_heads * shape.head_size,
        ]
        for number, layer in enumerate(self._layers, 1):
            read = _rms_norm(x, layer.attention_norm, epsilon).to(self._dtype)
            parts = torch.split(F.linear(read, layer.query_key_value), widths, dim=1)
            queries, keys, values = (part.reshape(len(part), -1, shape.head_size) for part in parts)
            queries = self._rotated(queries, layer.query_norm, cosine, sine)
            keys = self._rotated(keys, layer.key_norm, cosine, sine)
            attended = self.attention(queries, keys, values, layout).flatten(1)
            if chosen is not None and number == len(self._layers):
                # Only the pooled rows go on.
                attended, x = attended[chosen], x[chosen]
            x = x + F.linear(attended, layer.output).float()
            read = _rms_norm(x, layer.inner_norm, epsilon).to(self._dtype)
            gate, up = F.linear(read, layer.gate_up).chunk(2, dim=1)
            x = x + F.linear(F.silu(gate) * up, layer.down).float()
            if pulse:
                pulse(number / len(self._layers))
        return _rms_norm(x, self._norm, epsilon)

    def _rotated(
        self, heads: torch.Tensor, norm: torch.Tensor | None, cosine: torch.Tensor, sine: torch.Tensor
    ) -> torch.Tensor:
        x = heads.float()
        if norm is not None:
            x = _rms_norm(x, norm, self._shape.norm_epsilon)
        first, second = x.chunk(2, dim=-1)
        turned = torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)
        return turned.to(self._dtype)


def _decoder_layer(shape: Architecture, reader: TensorReader, name: str) -> _DecoderLayer:
    hidden, inner = shape.hidden_size, shape.intermediate_size
    wide, narrow = shape.heads * shape.head_size, shape.key_value_heads * shape.head_size
    attention, mlp = name + "self_attn.", name + "mlp."
    has_norms = shape.family is Family.QWEN3
    return _DecoderLayer(
        attention_norm=reader.vector(name + "input_layernorm.weight", hidden),
        query_key_value=torch.cat(
            [
                reader.matrix(attention + "q_proj.weight", wide, hidden),
                reader.matrix(attention + "k_proj.weight", narrow, hidden),
                reader.matrix(attention + "v_proj.weight", narrow, hidden),
            ]
        ),
        query_norm=reader.vector(attention + "q_norm.weight", shape.head_size) if has_norms else None,
        key_norm=reader.vector(attention + "k_norm.weight", shape.head_size) if has_norms else None,
        output=reader.matrix(attention + "o_proj.weight", hidden, wide),
        inner_norm=reader.vector(name + "post_attention_layernorm.weight", hidden),
        gate_up=torch.cat(
            [
                reader.matrix(mlp + "gate_proj.weight", inner, hidden),
                reader.matrix(mlp + "up_proj.weight", inner, hidden),
            ]
        ),
        down=reader.matrix(mlp + "down_proj.weight", hidden, inner),
    )


@dataclass(frozen=True)
class _Linear:
    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight, self.bias)


@dataclass(frozen=True)
class _LayerNorm:
    weight: torch.Tensor
    bias: torch.Tensor
    epsilon: float

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.epsilon)


@dataclass(frozen=True)
class _EncoderLayer:
    query_key_value: _Linear
    output: _Linear
    attention_norm: _LayerNorm
    inner: _Linear
    outer: _Linear
    output_norm: _LayerNorm


class Encoder:
    """BERT and XLM-RoBERTa: learnt positions, norms after each part, GELU."""

    def __init__(self, shape: Architecture, reader: TensorReader, attention: Attention) -> None:
        self.attention = attention
        self._shape, self._dtype = shape, reader.dtype
        hidden, embeddings = shape.hidden_size, "embeddings."
        rows = shape.positions + shape.position_offset
        self._words = reader.matrix(embeddings + "word_embeddings.weight", shape.vocabulary_size, hidden)
        self._positions = reader.matrix(embeddings + "position_embeddings.weight", rows, hidden)
        types = reader.matrix(embeddings + "token_type_embeddings.weight", shape.token_types, hidden)
        self._type = types[0].float()
        self._norm = _layer_norm(shape, reader, embeddings + "LayerNorm")
        self._layers = [_encoder_layer(shape, reader, f"encoder.layer.{i}.") for i in range(shape.layers)]

    def states(
        self, token_ids: torch.Tensor, layout: Ragged, chosen: torch.Tensor | None, pulse: Pulse | None
    ) -> torch.Tensor:
        """See ``Network``."""
        places = F.embedding(layout.positions + self._shape.position_offset, self._positions)
        x = self._norm(F.embedding(token_ids, self._words).float() + places.float() + self._type)
        for number, layer in enumerate(self._layers, 1):
            parts = layer.query_key_value(x.to(self._dtype)).chunk(3, dim=1)
            queries, keys, values = (part.reshape(len(part), self._shape.heads, -1) for part in parts)
            attended = self.attention(queries, keys, values, layout).flatten(1)
            if chosen is not None and number == len(self._layers):
                attended, x = attended[chosen], x[chosen]
            x = layer.attention_norm(x + layer.output(attended).float())
            inner = F.gelu(layer.inner(x.to(self._dtype)))
            x = layer.output_norm(x + layer.outer(inner).float())
            if pulse:
                pulse(number / len(self._layers))
        return x


def _encoder_layer(shape: Architecture, reader: TensorReader, name: str) -> _EncoderLayer:
    hidden, inner = shape.hidden_size, shape.intermediate_size
    parts = [
        _linear(reader, f"{name}attention.self.{part}", hidden, hidden) for part in ("query", "key", "value")
    ]
    return _EncoderLayer(
        query_key_value=_Linear(
            torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])
        ),
        output=_linear(reader, name + "attention.output.dense", hidden, hidden),
        attention_norm=_layer_norm(shape, reader, name + "attention.output.LayerNorm"),
        inner=_linear(reader, name + "intermediate.dense", inner, hidden),
        outer=_linear(reader, name + "output.dense", hidden, inner),
        output_norm=_layer_norm(shape, reader, name + "output.LayerNorm"),
    )


def _linear(reader: TensorReader, name: str, outputs: int, inputs: int) -> _Linear:
    return _Linear(
        reader.matrix(name + ".weight", outputs, inputs),
        reader.vector(name + ".bias", outputs).to(reader.dtype),
    )


def _layer_norm(shape: Architecture, reader: TensorReader, name: str) -> _LayerNorm:
    size = shape.hidden_size
    return _LayerNorm(
        reader.vector(name + ".weight", size), reader.vector(name + ".bias", size), shape.norm_epsilon
    )


def _rms_norm(x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    scaled: torch.Tensor = x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + epsilon)
    return scaled * weight


def pooled_rows(pooling: Pooling, layout: Ragged) -> torch.Tensor | None:
    """Give the row of each text that is its vector, or None where all rows are averaged."""
    if pooling is Pooling.MEAN:
        return None
    return layout.offsets[:-1].long() if pooling is Pooling.CLS else layout.offsets[1:].long() - 1
