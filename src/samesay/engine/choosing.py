"""Which engine runs a checkpoint: our own on the processor, or torch on a device that is named."""

from __future__ import annotations

import importlib.util

from samesay.checkpoint.folder import Checkpoint
from samesay.engine.base import Engine, Precision
from samesay.errors import EngineError, MissingExtraError

TORCH = "torch"
# Enough that what threads wait for each other at the end of a pass is little of it.
PROCESSOR_TOKENS = 4096
_GPU_TOKENS = 32_768
_PROCESSOR = "cpu"
_DEVICES = ("cuda", "mps", "xpu")


def make_engine(
    checkpoint: Checkpoint, device: str | None, precision: Precision | None, threads: int | None
) -> Engine:
    """Load a checkpoint into an engine.

    Args:
        checkpoint: The model.
        device: None or ``"cpu"`` for our own engine; ``"cuda"``, ``"cuda:1"``, ``"mps"``, ``"xpu"`` or
            ``"torch:"`` and any device of torch.
        precision: By default int8 on our own engine, and what torch's engine takes by itself.
        threads: Threads of our own engine.

    Raises:
        EngineError: For a device that there is not, or threads with torch.
        MissingExtraError: When torch is not installed.
        SamesayError: As the engine raises it.
    """
    if device in (None, _PROCESSOR):
        from samesay.engine.cpu import CpuEngine

        return CpuEngine(checkpoint, precision="int8" if precision is None else precision, threads=threads)
    check_device(device)
    if threads is not None:
        raise EngineError("threads are for the engine on the processor; torch has its own setting")
    from samesay.engine.torch import TorchEngine

    return TorchEngine(checkpoint, str(device).removeprefix(f"{TORCH}:"), precision)


def check_device(device: str | None) -> None:
    """Refuse what names no device, or one that needs what is not installed; needs no model.

    Raises:
        EngineError: For a name that means nothing.
        MissingExtraError: When torch is not installed.
    """
    if device in (None, _PROCESSOR):
        return
    name = str(device).removeprefix(f"{TORCH}:")
    if name == device and name.partition(":")[0] not in _DEVICES:
        raise EngineError(f"device must be cpu, cuda, cuda:N, mps, xpu or torch:cpu, not {device!r}")
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("computing with torch", TORCH)


def batch_tokens(device: str | None) -> int:
    """Give the tokens that best go through the network together on a device.

    The engine on the processor cuts them into what fits its caches; a GPU has more to fill.
    """
    return PROCESSOR_TOKENS if device in (None, _PROCESSOR, f"{TORCH}:cpu") else _GPU_TOKENS


def device_of(revision: str) -> str | None:
    """Give the device that leads to the engine of that revision, as far as it can be told."""
    parts = revision.split("-")
    if parts[0] != TORCH or len(parts) != 3:
        return None
    return parts[2] if parts[2] in _DEVICES else f"{TORCH}:{parts[2]}"
