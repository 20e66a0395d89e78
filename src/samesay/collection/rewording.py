"""Making full text anew, for another version of the words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from samesay.collection.build import Build
from samesay.collection.catalogue import Catalogue, words
from samesay.collection.fulltext.above import above
from samesay.collection.fulltext.postings import add_run, remove_all
from samesay.collection.fulltext.tokens import length, revision
from samesay.collection.manifest import manifest_text, write_manifest

_SEGMENTS_AT_A_TIME = 2048


def reword(build: Build) -> None:
    """Make the full text of a build anew with the words of this version, and note it in the manifest.

    A kill before the manifest is written leaves a whole index under the name of the version before; the next
    call makes it once more.
    """
    catalogue = build.catalogue
    manifest = replace(build.manifest, tokens=revision())
    with catalogue.writing():
        remove_all(catalogue)
        for block in _segments(catalogue):
            add_run(catalogue, [(row, words(title, headings, text)) for row, title, headings, text in block])
            catalogue.database.executemany(
                "UPDATE segments SET tokens = ? WHERE row = ?",
                [
                    (length(above(title, headings)) + length(text), row)
                    for row, title, headings, text in block
                ],
            )
        catalogue.set_about(manifest_text(manifest))
        # Lengths have changed, so that snapshots must be read anew.
        catalogue.set_counter("epoch", catalogue.counter("epoch") + 1)
    build.manifest = manifest
    if build.folder is not None:
        write_manifest(build.folder.parent, manifest)


def _segments(catalogue: Catalogue) -> Iterator[list[tuple[int, str | None, list[str], str]]]:
    query = (
        "SELECT row, title, headings, text FROM segments JOIN passages USING (row) "
        "JOIN documents ON document = number WHERE row > ? ORDER BY row LIMIT ?"
    )
    last = -1
    while True:
        found = catalogue.database.execute(query, (last, _SEGMENTS_AT_A_TIME)).fetchall()
        if not found:
            return
        yield [(row, title, json.loads(headings), text) for row, title, headings, text in found]
        last = found[-1][0]
