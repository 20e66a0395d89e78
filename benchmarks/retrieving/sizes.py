"""The size of segments: the same questions to collections of segments of several sizes."""

from __future__ import annotations

import random

from retrieving.corpora import Corpus, Task, only
from retrieving.figures import figures, searched
from retrieving.indexing import Collections, Variant
from retrieving.long_pages import long_ids

SIZES = (128, 256, 500)
PAGES = 300
_SEED = 0


def chosen_pages(corpus: Corpus, always: frozenset[str]) -> Corpus:
    """Give 300 pages, all that are long in a language among them."""
    others = sorted(one.id for one in corpus.documents if one.id not in always)
    more = random.Random(_SEED).sample(others, max(PAGES - len(always), 0))
    ids = always | set(more)
    return Corpus(
        f"{corpus.name}-{len(ids)}", corpus.source, tuple(one for one in corpus.documents if one.id in ids)
    )


def sizes(collections: Collections, tasks: list[Task]) -> dict[str, object]:
    """Give for each task and each size the figures, and how many segments there are."""
    corpora = {task.corpus.name: task.corpus for task in tasks}
    always = frozenset[str]().union(*(long_ids(one, collections) for one in corpora.values()))
    found: dict[str, object] = {"pages": PAGES, "always": len(always)}
    for task in tasks:
        corpus = chosen_pages(task.corpus, always)
        part = only(Task(task.name, corpus, task.questions, task.within), _ids(corpus))
        by_size: dict[str, object] = {}
        for size in SIZES:
            collection = collections.get(corpus, Variant(segment_tokens=size))
            by_size[str(size)] = {
                "segments": collection.info().segments,
                "size_bytes": collection.info().size_bytes,
                "figures": figures(part, searched(collection, part)),
            }
        found[task.name] = by_size
    return found


def _ids(corpus: Corpus) -> frozenset[str]:
    return frozenset(one.id for one in corpus.documents)
