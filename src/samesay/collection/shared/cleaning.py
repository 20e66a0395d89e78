"""Removing from a bucket what only versions need that nobody reads any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from samesay.collection.shared.address import SharedAddress
from samesay.collection.shared.blocks import FOLDER as BLOCKS
from samesay.collection.shared.build import SharedBuild
from samesay.collection.shared.objects import Objects, StoredObject, number_of
from samesay.collection.shared.version import FOLDER as VERSIONS
from samesay.collection.shared.version import Version, read_version

# A search that began in a version may take so long after the next one came.
GRACE = timedelta(minutes=10)


def clean(objects: Objects, address: SharedAddress, build: SharedBuild, grace: timedelta = GRACE) -> None:
    """Remove versions that were replaced long ago, and what none of the others names; for the writer.

    Args:
        objects: The objects of the collection.
        address: The collection.
        build: The version that was committed last.
        grace: How long a version is kept after the next one came, by the server's clock.
    """
    newest_first = list(objects.listed(VERSIONS))
    kept = _kept(newest_first, grace)
    # The oldest go first: what an interrupt leaves is without a gap.
    objects.remove([one.name for one in reversed(newest_first[len(kept) :])])
    versions = [read_version(objects, number_of(one.name), address) for one in kept]
    there = [version for version in versions if version is not None]
    _remove_blocks(objects, there, newest_first[0].written - grace)
    for table in build.tables():
        states = [version.segments if table.name == "segments" else version.documents for version in there]
        table.clean(min(state.version for state in states))
        table.compacted = False


def _kept(newest_first: list[StoredObject], grace: timedelta) -> list[StoredObject]:
    """Give the newest version and those that were replaced within the grace."""
    now = newest_first[0].written
    kept = newest_first[:1]
    for newer, one in pairwise(newest_first):
        if now - newer.written > grace:
            break
        kept.append(one)
    return kept


def _remove_blocks(objects: Objects, versions: list[Version], before: datetime) -> None:
    named = {f"{BLOCKS}/{name}" for version in versions for name in version.catalogue.names}
    objects.remove(
        [one.name for one in objects.listed(BLOCKS) if one.name not in named and one.written <= before]
    )
