"""How token states become one vector: ``modules.json`` and ``1_Pooling/config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from samesay.checkpoint.architecture import Family
from samesay.checkpoint.jsonfile import read_json
from samesay.errors import CheckpointError, UnsupportedModelError


class Pooling(str, Enum):
    """Which token states make the vector of a text."""

    CLS = "cls"
    MEAN = "mean"
    LAST = "last"


# The keys of sentence-transformers' pooling config up to version 5, and the values of its later single key.
_MODES = {
    "pooling_mode_cls_token": Pooling.CLS,
    "pooling_mode_mean_tokens": Pooling.MEAN,
    "pooling_mode_lasttoken": Pooling.LAST,
    "cls": Pooling.CLS,
    "mean": Pooling.MEAN,
    "lasttoken": Pooling.LAST,
}


def read_pooling(folder: Path, family: Family) -> Pooling:
    """Read the pooling of a sentence-transformers folder; without one, the family's usual.

    Raises:
        UnsupportedModelError: For a pooling or a further module (such as a dense layer) that samesay lacks.
    """
    modules = folder / "modules.json"
    if not modules.is_file():
        # A bare transformers folder: decoders pool the last token, encoders average.
        return Pooling.LAST if family.is_decoder else Pooling.MEAN
    pooling: Pooling | None = None
    entries = read_json(modules, list)
    for entry in entries:
        if not isinstance(entry, dict):
            raise CheckpointError(f"{modules} does not list modules")
        kind = str(entry.get("type", "")).rpartition(".")[2]
        if kind == "Pooling":
            pooling = _read_config(folder / str(entry.get("path", "")) / "config.json")
        elif kind not in ("Transformer", "Normalize"):
            raise UnsupportedModelError(
                f"{modules} has a module {entry.get('type')!r}; "
                "samesay runs Transformer, Pooling and Normalize"
            )
    if pooling is None:
        raise UnsupportedModelError(
            f"{modules} has no Pooling module: this model does not give one vector a text"
        )
    return pooling


def _read_config(path: Path) -> Pooling:
    config: Mapping[str, Any] = read_json(path, dict)
    chosen = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    single = config.get("pooling_mode")
    if single is not None:
        chosen = [str(mode) for mode in single] if isinstance(single, list) else [str(single)]
    if len(chosen) != 1 or chosen[0] not in _MODES:
        named = " + ".join(sorted(chosen)) or "none"
        raise UnsupportedModelError(f"{path} asks for pooling {named}; samesay runs cls, mean and last token")
    pooling = _MODES[chosen[0]]
    if pooling is Pooling.MEAN and config.get("include_prompt", True) is False:
        raise UnsupportedModelError(f"{path} leaves the prompt out of the mean, which samesay does not do")
    return pooling
