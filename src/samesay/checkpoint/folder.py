"""A model folder read as a whole: everything that decides what a text's vector is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Any

from samesay.checkpoint.architecture import Architecture, Family, read_architecture
from samesay.checkpoint.jsonfile import read_json, read_json_if_present
from samesay.checkpoint.pooling import Pooling, read_pooling
from samesay.checkpoint.prompts import Prompts, read_prompts
from samesay.checkpoint.tokenizer import TextTokenizer
from samesay.checkpoint.weights import Weights
from samesay.errors import CheckpointError, DimensionsError

# The smallest width that Qwen3-Embedding's Matryoshka training covers, by its model card.
_SMALLEST_MATRYOSHKA = 32


@dataclass(frozen=True)
class Checkpoint:
    """A model on disk, checked and ready for an engine.

    Attributes:
        name: What people call it.
        folder: Where it lies.
        architecture: Shapes and constants of the network.
        weights: The tensors, mapped.
        tokenizer: Text to token ids.
        pooling: Token states to one vector.
        prompts: What stands before queries and documents.
        matryoshka: Whether the first dimensions of a vector are a vector themselves.
    """

    name: str
    folder: Path
    architecture: Architecture
    weights: Weights
    tokenizer: TextTokenizer
    pooling: Pooling
    prompts: Prompts
    matryoshka: bool

    def check_dimensions(self, dimensions: int | None) -> int:
        """Give the width asked for, or the full one.

        Raises:
            DimensionsError: For a width that this model does not give.
        """
        full = self.architecture.hidden_size
        if dimensions is None:
            return full
        if isinstance(dimensions, bool) or not hasattr(dimensions, "__index__"):
            raise DimensionsError(f"dimensions must be a whole number, not {dimensions!r}")
        dimensions = index(dimensions)  # NumPy's whole numbers too
        if dimensions == full:
            return full
        if not self.matryoshka:
            raise DimensionsError(
                f"{self.name} gives {full} dimensions and was not trained to be cut to {dimensions}; "
                "leave them out"
            )
        smallest = min(_SMALLEST_MATRYOSHKA, full)
        if not smallest <= dimensions <= full:
            raise DimensionsError(f"{self.name} gives {smallest} to {full} dimensions, not {dimensions}")
        return dimensions


def read_checkpoint(folder: Path, *, name: str | None = None, matryoshka: bool | None = None) -> Checkpoint:
    """Read a Hugging Face or sentence-transformers folder.

    Args:
        folder: The folder with ``config.json``, ``tokenizer.json`` and safetensors.
        name: What to call the model; by default what the folder says.
        matryoshka: Overrides what is known of the model.

    Raises:
        CheckpointError: When something is missing, damaged or contradictory.
        UnsupportedModelError: When the folder holds a model that samesay does not run.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder")
    if not (folder / "config.json").is_file():
        found = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
        raise CheckpointError(
            f"{folder} has no config.json, so it is no Hugging Face model folder; it holds {found}"
        )
    config = read_json(folder / "config.json", dict)
    architecture = read_architecture(config)
    pooling = read_pooling(folder, architecture.family)
    names = _names(folder, config)
    if matryoshka is None:
        matryoshka = architecture.family is Family.QWEN3 and pooling is Pooling.LAST
    return Checkpoint(
        name=name or names[0].rpartition("/")[2],
        folder=folder,
        architecture=architecture,
        weights=Weights(folder),
        tokenizer=TextTokenizer(folder, architecture),
        pooling=pooling,
        prompts=read_prompts(folder, names),
        matryoshka=matryoshka,
    )


def _names(folder: Path, config: Mapping[str, Any]) -> list[str]:
    manifest = read_json_if_present(folder / "samesay.json")
    stated = (manifest.get("repository"), folder.resolve().name, config.get("_name_or_path"))
    return [name for name in stated if isinstance(name, str) and name]
