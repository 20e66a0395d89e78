"""Packed weights on disk: made once, mapped by every process after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samesay.checkpoint.cache import cache_folder
from samesay.checkpoint.section_file import Sections, read_sections, write_sections

# Raise it whenever packed memory is laid out otherwise or holds other values, as after other sample texts.
LAYOUT = 6


@dataclass(frozen=True)
class PackedKey:
    """What a packed file holds.

    Attributes:
        weights: SHA-256 over the weight files it was packed from.
        architecture: Digest of the shapes and of everything else that packing depends on.
        precision: How the weights are held.
        instruction_set: The one whose kernels read it.
    """

    weights: str
    architecture: str
    precision: str
    instruction_set: str

    @property
    def path(self) -> Path:
        """Where the file lies in the cache folder."""
        name = f"{self._weights}-{self.architecture[:8]}-{self._for}-{LAYOUT}.safetensors"
        return cache_folder() / "packed" / name

    @property
    def outdated(self) -> list[Path]:
        """Files of the same weights in other layouts."""
        found = self.path.parent.glob(f"{self._weights}-*-{self._for}-*.safetensors")
        # Of this layout there may be two: folders with one network and different tokenizers.
        return [path for path in found if not path.stem.endswith(f"-{LAYOUT}")]

    @property
    def text(self) -> str:
        """The whole key, as the file's metadata holds it."""
        return " ".join((self.weights, self.architecture, self.precision, self.instruction_set, str(LAYOUT)))

    @property
    def _weights(self) -> str:
        return self.weights[:16]

    @property
    def _for(self) -> str:
        return f"{self.precision}-{self.instruction_set}"


def read_packed(key: PackedKey, threads: int) -> Sections | None:
    """Map a packed file; None where there is none, or it is damaged, cut off, or of another key."""
    return read_sections(key.path, key.text, threads)


def write_packed(key: PackedKey, sections: Iterable[tuple[str, NDArray[np.uint8]]], threads: int) -> bool:
    """Write a packed file, and remove those of other layouts; False where the folder cannot be written."""
    if not write_sections(key.path, key.text, sections, threads):
        return False
    for path in key.outdated:
        path.unlink(missing_ok=True)
    return True
