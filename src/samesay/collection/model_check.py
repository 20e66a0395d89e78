"""Whether a model gives the vectors of a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from samesay.collection.manifest import Manifest
from samesay.errors import DimensionsError, IdentityMismatchError

if TYPE_CHECKING:
    from samesay.collection.shared.address import SharedAddress
    from samesay.identity import Identity
    from samesay.text_model import TextModel


def identity_for(model: TextModel, manifest: Manifest) -> Identity:
    """Give the identity of a model at the collection's width, or at its own where it cannot be cut to it."""
    try:
        return model.identity_at(manifest.dimensions)
    except DimensionsError:
        return model.identity


def fits(model: TextModel, manifest: Manifest) -> bool:
    """Say whether a model gives the vectors of a collection."""
    return identity_for(model, manifest).fingerprint == manifest.identity.fingerprint


def check_identity(model: TextModel, manifest: Manifest, folder: Path | SharedAddress | None) -> None:
    """Refuse a model that gives other vectors than those of the collection.

    Raises:
        IdentityMismatchError: Both are named.
    """
    if fits(model, manifest):
        return
    raise IdentityMismatchError(
        f"{folder or 'the collection in memory'} was made with {manifest.identity}; "
        f"the model given is {identity_for(model, manifest)}. Use that model, or go over to this one: "
        f"samesay collection upgrade {folder or ''} --model {model.name}"
    )
