"""Whether replicas serve the same model, seen by the vectors that they give to the same texts."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samesay.remote.answer import read_answer, unit_rows

# In two scripts and of several lengths, so that another tokenizer shows as well as other weights.
_TEXTS = ("The cat is asleep on the sofa.", "Refund?", "我的包裹到哪儿了？")

Rows = NDArray[np.float32]


def probe_body(model: str) -> bytes:
    """Give the request that every replica is to answer alike; it uses nothing that a server may not know."""
    return json.dumps({"model": model, "input": _TEXTS}, ensure_ascii=False).encode()


def read_probe(content: bytes) -> Rows:
    """Read the answer to it, shape (texts, width).

    Raises:
        RemoteAnswerError: When it is no answer.
    """
    return unit_rows(read_answer(content, len(_TEXTS)).vectors)


def difference(one: Rows, other: Rows, agreement: float) -> str | None:
    """Say in words how two answers to the probe differ, or None where they agree.

    Args:
        one: The first answer.
        other: The second.
        agreement: Cosine that every text's vectors have at least.
    """
    if one.shape[1] != other.shape[1]:
        return f"vectors of {one.shape[1]} dimensions instead of {other.shape[1]}"
    least = float(np.einsum("nd,nd->n", one.astype(np.float64), other.astype(np.float64)).min())
    if least >= agreement:
        return None
    return f"vectors with a cosine of {least:.4f} to those of the same text; {agreement:g} is asked for"


def largest_group(answers: Sequence[Rows], agreement: float) -> list[int]:
    """Give the numbers of those that agree with one of them, for the one with which most do."""
    groups = [
        [number for number, other in enumerate(answers) if difference(other, one, agreement) is None]
        for one in answers
    ]
    return max(groups, key=len, default=[])
