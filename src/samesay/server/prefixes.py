"""What many texts begin with, so that the engine computes it once."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from samesay.checkpoint.pooling import Pooling
from samesay.model import EmbeddingModel

_REMEMBERED = 64
# Longer beginnings are hardly instructions, and the engine would forget them soon.
_LONGEST = 4096
_INSTRUCTION, _QUERY = "Instruct: ", "\nQuery:"


def instruction_in(text: str) -> str:
    """Give the beginning of a text up to ``Query:``, if it brings an instruction of its own; else nothing."""
    if not text.startswith(_INSTRUCTION):
        return ""
    end = text.find(_QUERY, len(_INSTRUCTION) + 1)
    return text[: end + len(_QUERY)] if end > 0 else ""


class Prefixes:
    """The prefixes that texts of one model came with lately.

    A prefix is shared from the second request on that brings it: one of a kind would only split batches.

    Args:
        model: The model.
    """

    def __init__(self, model: EmbeddingModel) -> None:
        self._tokenizer = model.checkpoint.tokenizer
        # Only there does the engine keep anything: elsewhere a prefix depends on what follows it.
        self._useful = (
            model.checkpoint.architecture.family.is_decoder and model.checkpoint.pooling is Pooling.LAST
        )
        self._known: OrderedDict[str, NDArray[np.int32] | None] = OrderedDict()
        self._lock = Lock()

    def token_ids(self, prefix: str) -> NDArray[np.int32] | None:
        """Give the ids of a prefix, or None where sharing it is of no use."""
        if not self._useful or not prefix or len(prefix) > _LONGEST:
            return None
        with self._lock:
            first_time = prefix not in self._known
            ids = self._known.pop(prefix, None)
            if ids is None and not first_time:
                ids = np.array(self._tokenizer.encode_prefix(prefix), np.int32)
            self._known[prefix] = ids
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return ids
