"""Similarities of texts by any model, and what all models share on the way."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from samesay.engine.row_products import pair_products, table_products
from samesay.errors import TextError, TruncationWarning

if TYPE_CHECKING:
    from samesay.checkpoint.prompts import PairMode
    from samesay.text_model import Overlength, TextModel


def pair_similarity(
    model: TextModel,
    left: str | Sequence[str],
    right: str | Sequence[str],
    mode: PairMode,
    task: str | None,
    dimensions: int | None,
    overlength: Overlength,
) -> NDArray[np.float32]:
    """Give the cosine of each pair (left[i], right[i]), shape (n,); see ``TextModel.similarity``.

    Raises:
        TextError: When the sides differ in number.
    """
    left, right = as_list(left), as_list(right)
    if len(left) != len(right):
        raise TextError(f"pairs need as many texts on each side; there are {len(left)} and {len(right)}")
    a, b, cut = _sides(model, left, right, mode, task, dimensions, overlength)
    warn_of_cuts(cut, model.max_tokens, calls=2)
    scores = pair_products(a, b)
    return scores.clip(-1, 1, out=scores)


def all_similarities(
    model: TextModel,
    left: Sequence[str],
    right: Sequence[str] | None,
    mode: PairMode,
    task: str | None,
    dimensions: int | None,
    overlength: Overlength,
) -> NDArray[np.float32]:
    """Give the cosine of every left text with every right one; see ``TextModel.similarity_matrix``."""
    left = as_list(left)
    other = left if right is None else as_list(right)
    a, b, cut = _sides(model, left, other, mode, task, dimensions, overlength)
    warn_of_cuts(cut, model.max_tokens, calls=2)
    scores = table_products(a, b)
    return scores.clip(-1, 1, out=scores)


def as_list(texts: str | Sequence[str]) -> list[str]:
    """Give a list of one text or several.

    Raises:
        TextError: For what is neither a string nor a sequence.
    """
    try:
        return [texts] if isinstance(texts, str) else list(texts)
    except TypeError:
        raise TextError(f"texts must be a string or strings, not {type(texts).__name__}") from None


def warn_of_cuts(cut: NDArray[np.int64], limit: int, calls: int = 1) -> None:
    """Warn where texts were cut.

    Args:
        cut: The tokens lost of each text.
        limit: What the model reads.
        calls: How many calls lie between the user's line and the caller of this function.
    """
    texts = int(np.count_nonzero(cut))
    if texts:
        message = f"{texts} of {len(cut)} texts cut to {limit} tokens, {int(cut.sum())} tokens lost"
        warnings.warn(message, TruncationWarning, stacklevel=2 + calls)


def _sides(
    model: TextModel,
    left: list[str],
    right: list[str],
    mode: PairMode,
    task: str | None,
    dimensions: int | None,
    overlength: Overlength,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    left_prefix, right_prefix = model.prompts.pair_prefixes(mode, task)
    a, cut = model.embed_texts(left, left_prefix, dimensions=dimensions, overlength=overlength)
    if left is right and left_prefix == right_prefix:
        return a, a, cut
    b, right_cut = model.embed_texts(right, right_prefix, dimensions=dimensions, overlength=overlength)
    return a, b, np.concatenate([cut, right_cut])
