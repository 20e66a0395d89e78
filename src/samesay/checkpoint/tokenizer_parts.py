"""What the parts of a tokenizer are, as its file has them."""

from __future__ import annotations

import json
from typing import Any

# Post-processors that put the same tokens around every text, and do nothing else.
TEMPLATES = ("TemplateProcessing", "BertProcessing", "RobertaProcessing")


def state_of(part: Any) -> Any:
    """Give a part, without the vocabulary, as the JSON that the library pickles; None for none."""
    return None if part is None else json.loads(part.__getstate__())
