"""Attention within each text of a batch that lies end to end, on whatever torch runs on.

Nothing is padded. On CUDA one call of FlashAttention covers texts of any lengths, where this torch has it and
it gives what the other way gives; everywhere else texts of the same length are attended together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from numpy.typing import NDArray

# What a working kernel may differ from the other way, in bfloat16.
_TOLERANCE = 0.02
_PROBE_LENGTHS = (5, 1, 9)


@dataclass(frozen=True)
class Ragged:
    """Where texts lie in the rows of a batch; the shortest come first.

    Attributes:
        lengths: Tokens of each text, ascending, shape (n,).
        offsets: Where each begins, and the end of the last, on the device, shape (n + 1,).
        positions: The place of each token in its text, on the device, shape (total,).
    """

    lengths: NDArray[np.int64]
    offsets: torch.Tensor
    positions: torch.Tensor

    def groups(self) -> list[tuple[int, int, int]]:
        """Give first row, number of texts and length of each run of texts of one length."""
        distinct, counts = np.unique(self.lengths, return_counts=True)
        found, row = [], 0
        for length, count in zip(distinct.tolist(), counts.tolist(), strict=True):
            found.append((row, count, length))
            row += count * length
        return found


def ragged(lengths: NDArray[np.int64], device: torch.device) -> Ragged:
    """Lay out texts of these lengths, which ascend."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    positions = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    return Ragged(
        lengths,
        torch.from_numpy(offsets.astype(np.int32)).to(device),
        torch.from_numpy(positions).to(device),
    )


class Attention:
    """Attention of one kind of network.

    Args:
        causal: Whether a token sees only itself and what comes before it.
        window: A token sees at most this many tokens, itself included; 0 for all.
        heads: Query heads, and
        key_value_heads: how many key and value heads they share.
        head_size: Width of a head.
        device: Where it runs.
        dtype: In what.
    """

    def __init__(
        self,
        *,
        causal: bool,
        window: int,
        heads: int,
        key_value_heads: int,
        head_size: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._causal = causal
        self._window = window
        self._shared_by = heads // key_value_heads
        self._varlen: Any = None
        if device.type == "cuda" and dtype == torch.bfloat16 and head_size % 8 == 0 and head_size <= 256:
            self._varlen = _varlen_kernel()
        if self._varlen is not None and not self._kernel_agrees(
            heads, key_value_heads, head_size, device, dtype
        ):
            self._varlen = None

    @property
    def kind(self) -> str:
        """How it is computed: ``"varlen"`` or ``"groups"``."""
        return "groups" if self._varlen is None else "varlen"

    def __call__(
        self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, layout: Ragged
    ) -> torch.Tensor:
        """Attend.

        Args:
            queries: Shape (total, heads, head_size).
            keys: Shape (total, key_value_heads, head_size).
            values: As keys.
            layout: Where the texts lie.

        Returns:
            Shape (total, heads, head_size).
        """
        if self._varlen is None:
            return self._in_groups(queries, keys, values, layout)
        return self._in_one_call(queries, keys, values, layout)

    def _in_one_call(
        self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, layout: Ragged
    ) -> torch.Tensor:
        longest = int(layout.lengths[-1])
        left = self._window - 1 if self._window else -1
        found: torch.Tensor = self._varlen(
            queries.contiguous(),
            keys.contiguous(),
            values.contiguous(),
            layout.offsets,
            layout.offsets,
            longest,
            longest,
            window_size=(left, 0 if self._causal else -1),
            enable_gqa=self._shared_by > 1,
            num_splits=1,  # a text's sums do not depend on the longest beside it
        )
        return found

    def _in_groups(
        self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, layout: Ragged
    ) -> torch.Tensor:
        if self._shared_by > 1:
            keys = keys.repeat_interleave(self._shared_by, dim=1)
            values = values.repeat_interleave(self._shared_by, dim=1)
        out = torch.empty_like(queries)
        for row, count, length in layout.groups():
            rows = slice(row, row + count * length)
            q, k, v = (
                x[rows].view(count, length, *x.shape[1:]).transpose(1, 2) for x in (queries, keys, values)
            )
            mask = self._window_mask(length, queries.device)
            found = F.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=self._causal and mask is None and length > 1
            )
            out[rows] = found.transpose(1, 2).flatten(0, 1)
        return out

    def _window_mask(self, length: int, device: torch.device) -> torch.Tensor | None:
        if not self._window or length <= self._window:
            return None
        place = torch.arange(length, device=device)
        behind = place[:, None] - place[None, :]
        return (behind >= 0) & (behind < self._window)

    def _kernel_agrees(
        self, heads: int, key_value_heads: int, head_size: int, device: torch.device, dtype: torch.dtype
    ) -> bool:
        generator = torch.Generator().manual_seed(0)
        layout = ragged(np.sort(np.array(_PROBE_LENGTHS)), device)
        total = sum(_PROBE_LENGTHS)

        def drawn(count: int) -> torch.Tensor:
            return torch.randn(total, count, head_size, generator=generator).to(device, dtype)

        queries, keys, values = drawn(heads), drawn(key_value_heads), drawn(key_value_heads)
        try:
            found = self._in_one_call(queries, keys, values, layout)
        except (RuntimeError, TypeError, ValueError, NotImplementedError):
            return False  # this GPU or this build has no such kernel
        expected = self._in_groups(queries, keys, values, layout)
        return bool((found.float() - expected.float()).abs().max() <= _TOLERANCE)


def _varlen_kernel() -> Any:
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None  # torch before 2.10
    return varlen_attn
