"""The engine on torch: CUDA, MPS, and the processor to compare with. Needs the extra ``torch``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from samesay.checkpoint.folder import Checkpoint
from samesay.checkpoint.pooling import Pooling
from samesay.engine.base import Precision
from samesay.engine.torch_attention import ragged
from samesay.engine.torch_network import make_network, pooled_rows
from samesay.errors import EngineError, PrecisionError, TokenError

_REVISION = "1"
_TYPES: dict[Precision, torch.dtype] = {"bf16": torch.bfloat16, "fp32": torch.float32}


class TorchEngine:
    """The engine of one checkpoint on a device of torch.

    A vector depends on its own text but for rounding: matrix products of torch add in an order that may
    depend on how many rows there are.

    Args:
        checkpoint: The model.
        device: A device of torch.
        precision: ``"bf16"`` or ``"fp32"``; by default bf16 on a GPU and fp32 on the processor.

    Raises:
        EngineError: When torch has no such device, or it has not memory enough.
        PrecisionError: For a precision that this engine lacks.
        CheckpointError: When a tensor is missing, has another shape than the config says, or is not finite.
    """

    def __init__(self, checkpoint: Checkpoint, device: str, precision: Precision | None = None) -> None:
        self.device = _device(device)
        if precision is None:
            precision = "fp32" if self.device.type == "cpu" else "bf16"
        if precision not in _TYPES:
            raise PrecisionError(f"with torch precision must be {' or '.join(_TYPES)}, not {precision!r}")
        self.precision: Precision = precision
        self._pooling = checkpoint.pooling
        self._limit = checkpoint.architecture.positions
        self._vocabulary = checkpoint.architecture.vocabulary_size
        # Lowered where the device has no memory for as many.
        self._most_tokens: int | None = None
        with torch.inference_mode():
            try:
                self._network = make_network(checkpoint, self.device, _TYPES[precision])
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                raise EngineError(f"{checkpoint.folder} needs more memory than {self.device} has") from None

    def __repr__(self) -> str:
        return f"TorchEngine({str(self.device)!r}, {self.precision}, attention {self.attention})"

    @property
    def attention(self) -> str:
        """How texts of different lengths are attended: ``"varlen"`` or ``"groups"``."""
        return self._network.attention.kind

    @property
    def revision(self) -> str:
        """Names the arithmetic and the kind of device; two machines agree within the precision only."""
        return f"torch-{_REVISION}-{self.device.type}"

    def embed(
        self,
        token_ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        dimensions: int,
        prefix: NDArray[np.int32] | None = None,  # noqa: ARG002 - nothing is kept
        progress: Callable[[float], object] | None = None,
    ) -> NDArray[np.float32]:
        """Give one vector a sequence; see ``Engine.embed``. Where memory is short, fewer go together.

        Raises:
            EngineError: When the device has no memory for a single text.
            TokenError: As for ``Engine.embed``.
        """
        lengths = np.diff(offsets)
        self._check(token_ids, lengths)
        order = np.argsort(lengths, kind="stable")
        vectors = np.empty((len(lengths), dimensions), np.float32)
        waiting = [order]
        done = 0
        while waiting:
            part = waiting.pop()
            size = int(lengths[part].sum())
            if self._most_tokens is not None and size > self._most_tokens and len(part) > 1:
                waiting += _halves(part)
                continue

            def pulse(share: float, begin: int = done, size: int = size) -> None:
                if progress:
                    progress((begin + share * size) / max(len(token_ids), 1))

            try:
                vectors[part] = self._pass(token_ids, offsets, lengths, part, dimensions, pulse)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise EngineError(
                        f"{self.device} has no memory for a text of {size} tokens; split it"
                    ) from None
                self._most_tokens = max(size // 2, 1)
                waiting += _halves(part)
            else:
                done += size
                continue
            # Outside of the handler: there the traceback still holds what the pass had.
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        return vectors

    def _check(self, token_ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> None:
        if lengths.min(initial=1) < 1:
            raise TokenError(f"sequence {int(lengths.argmin())} has no tokens")
        if lengths.max(initial=0) > self._limit:
            raise TokenError(f"a sequence has {int(lengths.max())} tokens; the network reads {self._limit}")
        if len(token_ids) and not 0 <= token_ids.min() <= token_ids.max() < self._vocabulary:
            raise TokenError(f"token ids must be 0 to {self._vocabulary - 1}")

    def _pass(
        self,
        token_ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        lengths: NDArray[np.int64],
        part: NDArray[np.int64],
        dimensions: int,
        pulse: Callable[[float], object],
    ) -> NDArray[np.float32]:
        ids = np.concatenate([token_ids[offsets[i] : offsets[i + 1]] for i in part])
        layout = ragged(lengths[part], self.device)
        rows = pooled_rows(self._pooling, layout)
        with torch.inference_mode():
            states = self._network.states(
                torch.from_numpy(ids.astype(np.int64)).to(self.device), layout, rows, pulse
            )
            if self._pooling is Pooling.MEAN:
                states = torch.stack(
                    [text.mean(dim=0) for text in torch.split(states, layout.lengths.tolist())]
                )
            cut = states[:, :dimensions]
            unit = cut / torch.linalg.vector_norm(cut, dim=1, keepdim=True)
        found: NDArray[np.float32] = unit.cpu().numpy()
        return found


def _halves(part: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    # They are taken from the end, so the half with the longer texts is next.
    half = len(part) // 2
    return [part[:half], part[half:]]


def _is_out_of_memory(error: Exception) -> bool:
    # MPS, and the processor's allocator, say it in words only.
    if isinstance(error, torch.OutOfMemoryError):
        return True
    words = str(error).lower()
    return "out of memory" in words or "can't allocate memory" in words


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        raise EngineError(f"torch knows no device {name!r}") from None
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device.type == "xpu":
        present["xpu"] = torch.xpu.is_available()
    if not present.get(device.type, False):
        raise EngineError(f"this torch ({torch.__version__}) finds no device {device.type!r} here")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise EngineError(f"there is no {name}: torch finds {torch.cuda.device_count()} CUDA devices")
    return device
