"""What a report calls its models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from samesay.errors import ComparisonError
from samesay.remote.address import urls_in

_NAMED = re.compile(r"([\w.+-]+)=(.+)")
# An address that names no model yet.
_UNFINISHED = re.compile(r"([\w.+-]+=)?https?://[^#]*", re.IGNORECASE)


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


def names_in(given: str) -> list[str]:
    """Give the models of ``MODEL,MODEL``; several addresses before one ``#`` are replicas of one model."""
    found: list[str] = []
    for part in (one.strip() for one in given.split(",")):
        if found and _UNFINISHED.fullmatch(found[-1]):
            found[-1] += f",{part}"
        elif part:
            found.append(part)
    return found


def _short(name: str) -> str:
    if "://" in name:
        urls, hash_sign, model = name.partition("#")
        return ",".join(map(_without_secrets, urls_in(urls))) + hash_sign + model
    path = Path(name)
    is_path = path.is_absolute() or name.startswith((".", "~")) or path.is_dir()
    return (path.expanduser().resolve().name or name) if is_path else name


def _without_secrets(url: str) -> str:
    # As it is written: whether the address is sound is for the model to say.
    scheme, _, rest = url.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].rstrip('/')}"
