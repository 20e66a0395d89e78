"""The figures of a task: each way of searching, for each kind of question, and what is better by how much."""

from __future__ import annotations

from collections.abc import Mapping

from retrieving.asking import (
    Rankings,
    by_collection,
    by_page_vectors,
    first_characters,
)
from retrieving.corpora import Task
from retrieving.indexing import Collections
from retrieving.measures import NAMES, Judged, difference, judged, summary
from samesay.collection.collection import Collection

BASELINE = "first 1,200 characters"
Figures = dict[str, dict[str, object]]


def searched(collection: Collection, task: Task) -> dict[str, Rankings]:
    """Give the rankings of the three modes."""
    return {mode: by_collection(collection, task.questions, mode) for mode in ("semantic", "text", "hybrid")}


def with_baseline(collections: Collections, task: Task) -> dict[str, Rankings]:
    """Give the rankings of the three modes, and of one vector for the beginning of each document."""
    corpus = task.corpus
    texts = [first_characters(document) for document in corpus.documents]
    baseline = by_page_vectors(
        corpus, texts, task.questions, collections.model, collections.remembered(corpus)
    )
    return {BASELINE: baseline, **searched(collections.get(corpus), task)}


def figures(task: Task, rankings: Mapping[str, Rankings]) -> Figures:
    """Give for each kind of question the measures of each way, and the differences that matter."""
    found = {}
    for kind in dict.fromkeys(["all", *(one.kind for one in task.questions)]):
        places = [place for place, one in enumerate(task.questions) if kind in ("all", one.kind)]
        asked = [task.questions[place] for place in places]
        values = {
            name: judged(asked, [ranking[place] for place in places]) for name, ranking in rankings.items()
        }
        found[kind] = {name: summary(one) for name, one in values.items()} | _differences(values)
    return found


def _differences(values: Mapping[str, Judged]) -> dict[str, object]:
    told: dict[str, object] = {}
    if {"semantic", "text", "hybrid"} <= set(values):
        last = NAMES.index("ndcg@10")
        better = max(("semantic", "text"), key=lambda name: float(values[name][:, last].mean()))
        told[f"hybrid less {better}"] = difference(values["hybrid"], values[better])
    if BASELINE in values:
        told["semantic less baseline"] = difference(values["semantic"], values[BASELINE])
        told["hybrid less baseline"] = difference(values["hybrid"], values[BASELINE])
    return told
