"""samesay: do these sentences say the same thing?"""

from typing import TYPE_CHECKING

from samesay.errors import SamesayError

if TYPE_CHECKING:
    from samesay.identity import Identity
    from samesay.model import EmbeddingModel, load
    from samesay.tokens import TokenizedTexts

__version__ = "0.1.0"
__all__ = ["EmbeddingModel", "Identity", "SamesayError", "TokenizedTexts", "__version__", "load"]

_HOMES = {
    "EmbeddingModel": "samesay.model",
    "Identity": "samesay.identity",
    "TokenizedTexts": "samesay.tokens",
    "load": "samesay.model",
}


def __getattr__(name: str) -> object:
    # On first use, so that importing samesay for its version or its errors costs nothing.
    if name not in _HOMES:
        raise AttributeError(f"module 'samesay' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
