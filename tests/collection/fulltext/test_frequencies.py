"""In how many documents terms are, counted from commit to commit and anew."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import samesay
from samesay import Collection
from samesay.collection.catalogue import Catalogue
from samesay.collection.fulltext import frequencies, postings
from samesay.collection.fulltext.frequencies import Frequencies, KnownTerms
from samesay.collection.fulltext.tokens import tokens

WORDS = ["pod", "node", "service", "volume", "cluster", "config", "容器", "网络"]
FIXTURE = Path(__file__).parents[2] / "fixtures" / "bert-mean"


def collection(weighting: str) -> Collection:
    return samesay.open(None, samesay.load(FIXTURE, precision="fp32", threads=1), weighting=weighting)


def counted(documents: dict[str, str], term: str) -> int:
    return sum(term in tokens(text) for text in documents.values())


def test_counts_follow_commits_and_are_nearly_right_after_replacements() -> None:
    chance = random.Random(5)
    documents: dict[str, str] = {}
    with collection("tfidf") as kb:
        for step in range(30):
            some = chance.sample(range(200), 5) if step % 3 == 2 else range(5 * step + 200, 5 * step + 205)
            new = {str(number): " ".join(chance.choices(WORDS, k=3)) for number in some}
            kb.add([{"id": name, "text": text} for name, text in new.items()])
            documents |= new
            if step % 7 == 3:
                gone = chance.choice(sorted(documents))
                kb.delete([gone])
                del documents[gone]
            if step % 11 == 5:
                kb.compact()
            with kb._held.reading() as build:
                found = Frequencies(build, [])
                assert found.documents == len(documents)
                for term in ("pod", "node", "容器", "unseen"):
                    exact = counted(documents, term)
                    assert exact <= found.frequency(term) <= exact + len(documents) / 16
                kept, build.known_terms = build.known_terms, KnownTerms()
                coming = Frequencies(build, [[["pod", "unseen"], ["pod"]], [["node"]]])
                assert coming.documents == len(documents) + 2
                for term, more in (("pod", 1), ("node", 1), ("service", 0), ("unseen", 1)):
                    assert coming.frequency(term) == counted(documents, term) + more
                build.known_terms = kept


def test_each_term_is_read_once_in_many_commits_and_never_without_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []
    real = postings.find

    def find(catalogue: Catalogue, term: str) -> object:
        read.append(term)
        return real(catalogue, term)

    monkeypatch.setattr(frequencies, "find", find)
    for weighting, most in (("tfidf", 1), ("uniform", 0)):
        with collection(weighting) as kb:
            for number in range(20):
                kb.add([{"id": str(number), "text": "pod node service"}])
            assert max(map(read.count, read), default=0) == most
        read.clear()
