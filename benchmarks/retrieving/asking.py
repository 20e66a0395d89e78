"""Rankings of documents: by a collection, or by one vector for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from retrieving.corpora import Corpus, Question
from retrieving.measures import DEPTH
from retrieving.remembering import Remembered
from samesay import Document
from samesay.collection.collection import Collection
from samesay.collection.search_settings import Level, Mode

if TYPE_CHECKING:
    from samesay.text_model import TextModel

Rankings = list[list[str]]

FIRST_CHARACTERS = 1200


def by_collection(
    collection: Collection, questions: Sequence[Question], mode: Mode = "semantic", level: Level = "segments"
) -> Rankings:
    """Give the ids that the collection finds, best first."""
    texts = [one.text for one in questions]
    return [
        [hit.document_id for hit in hits] for hits in collection.search(texts, DEPTH, mode=mode, level=level)
    ]


def by_page_vectors(
    corpus: Corpus, texts: Sequence[str], questions: Sequence[Question], model: TextModel, known: Remembered
) -> Rankings:
    """Give the documents whose one vector, of a text each, is nearest to the question; equal ones by id."""
    vectors = known.vectors(texts, model)
    asked = model.encode([one.text for one in questions], prompt="query")
    ids = np.array([document.id for document in corpus.documents])
    rank_of_id = np.argsort(np.argsort(ids))
    return [ids[np.lexsort((rank_of_id, -scores))[:DEPTH]].tolist() for scores in asked @ vectors.T]


def first_characters(document: Document) -> str:
    """The page's first 1,200 characters."""
    return document.text[:FIRST_CHARACTERS]


def whole_text(document: Document) -> str:
    """The title and the page; the model reads as much of it as it can."""
    return f"{document.title}\n{document.text}" if document.title else document.text
