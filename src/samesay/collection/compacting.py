"""Giving back the space of what is gone."""

from __future__ import annotations

from samesay.collection.build import Build
from samesay.collection.fulltext.postings import merge_all
from samesay.collection.fulltext.tokens import revision
from samesay.collection.rewording import reword
from samesay.collection.writing import recover

# What is dead is only left out by searches until it is this much.
_DEAD_SHARE = 0.2
_DEAD_AT_LEAST = 1000
# Commits leave small files in LanceDB.
_COMMITS = 32


def compact(build: Build) -> None:
    """Remove what is dead from vectors and full text, and bring indexes up to date.

    Full text that was made with the words of another version of samesay or of its dictionary is made anew.

    Every step can be the last one: dead rows are removed from the stores first, where no search looks for
    them any more, and forgotten by the catalogue after that.
    """
    catalogue = build.catalogue
    recover(build)
    with catalogue.reading():
        rows, numbers = catalogue.dead()
    if len(rows):
        build.segments.remove(rows)
    if len(numbers):
        build.documents.remove(numbers)
    build.segments.compact()
    build.documents.compact()
    if build.manifest.tokens != revision():
        reword(build)
    with catalogue.writing():
        merge_all(catalogue, rows)
        catalogue.forget_dead()
        catalogue.set_counter("commits", 0)
        catalogue.set_counter("epoch", catalogue.counter("epoch") + 1)
    catalogue.vacuum()


def tidy(build: Build) -> None:
    """Compact where much has gathered since the last time."""
    catalogue = build.catalogue
    with catalogue.reading():
        dead, alive = catalogue.count("dead_rows"), catalogue.count("segments")
        commits = catalogue.counter("commits")
    if dead >= _DEAD_AT_LEAST and dead > _DEAD_SHARE * alive:
        compact(build)
    elif commits >= _COMMITS:
        build.segments.compact()
        build.documents.compact()
        with catalogue.writing():
            catalogue.set_counter("commits", 0)
