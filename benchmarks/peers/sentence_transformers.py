"""sentence-transformers on torch, in bfloat16 or float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import Model
from peers.base import PADDED_BATCH_SIZES, Vectors, embed_padded


class SentenceTransformers:
    """The forward pass of its modules on token ids, and its ``encode`` on texts."""

    batch_sizes: tuple[int, ...] = PADDED_BATCH_SIZES

    def __init__(self, model: Model, variant: str, threads: int) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self._torch: Any = torch
        dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[variant]
        loaded: Any = SentenceTransformer(
            str(model.folder), device="cpu", local_files_only=True, model_kwargs={"dtype": dtype}
        )
        self._model = loaded.eval()
        self._prompt = model.prompt
        # Keys and values are of no use afterwards.
        self._model[0].auto_model.config.use_cache = False

    def embed(self, sequences: Sequence[Sequence[int]], batch_size: int, shared: int = 0) -> Vectors:  # noqa: ARG002
        """Give vectors of token ids."""
        return embed_padded(sequences, batch_size, self._run)

    def embed_texts(self, texts: Sequence[str], batch_size: int) -> Vectors:
        """Give vectors of texts."""
        vectors: Vectors = self._model.encode(
            list(texts),
            batch_size=batch_size,
            prompt=self._prompt or None,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, np.float32)

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        torch = self._torch
        with torch.inference_mode():
            features = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
            vectors: NDArray[np.float32] = self._model(features)["sentence_embedding"].float().numpy()
        return vectors


def prepare(model: Model, variant: str, folder: Path) -> None:
    """Nothing: it loads the checkpoint."""


def load(model: Model, variant: str, folder: Path, threads: int) -> SentenceTransformers:  # noqa: ARG001
    """Load the checkpoint."""
    return SentenceTransformers(model, variant, threads)
