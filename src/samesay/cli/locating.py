"""Which text of a file a model refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from samesay.cli.options import PairSettings
from samesay.errors import TextError
from samesay.textfiles import at_place

if TYPE_CHECKING:
    from samesay.text_model import TextModel


def located(
    error: TextError, model: TextModel, texts: Iterable[tuple[str, str]], settings: PairSettings
) -> TextError:
    """Give the error with the place of the first text that causes one.

    Args:
        error: What the model raised for the texts together.
        model: The model.
        texts: Places, such as ``notes.txt, line 7``, and texts.
        settings: What the model was called with.
    """
    prefixes = sorted(set(model.prompts.pair_prefixes(settings.mode, settings.task)))
    for place, text in texts:
        for prefix in prefixes:
            try:
                model.check([prefix + text], overlength=settings.overlength)
            except TextError as single:
                return at_place(single, place)
    return error
