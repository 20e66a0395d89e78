from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

class CheckpointFault(ValueError): ...  # noqa: N818
class TokenFault(ValueError): ...  # noqa: N818
class EngineFault(RuntimeError): ...  # noqa: N818

class Model:
    @staticmethod
    def from_packed(
        kind: str,
        settings: dict[str, int | float | str],
        precision: str,
        isa: str,
        memory: dict[str, NDArray[np.uint8]],
    ) -> Model: ...
    @staticmethod
    def from_tensors(
        kind: str,
        settings: dict[str, int | float | str],
        precision: str,
        isa: str,
        memory: dict[str, tuple[str, NDArray[Any]]],
        sample_ids: NDArray[np.int32],
        sample_offsets: NDArray[np.int64],
    ) -> Model: ...
    def sections(self) -> list[tuple[str, NDArray[np.uint8]]]: ...
    @property
    def phases(self) -> dict[str, float]: ...
    @property
    def prefix_hits(self) -> int: ...
    def forward(
        self,
        token_ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        prefix: NDArray[np.int32],
        out: NDArray[np.float32],
        progress: Callable[[float], object] | None,
    ) -> None: ...

class RowProducts:
    def __init__(self, isa: str, threads: int) -> None: ...
    def multiply(
        self,
        rows: NDArray[np.generic],  # of float32, float16 or int8
        query: NDArray[np.float32],
        out: NDArray[np.float32],
    ) -> None: ...
    def multiply_pairs(
        self, left: NDArray[np.float32], right: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None: ...
    def multiply_table(
        self, left: NDArray[np.float32], right: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None: ...
    def nearest(
        self,
        rows: NDArray[np.generic],  # of float32, float16 or int8
        scales: NDArray[np.float32] | None,
        query: NDArray[np.float32],
        allowed: NDArray[np.bool_],
        count: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]: ...

def checksum(data: NDArray[np.uint8], threads: int) -> int: ...
def choose_isa(name: str) -> str: ...
