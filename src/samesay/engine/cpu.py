"""Our own engine: a ragged, batch-invariant forward pass in C++ on the processor."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from samesay import _native
from samesay.checkpoint.cache import locked_if_writable
from samesay.checkpoint.fingerprint import digest, weights_hash
from samesay.checkpoint.folder import Checkpoint
from samesay.engine.base import PRECISIONS, Precision
from samesay.engine.packed import PackedKey, read_packed, write_packed
from samesay.engine.sample_texts import sample_tokens
from samesay.engine.tensor_names import require_head_norms, without_prefix
from samesay.errors import CheckpointError, EngineError, PrecisionError, TokenError

_REVISION = "3"
# Of instruction sets whose arithmetic has changed since.
_REVISIONS = {"amx": "4"}
_MOST_THREADS = 1024
_NO_TOKENS: NDArray[np.int32] = np.zeros(0, np.int32)

# An instruction of 24 tokens before a Qwen3-Embedding-0.6B query takes 5.5 MB.
PREFIX_CACHE_BYTES = 64 << 20


def revision_of(instruction_set: str) -> str:
    """Give what changes whenever the arithmetic of an instruction set does."""
    return f"cpu-{_REVISIONS.get(instruction_set, _REVISION)}-{instruction_set}"


class CpuEngine:
    """The engine of one checkpoint.

    Args:
        checkpoint: The model.
        precision: How weights and activations are held.
        threads: Threads to compute on; by default one a core that this process may use.
        prefix_cache_bytes: Memory for what texts with the same instruction share; 0 for none.

    Raises:
        CheckpointError: When a tensor is missing, has another shape than the config says, or is not finite.
        PrecisionError: For a precision that this engine lacks.
        EngineError: For a number of threads or an instruction set that cannot be.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        precision: Precision = "int8",
        threads: int | None = None,
        prefix_cache_bytes: int = PREFIX_CACHE_BYTES,
    ) -> None:
        if precision not in PRECISIONS:
            raise PrecisionError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
        self.precision: Precision = precision
        self.instruction_set = chosen_instruction_set()
        self.threads = checked_threads(threads)
        self._settings = _settings(checkpoint, self.threads, prefix_cache_bytes)
        self._kind = "decoder" if checkpoint.architecture.family.is_decoder else "encoder"
        self._sample: tuple[NDArray[np.int32], NDArray[np.int64]] = (_NO_TOKENS, np.zeros(1, np.int64))
        self._model = self._load(checkpoint)

    def _load(self, checkpoint: Checkpoint) -> _native.Model:
        if self.precision == "fp32":
            # The reference keeps the checkpoint's own values; packing them takes a copy, not a computation.
            return self._pack(checkpoint)
        self._sample = sample_tokens(checkpoint)
        key = PackedKey(
            weights=weights_hash(checkpoint),
            architecture=_digest_of(self._settings, self._sample[0]),
            precision=self.precision,
            instruction_set=self.instruction_set,
        )
        model = self._map(key)
        if model is not None:
            return model
        with locked_if_writable(key.path):
            model = self._map(key)  # another process may have packed it meanwhile
            if model is None:
                model = self._pack(checkpoint)
                if write_packed(key, model.sections(), self.threads):
                    # The mapped file is shared with other processes; the memory just packed is not.
                    model = self._map(key) or model
        return model

    def _map(self, key: PackedKey) -> _native.Model | None:
        sections = read_packed(key, self.threads)
        if sections is None:
            return None
        try:
            return _native.Model.from_packed(
                self._kind, self._settings, self.precision, self.instruction_set, sections
            )
        except _native.CheckpointFault:
            return None

    def _pack(self, checkpoint: Checkpoint) -> _native.Model:
        named = without_prefix(checkpoint.weights, checkpoint.architecture.family)
        require_head_norms(named, checkpoint.architecture)
        tensors = {name: (tensor.kind, tensor.data) for name, tensor in named.items()}
        try:
            return _native.Model.from_tensors(
                self._kind, self._settings, self.precision, self.instruction_set, tensors, *self._sample
            )
        except _native.CheckpointFault as error:
            raise CheckpointError(f"{checkpoint.folder}: {error}") from None
        except _native.EngineFault as error:
            raise EngineError(str(error)) from None
        except MemoryError:
            raise EngineError(f"{checkpoint.folder} needs more memory than this machine has") from None

    @property
    def phases(self) -> dict[str, float]:
        """Milliseconds of the last pass by phase, as the calling thread saw them."""
        return self._model.phases

    @property
    def prefix_hits(self) -> int:
        """Sequences so far whose prefix was taken from memory."""
        return self._model.prefix_hits

    @property
    def revision(self) -> str:
        """Changes whenever the same token ids give other bits."""
        return revision_of(self.instruction_set)

    def embed(
        self,
        token_ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        dimensions: int,
        prefix: NDArray[np.int32] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> NDArray[np.float32]:
        """Give one vector a sequence; see ``Engine.embed``."""
        out = np.empty((len(offsets) - 1, dimensions), np.float32)
        try:
            shared = _NO_TOKENS if prefix is None else prefix
            self._model.forward(token_ids, offsets, shared, out, progress)
        except _native.TokenFault as error:
            raise TokenError(str(error)) from None
        except _native.EngineFault as error:
            raise EngineError(str(error)) from None
        return out


def _settings(checkpoint: Checkpoint, threads: int, prefix_cache_bytes: int) -> dict[str, int | float | str]:
    architecture = checkpoint.architecture
    return {
        "hidden_size": architecture.hidden_size,
        "layers": architecture.layers,
        "heads": architecture.heads,
        "key_value_heads": architecture.key_value_heads,
        "head_size": architecture.head_size,
        "intermediate_size": architecture.intermediate_size,
        "vocabulary_size": architecture.vocabulary_size,
        "positions": architecture.positions,
        "position_offset": architecture.position_offset,
        "token_types": architecture.token_types,
        "sliding_window": architecture.sliding_window,
        "norm_epsilon": architecture.norm_epsilon,
        "rope_theta": architecture.rope_theta,
        "pooling": checkpoint.pooling.value,
        "threads": threads,
        "prefix_cache_bytes": prefix_cache_bytes,
    }


# Settings that change nothing in packed memory.
_NOT_PACKED = ("threads", "pooling", "prefix_cache_bytes")


def _digest_of(settings: dict[str, int | float | str], sample: NDArray[np.int32]) -> str:
    packed = {key: value for key, value in settings.items() if key not in _NOT_PACKED}
    return digest([packed, sample.tolist()])


def chosen_instruction_set() -> str:
    """Give the best instruction set of this machine, or the one that ``SAMESAY_ISA`` names.

    Raises:
        EngineError: It is none, or the machine has it not.
    """
    try:
        return _native.choose_isa(os.environ.get("SAMESAY_ISA", ""))
    except ValueError as error:
        raise EngineError(f"SAMESAY_ISA: {error}") from None


def checked_threads(threads: int | None) -> int:
    """Give the number of threads to compute on: by default one a core that this process may use.

    Raises:
        EngineError: It is no number of threads.
    """
    if threads is None:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= _MOST_THREADS:
        raise EngineError(f"threads must be a whole number from 1 to {_MOST_THREADS}, not {threads!r}")
    return threads
