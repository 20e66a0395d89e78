"""Going over to another model or other settings: built beside what there is, and switched to at once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from samesay.collection.build import Build
from samesay.collection.catalogue import Catalogue
from samesay.collection.checking import check
from samesay.collection.compacting import compact
from samesay.collection.document import Document
from samesay.collection.manifest import Manifest, manifest_of, read_manifest, write_manifest
from samesay.collection.segmenting import Encoder
from samesay.collection.writing import Adding, AddReport, Progress
from samesay.errors import CollectionError, DamagedCollectionError


def upgrade(
    folder: Path | None, old: Build, wanted: Manifest, encoder: Encoder, progress: Progress | None
) -> tuple[Build, AddReport]:
    """Embed all documents anew, and make the result the collection.

    Until the manifest is renamed, the old build is the collection, and nothing of it is changed. What an
    interrupted upgrade to the same settings has done is kept and gone on from.

    Args:
        folder: The collection.
        old: What it is now.
        wanted: What it shall be; its ``build`` is not looked at.
        encoder: How documents become vectors then.
        progress: As for ``Collection.add``.

    Returns:
        The new build, and what was done for it.
    """
    old.check_replaceable()
    manifest = replace(wanted, build=_begun(folder, wanted) or f"build-{secrets.token_hex(6)}")
    build = Build(folder, manifest, create=True, complete=False)
    try:
        _check_begun(build)
        adding = Adding(build, encoder)
        report = adding.run(_Documents(old), prune=True, progress=progress)
        compact(build)
        _verify(build)
        with build.catalogue.writing():
            build.catalogue.set_counter("complete", 1)
        if folder is not None:
            write_manifest(folder, manifest)
    except BaseException:
        build.close()
        raise
    return build, report


def repair_manifest(folder: Path) -> Manifest:
    """Write the manifest anew from the copy that the catalogue keeps.

    Raises:
        DamagedCollectionError: There is not exactly one whole build.
    """
    found, unread = [], ""
    for path in sorted(folder.glob("build-*/catalogue.sqlite")):
        try:
            catalogue = Catalogue(path)
            try:
                with catalogue.reading():
                    if catalogue.counter("complete"):
                        found.append(manifest_of(catalogue.about(), path))
            finally:
                catalogue.close()
        except DamagedCollectionError as error:
            # The creation or the upgrade that began it was killed, or it is beyond help.
            unread = f" ({error})"
    if len(found) != 1:
        raise DamagedCollectionError(
            f"{folder} has {len(found)} whole builds, so that its manifest cannot be made anew; "
            f"index it again{unread}"
        )
    write_manifest(folder, found[0])
    return found[0]


def _check_begun(build: Build) -> None:
    try:
        _ = build.segments, build.documents
    except DamagedCollectionError as error:
        raise _damaged(build, str(error)) from None


def _verify(build: Build) -> None:
    problems = check(build, 0).problems
    if problems:
        raise _damaged(build, problems[0])


def _damaged(build: Build, problem: str) -> CollectionError:
    build.remove()
    return CollectionError(
        f"what an earlier upgrade had begun was damaged ({problem}) and is removed; upgrade again"
    )


class _Documents:
    """The documents of a build, a block at a time; as many as ``len`` says."""

    def __init__(self, build: Build) -> None:
        self._catalogue = build.catalogue
        with self._catalogue.reading():
            self._count = self._catalogue.count("documents")

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Document | Mapping[str, object]]:
        last = -1
        while True:
            with self._catalogue.reading():
                stored = self._catalogue.all_documents(after=last)
                documents = [self._catalogue.restored(one) for one in stored]
            if not stored:
                return
            yield from documents
            last = stored[-1].number


def _begun(folder: Path | None, wanted: Manifest) -> str | None:
    """Give the name of the build that an interrupted upgrade to the same settings has left."""
    if folder is None:
        return None
    current = read_manifest(folder)
    for path in sorted(folder.glob("build-*/catalogue.sqlite")):
        if current is not None and path.parent.name == current.build:
            continue
        try:
            catalogue = Catalogue(path)
            try:
                with catalogue.reading():
                    left = manifest_of(catalogue.about(), path)
            finally:
                catalogue.close()
        except CollectionError:
            continue
        if left == replace(wanted, build=left.build) and left.build == path.parent.name:
            return left.build
    return None
