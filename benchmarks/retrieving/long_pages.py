"""Pages above 8,000 tokens: what finds them, and how a vector for the whole page is best made."""

from __future__ import annotations

from retrieving.asking import Rankings, by_collection, by_page_vectors, first_characters, whole_text
from retrieving.corpora import Corpus, Task, only
from retrieving.figures import BASELINE, Figures, searched
from retrieving.indexing import Collections, Variant
from retrieving.measures import difference, judged, recall, summary
from samesay.collection.asked import DEFAULT_WEIGHTING, WEIGHTINGS

LONG = 8000
TRUNCATED = "truncated at the model's limit"


def long_ids(corpus: Corpus, collections: Collections) -> frozenset[str]:
    """Give the ids of the pages with more tokens than that."""
    counts = collections.model.count_tokens([one.text for one in corpus.documents], prompt="document")
    return frozenset(one.id for one, count in zip(corpus.documents, counts, strict=True) if int(count) > LONG)


def long_pages(collections: Collections, task: Task) -> dict[str, object]:
    """Put the questions that long pages answer to all pages, and say which way finds them best."""
    ids = long_ids(task.corpus, collections)
    asked = only(task, ids)
    rankings = _truncated(collections, asked)
    for weighting in WEIGHTINGS:
        collection = collections.get(asked.corpus, Variant(weighting=_asked(weighting)))
        for level in ("documents", "both"):
            rankings[f"{level}, {weighting}"] = by_collection(collection, asked.questions, level=level)
    rankings |= searched(collections.get(asked.corpus), asked)
    found: Figures = {}
    for kind in dict.fromkeys(["all", *(one.kind for one in asked.questions)]):
        places = [place for place, one in enumerate(asked.questions) if kind in ("all", one.kind)]
        questions = [asked.questions[place] for place in places]
        values = {
            name: judged(questions, [ranking[place] for place in places])
            for name, ranking in rankings.items()
        }
        found[kind] = {
            name: summary(one)
            | {
                "less truncated": difference(one, values[TRUNCATED])["recall@5"],
                "times truncated, recall@5": _ratio(recall(one, 5), recall(values[TRUNCATED], 5)),
            }
            for name, one in values.items()
        }
    return {"pages": len(ids), "figures": found}


def _truncated(collections: Collections, task: Task) -> dict[str, Rankings]:
    corpus, known = task.corpus, collections.remembered(task.corpus)
    return {
        name: by_page_vectors(
            corpus, [text(one) for one in corpus.documents], task.questions, collections.model, known
        )
        for name, text in ((TRUNCATED, whole_text), (BASELINE, first_characters))
    }


def _asked(weighting: str) -> str | None:
    return None if weighting == DEFAULT_WEIGHTING else weighting


def _ratio(one: float, other: float) -> float | None:
    return round(one / other, 3) if other else None
