"""OpenVINO with weights in 8 or 4 bits, exported and compressed by optimum-intel and nncf."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import Model
from peers.base import PADDED_BATCH_SIZES, Tokenizing, Vectors, embed_padded, pool

# Activations are quantised at run time, in groups of as many.
GROUP = 128


class OpenVino:
    """The exported graph, compiled for the processor."""

    batch_sizes: tuple[int, ...] = PADDED_BATCH_SIZES

    def __init__(self, model: Model, folder: Path, threads: int) -> None:
        import openvino

        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP,
            "CACHE_DIR": str(folder / "compiled"),
        }
        compiled: Any = openvino.Core().compile_model(folder / "openvino_model.xml", "CPU", settings)
        self._request = compiled.create_infer_request()
        self._inputs = {name for port in compiled.inputs for name in port.get_names()}
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
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        used = {name: value for name, value in given.items() if name in self._inputs}
        states = self._request.infer(used, share_inputs=True, share_outputs=True)[0]
        return pool(states, mask, self._pooling)


def prepare(model: Model, variant: str, folder: Path) -> None:
    """Export the checkpoint with compressed weights, as optimum-intel does for its users."""
    from optimum.intel import OVModelForFeatureExtraction, OVWeightQuantizationConfig

    if variant == "int8":
        settings = OVWeightQuantizationConfig(bits=8)
    else:
        settings = OVWeightQuantizationConfig(bits=4, sym=True, group_size=GROUP, ratio=1.0)
    exported = OVModelForFeatureExtraction.from_pretrained(
        model.folder, export=True, compile=False, quantization_config=settings, local_files_only=True
    )
    exported.save_pretrained(folder)


def load(model: Model, variant: str, folder: Path, threads: int) -> OpenVino:  # noqa: ARG001
    """Compile the exported graph; the second time from OpenVINO's own cache."""
    return OpenVino(model, folder, threads)
