"""The model of a collection: loaded at first use, and another after an upgrade."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from samesay.collection.manifest import Manifest
from samesay.collection.model_check import check_identity

if TYPE_CHECKING:
    from samesay.text_model import TextModel

ModelLoader = Callable[[Manifest], "TextModel"]


class HeldModel:
    """The model that a build was made with, by the build's identity. Safe to use from several threads.

    Args:
        folder: The collection's folder, for messages; None where it is in memory.
        load: Loads the model of a manifest.
    """

    def __init__(self, folder: Path | None, load: ModelLoader) -> None:
        self._folder = folder
        self._load = load
        self._known: dict[str, TextModel] = {}
        self._lock = RLock()

    def of(self, manifest: Manifest) -> TextModel:
        """Give the model of a build.

        Raises:
            ModelNotFoundError: It is not on this machine.
            IdentityMismatchError: What is found under its name gives other vectors.
        """
        fingerprint = manifest.identity.fingerprint
        with self._lock:
            if fingerprint not in self._known:
                model = self._load(manifest)
                check_identity(model, manifest, self._folder)
                self._known[fingerprint] = model
            return self._known[fingerprint]

    def know(self, model: TextModel, manifest: Manifest) -> None:
        """Keep the model of a build that the collection is about to go over to; the one before stays."""
        with self._lock:
            self._known[manifest.identity.fingerprint] = model

    def keep_only(self, manifest: Manifest) -> None:
        """Let go of the models of all builds but this one."""
        fingerprint = manifest.identity.fingerprint
        with self._lock:
            self._known = {name: model for name, model in self._known.items() if name == fingerprint}
