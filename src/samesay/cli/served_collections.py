"""The collections of ``samesay serve``, and the models that they need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samesay.errors import ServerError
from samesay.server.plans import CollectionPlan


def collection_plans(given: Sequence[str]) -> list[CollectionPlan]:
    """Read ``NAME=FOLDER``, or a folder whose name is the collection's.

    Raises:
        ServerError: For what is neither.
    """
    plans = []
    for text in given:
        name, equals, folder = text.partition("=")
        # A folder may have the sign in its name; one that is there is meant as it stands.
        if not equals or Path(text).is_dir():
            name, folder = Path(text).resolve().name, text
        if not name or not folder:
            raise ServerError(f"--collection takes a folder or NAME=FOLDER, not {text!r}")
        plans.append(CollectionPlan(name, Path(folder)))
    return plans


def models_of(plans: Sequence[CollectionPlan]) -> list[tuple[str, str]]:
    """Give the models that made collections, each once, with their precisions.

    Raises:
        CollectionError: A folder is no collection, or cannot be read.
    """
    from samesay.collection.manifest import read_manifest
    from samesay.collection.opening import none_here

    found: dict[str, tuple[str, str]] = {}
    for plan in plans:
        manifest = read_manifest(plan.folder)
        if manifest is None:
            raise none_here(plan.folder)
        identity = manifest.identity
        found.setdefault(identity.model + identity.precision, (manifest.reference, identity.precision))
    return list(found.values())
