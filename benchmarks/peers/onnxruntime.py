"""ONNX Runtime with weights in int8 and activations quantised at run time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import Model
from peers.base import PADDED_BATCH_SIZES, Tokenizing, Vectors, embed_padded, pool


class OnnxRuntime:
    """An inference session on the processor."""

    batch_sizes: tuple[int, ...] = PADDED_BATCH_SIZES

    def __init__(self, model: Model, folder: Path, threads: int) -> None:
        import onnxruntime

        options: Any = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            folder / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        self._pooling = model.pooling
        self._model = model
        self._tokenizing: Tokenizing | None = None

    def embed(self, sequences: Sequence[Sequence[int]], batch_size: int, shared: int = 0) -> Vectors:  # noqa: ARG002
        """Give vectors of token ids."""
        return embed_padded(sequences, batch_size, self._run)

    def embed_texts(self, texts: Sequence[str], batch_size: int) -> Vectors:
        """Give vectors of texts."""
        if self._tokenizing is None:
            self._tokenizing = Tokenizing(self._model)
        return self.embed(self._tokenizing(texts), batch_size)

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        states = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return pool(states, mask, self._pooling)


def prepare(model: Model, variant: str, folder: Path) -> None:  # noqa: ARG001
    """Export the checkpoint with torch and quantise it with ONNX Runtime's own tool."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    whole = folder / "whole.onnx"
    _export(model, whole)
    quantize_dynamic(
        whole,
        folder / "model.onnx",
        per_channel=True,
        weight_type=QuantType.QInt8,
        use_external_data_format=True,
        extra_options={"MatMulConstBOnly": True},
    )
    for path in folder.glob("whole.onnx*"):
        path.unlink()


def load(model: Model, variant: str, folder: Path, threads: int) -> OnnxRuntime:  # noqa: ARG001
    """Load the quantised graph."""
    return OnnxRuntime(model, folder, threads)


def _export(model: Model, path: Path) -> None:
    import torch
    from transformers import AutoModel

    network: Any = AutoModel.from_pretrained(
        model.folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    ).eval()

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            cache = {"use_cache": False} if model.kind == "decoder" else {}
            return self.network(input_ids=input_ids, attention_mask=attention_mask, **cache)[0]

    batch = torch.export.Dim("batch", min=1, max=1024)
    tokens = torch.export.Dim("tokens", min=1, max=512 if model.kind == "encoder" else 32768)
    # Two tensors: one in both places would be exported as one input.
    ids, mask = torch.ones(2, 9, dtype=torch.long), torch.ones(2, 9, dtype=torch.long)
    with torch.no_grad():
        torch.onnx.export(
            States().eval(),
            (ids, mask),
            path,
            input_names=["input_ids", "attention_mask"],
            output_names=["states"],
            dynamic_shapes={"input_ids": (batch, tokens), "attention_mask": (batch, tokens)},
            dynamo=True,
            external_data=True,
            verbose=False,
        )
