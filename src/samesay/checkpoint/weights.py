"""Tensors of a checkpoint, mapped from safetensors files without copying them."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesay.checkpoint.jsonfile import read_json
from samesay.errors import CheckpointError

# safetensors' names of the types that hold weights; bfloat16 travels as its 16 bits.
_STORAGE: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}


@dataclass(frozen=True)
class Tensor:
    """One tensor as it lies in the file.

    Attributes:
        name: Its name in the file.
        kind: ``"F32"``, ``"F16"`` or ``"BF16"``.
        data: The values, read-only; bfloat16 as unsigned 16-bit integers.
    """

    name: str
    kind: str
    data: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents, outermost first."""
        return self.data.shape


class Weights(Mapping[str, Tensor]):
    """All tensors of a checkpoint by name, over one or several files.

    Args:
        folder: The checkpoint's folder.

    Raises:
        CheckpointError: When there is no safetensors file, one is damaged, or a shard is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.files = weight_files(folder)
        self._tensors: dict[str, Tensor] = {}
        for file in self.files:
            for tensor in _map_file(file):
                if tensor.name in self._tensors:
                    raise CheckpointError(f"{file.name}: tensor {tensor.name!r} is in more than one file")
                self._tensors[tensor.name] = tensor

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that make up a checkpoint, in the order of the index or alone.

    Raises:
        CheckpointError: When there is none, or one that the index names is missing.
    """
    single = folder / "model.safetensors"
    if single.is_file():
        return [single]
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        patterns = ("*.bin", "*.pt", "*.onnx", "*.gguf")
        others = sorted(path.name for pattern in patterns for path in folder.glob(pattern))
        found = f"; found {', '.join(others)}, which samesay does not load" if others else ""
        raise CheckpointError(f"{folder} has no model.safetensors and no index of shards{found}")
    by_tensor = read_json(index, dict).get("weight_map")
    if not isinstance(by_tensor, dict) or not all(isinstance(shard, str) for shard in by_tensor.values()):
        raise CheckpointError(
            f"{index} is not an index of safetensors files: it has no weight_map of file names"
        )
    files = []
    # Compared with the names that are there: an index must not lead out of the folder.
    present = {path.name for path in folder.iterdir() if path.is_file()}
    for shard in sorted(set(by_tensor.values())):
        file = folder / shard
        if shard not in present:
            raise CheckpointError(
                f"{index.name} names {shard!r}, which is not in {folder}; fetch the model again"
            )
        files.append(file)
    if not files:
        raise CheckpointError(f"{index} names no files")
    return files


def _map_file(file: Path) -> Iterator[Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        # The library checks the header against the file: lengths, overlaps, gaps, types.
        with safe_open(file, framework="numpy"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{file} is damaged or not a safetensors file ({error}); fetch the model again"
        ) from None
    with file.open("rb") as stream:
        buffer = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    start = 8 + int.from_bytes(buffer[:8], "little")
    header: dict[str, Any] = json.loads(buffer[8:start])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        storage = _STORAGE.get(entry["dtype"])
        if storage is None:
            if name.endswith((".weight", ".bias")):
                raise CheckpointError(
                    f"{file.name}: tensor {name!r} is stored as {entry['dtype']}; "
                    f"samesay reads {', '.join(_STORAGE)}"
                )
            # Buffers such as position ids are integers; no weight of a supported model is.
            continue
        begin, _ = entry["data_offsets"]
        count = int(np.prod(entry["shape"], dtype=np.int64))
        data: NDArray[Any] = np.empty(0, storage)
        if count:
            data = np.frombuffer(buffer, storage, count, start + begin)
        yield Tensor(name, entry["dtype"], data.reshape(tuple(entry["shape"])))
