"""What is lost where vectors are kept in fewer bits."""

from __future__ import annotations

from retrieving.asking import by_collection
from retrieving.corpora import Task
from retrieving.indexing import Collections, Variant
from retrieving.measures import judged, summary
from samesay.collection.storage import STORAGES


def storages(collections: Collections, tasks: list[Task]) -> dict[str, object]:
    """Give for each storage the recall that ``collection check`` reports, its size, and the figures."""
    found: dict[str, object] = {}
    for task in tasks:
        exact = by_collection(collections.get(task.corpus), task.questions)
        for storage in STORAGES:
            collection = collections.get(task.corpus, Variant(storage=None if storage == "f32" else storage))
            report = collection.check(samples=1000)
            rankings = by_collection(collection, task.questions)
            same = sum(len(set(a) & set(b)) / len(a) for a, b in zip(exact, rankings, strict=True))
            found[f"{task.name}, {storage}"] = {
                "searching": report.searching,
                "recall of check": report.recall,
                "samples": report.samples,
                "problems": list(report.problems),
                "documents of the ten best by f32": round(same / len(exact), 4),
                "size_bytes": collection.info().size_bytes,
                "semantic": summary(judged(task.questions, rankings)),
            }
    return found
