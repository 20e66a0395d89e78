"""The index against BM25 computed from the formula, through adds, changes, deletes and merges."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path

import pytest

import samesay
from samesay.collection.catalogue import Catalogue
from samesay.collection.fulltext.postings import add_run, find, remove_all
from samesay.collection.fulltext.tokens import length, tokens

WORDS = [
    "pod",
    "容器",
    "node",
    "调度",
    "service",
    "网络",
    "volume",
    "存储",
    "cluster",
    "集群",
    "部署",
    "config",
]
FIXTURE = Path(__file__).parents[2] / "fixtures" / "bert-mean"


def by_formula(documents: dict[str, str], query: str) -> list[tuple[str, float]]:
    counts = {name: Counter(tokens(text)) for name, text in documents.items()}
    lengths = {name: length(text) for name, text in documents.items()}
    average = sum(lengths.values()) / len(lengths)
    scores: dict[str, float] = {}
    for term, repeated in Counter(tokens(query, "query")).items():
        holding = [name for name in documents if counts[name][term]]
        idf = math.log(1 + (len(documents) - len(holding) + 0.5) / (len(holding) + 0.5))
        for name in holding:
            count = counts[name][term]
            part = count * 2.2 / (count + 1.2 * (0.25 + 0.75 * lengths[name] / average))
            scores[name] = scores.get(name, 0.0) + repeated * idf * part
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))


def test_scores_are_those_of_the_formula_after_any_history() -> None:
    chance = random.Random(7)
    documents: dict[str, str] = {}
    with samesay.open(None, samesay.load(FIXTURE, precision="fp32", threads=1)) as kb:
        for step in range(40):
            for number in chance.sample(range(30), 3):
                documents[str(number)] = " ".join(chance.choices(WORDS, k=chance.randint(1, 30)))
            kb.add([{"id": name, "text": text} for name, text in documents.items()])
            for name in chance.sample(sorted(documents), min(2, len(documents))):
                del documents[name]
                kb.delete([name])
            if step % 13 == 5:
                kb.compact()
            if not documents:
                continue
            query = " ".join(chance.choices(WORDS, k=3))
            hits = kb.search(query, 100, mode="text")
            expected = by_formula(documents, query)
            assert {hit.document_id for hit in hits} == {name for name, _ in expected}
            assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected], rel=1e-5)
        assert kb.check().problems == ()


def test_a_term_is_looked_up_and_not_searched_for_among_all() -> None:
    catalogue = Catalogue(None, create=True)
    steps = {}
    with catalogue.writing():
        for terms in (100, 3000):
            remove_all(catalogue)
            add_run(catalogue, [(row, [f"term{number}" for number in range(terms)]) for row in range(2)])
            done: list[int] = []
            catalogue.database.set_progress_handler(lambda done=done: done.append(1), 1)  # type: ignore[misc]
            rows, counts = find(catalogue, "term7")
            catalogue.database.set_progress_handler(None, 0)
            assert (rows.tolist(), counts.tolist()) == ([0, 1], [1, 1])
            steps[terms] = len(done)
    catalogue.close()
    assert steps[3000] <= steps[100] + 10
