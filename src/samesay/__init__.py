"""samesay: do these sentences say the same thing?"""

from typing import TYPE_CHECKING

from samesay.errors import SamesayError

if TYPE_CHECKING:
    from samesay.collection.collection import Collection
    from samesay.collection.document import Document
    from samesay.collection.hit import Hit
    from samesay.collection.opening import open_collection as open  # noqa: A004
    from samesay.decision.bands import Decision
    from samesay.decision.calibration import Calibration
    from samesay.decision.deciding import decide
    from samesay.decision.intents.matcher import IntentMatcher
    from samesay.duplicates.aligning import align
    from samesay.duplicates.finding import find_duplicates
    from samesay.identity import Identity
    from samesay.model import EmbeddingModel, load
    from samesay.remote.model import RemoteModel
    from samesay.remote.settings import RemoteSettings
    from samesay.text_model import TextModel
    from samesay.tokens import TokenizedTexts

__version__ = "0.1.0"
__all__ = [
    "Calibration",
    "Collection",
    "Decision",
    "Document",
    "EmbeddingModel",
    "Hit",
    "Identity",
    "IntentMatcher",
    "RemoteModel",
    "RemoteSettings",
    "SamesayError",
    "TextModel",
    "TokenizedTexts",
    "__version__",
    "align",
    "decide",
    "find_duplicates",
    "load",
    "open",
]

_HOMES = {
    "Calibration": "samesay.decision.calibration",
    "Collection": "samesay.collection.collection",
    "Decision": "samesay.decision.bands",
    "Document": "samesay.collection.document",
    "EmbeddingModel": "samesay.model",
    "Hit": "samesay.collection.hit",
    "Identity": "samesay.identity",
    "IntentMatcher": "samesay.decision.intents.matcher",
    "RemoteModel": "samesay.remote.model",
    "RemoteSettings": "samesay.remote.settings",
    "TextModel": "samesay.text_model",
    "TokenizedTexts": "samesay.tokens",
    "align": "samesay.duplicates.aligning",
    "decide": "samesay.decision.deciding",
    "find_duplicates": "samesay.duplicates.finding",
    "load": "samesay.model",
    "open": "samesay.collection.opening",
}
# Inside the package the name of a built-in function is left to it.
_NAMES_THERE = {"open": "open_collection"}


def __getattr__(name: str) -> object:
    # On first use, so that importing samesay for its version or its errors costs nothing.
    if name not in _HOMES:
        raise AttributeError(f"module 'samesay' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), _NAMES_THERE.get(name, name))


def __dir__() -> list[str]:
    return sorted(__all__)
