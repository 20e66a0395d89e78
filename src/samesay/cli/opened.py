"""A collection for a command, with its model."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from samesay.cli.output import say

if TYPE_CHECKING:
    from samesay.collection.collection import Collection
    from samesay.collection.manifest import Manifest
    from samesay.text_model import TextModel


def opened(folder: Path, threads: int | None = None) -> Collection:
    """Open a collection that exists; its model is loaded when it is needed."""
    from samesay.collection.opening import open_existing

    return open_existing(folder, lambda manifest: model_of(manifest, threads))


def name_of(folder: Path) -> str:
    """Give what a collection is called: its folder, or its address with both slashes."""
    from samesay.collection.shared.address import shared_address

    return str(shared_address(folder) or folder)


def model_of(manifest: Manifest, threads: int | None, named: str | None = None) -> TextModel:
    """Load the model of a collection, or another as that one was; its store's library comes up meanwhile."""
    from samesay.model import load_as

    if manifest.store == "lance":
        Thread(target=_import_lancedb, daemon=True).start()
    return load_as(named or manifest.reference, manifest.identity, threads=threads, notice=say)


def _import_lancedb() -> None:
    try:
        import lancedb  # noqa: F401
    except ImportError:
        return  # the store tells it, with the mend
