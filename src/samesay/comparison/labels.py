"""What a report calls its models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from samesay.errors import ComparisonError

_NAMED = re.compile(r"([\w.+-]+)=(.+)")


def labelled(names: Sequence[str]) -> dict[str, str]:
    """Give the models by labels: the one given in ``LABEL=MODEL``, else a short name.

    A short name tells neither the folders above a model nor a password in an address.

    Raises:
        ComparisonError: There is no model, or one is named twice.
    """
    if not names:
        raise ComparisonError("there is no model to compare; name some with --models")
    found: dict[str, str] = {}
    for name in names:
        match = None if Path(name).exists() else _NAMED.fullmatch(name)
        label, model = (match[1], match[2]) if match else (_short(name), name)
        if model in found.values() or (match and label in found):
            raise ComparisonError(f"{label} is named twice")
        same = sum(one == label or one.startswith(f"{label} (") for one in found)
        found[f"{label} ({same + 1})" if same else label] = model
    return found


def _short(name: str) -> str:
    if "://" in name:
        parts = urlsplit(name)
        port = f":{parts.port}" if parts.port else ""
        named = f"#{parts.fragment}" if parts.fragment else ""
        return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path.rstrip('/')}{named}"
    path = Path(name)
    is_path = path.is_absolute() or name.startswith((".", "~")) or path.is_dir()
    return (path.expanduser().resolve().name or name) if is_path else name
