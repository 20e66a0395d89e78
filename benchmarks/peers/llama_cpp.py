"""llama.cpp through llama-cpp-python, with weights as Q8_0 or BF16."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import Model
from peers.base import Tokenizing, Vectors

FILE = "model.gguf"
# Tokens that go through the network together, and the most that a context keeps.
CONTEXT_TOKENS = 512

_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


class LlamaCpp:
    """A context that gives the normalised state of every sequence's last token."""

    batch_sizes: tuple[int, ...] = (8, 32)

    def __init__(self, model: Model, folder: Path, threads: int) -> None:
        import llama_cpp

        self._api: Any = llama_cpp
        llama_cpp.llama_backend_init()
        self._weights: Any = llama_cpp.llama_model_load_from_file(
            str(folder / FILE).encode(), llama_cpp.llama_model_default_params()
        )
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = CONTEXT_TOKENS
        settings.n_seq_max = max(self.batch_sizes)
        settings.n_threads = settings.n_threads_batch = threads
        settings.embeddings = True
        settings.pooling_type = llama_cpp.LLAMA_POOLING_TYPE_LAST
        settings.kv_unified = True
        self._context: Any = llama_cpp.llama_init_from_model(self._weights, settings)
        if not self._context:
            raise RuntimeError("llama.cpp made no context")
        self._batch: Any = llama_cpp.llama_batch_init(CONTEXT_TOKENS, 0, 1)
        self._model = model
        self._tokenizing: Tokenizing | None = None

    def embed(self, sequences: Sequence[Sequence[int]], batch_size: int, shared: int = 0) -> Vectors:  # noqa: ARG002
        """Give vectors of token ids."""
        rows = [row for part in _parts(sequences, batch_size) for row in self._run(part)]
        vectors = np.stack(rows)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def embed_texts(self, texts: Sequence[str], batch_size: int) -> Vectors:
        """Give vectors of texts."""
        if self._tokenizing is None:
            self._tokenizing = Tokenizing(self._model)
        return self.embed(self._tokenizing(texts), batch_size)

    def _run(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        api, batch = self._api, self._batch
        api.llama_memory_clear(api.llama_get_memory(self._context), False)
        count = 0
        for number, sequence in enumerate(sequences):
            for position, token in enumerate(sequence):
                batch.token[count], batch.pos[count] = token, position
                batch.n_seq_id[count], batch.seq_id[count][0] = 1, number
                batch.logits[count] = 1
                count += 1
        batch.n_tokens = count
        if (code := api.llama_decode(self._context, batch)) != 0:
            raise RuntimeError(f"llama.cpp gives error {code}")
        return [self._vector(number) for number in range(len(sequences))]

    def _vector(self, number: int) -> NDArray[np.float32]:
        pointer = self._api.llama_get_embeddings_seq(self._context, number)
        return np.array(np.ctypeslib.as_array(pointer, (self._model.hidden,)), np.float32)


def prepare(model: Model, variant: str, folder: Path) -> None:
    """Write the checkpoint as GGUF; without its tokenizer, since ids are given."""
    import gguf

    config = json.loads((model.folder / "config.json").read_text("utf-8"))
    if config["model_type"] != "qwen3":
        raise ValueError("only Qwen3 is written as GGUF here")
    kind = {"q8": gguf.GGMLQuantizationType.Q8_0, "bf16": gguf.GGMLQuantizationType.BF16}[variant]
    writer = gguf.GGUFWriter(folder / FILE, "qwen3", use_temp_file=True)
    _write_settings(writer, config)
    for name, values in _tensors(model.folder / "model.safetensors"):
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load(model: Model, variant: str, folder: Path, threads: int) -> LlamaCpp:  # noqa: ARG001
    """Map the file and make a context."""
    return LlamaCpp(model, folder, threads)


def _write_settings(writer: Any, config: dict[str, Any]) -> None:
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")


def _tensors(path: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Give every tensor of a safetensors file in bfloat16, named as in GGUF."""
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(size))
        header.pop("__metadata__", None)
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            stream.seek(8 + size + begin)
            bits = np.frombuffer(stream.read(end - begin), np.uint16).astype(np.uint32) << 16
            yield _renamed(name), bits.view(np.float32).reshape(entry["shape"])


def _renamed(name: str) -> str:
    outer = {"embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
    if name in outer:
        return outer[name]
    _, layer, rest = name.split(".", 2)
    return f"blk.{layer}.{_NAMES[rest.removesuffix('.weight')]}.weight"


def _parts(sequences: Sequence[Sequence[int]], batch_size: int) -> Iterator[list[Sequence[int]]]:
    part: list[Sequence[int]] = []
    for sequence in sequences:
        if part and (len(part) == batch_size or sum(map(len, part)) + len(sequence) > CONTEXT_TOKENS):
            yield part
            part = []
        part.append(sequence)
    if part:
        yield part
