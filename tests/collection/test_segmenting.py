"""Documents in segments: what full text knows of each."""

from __future__ import annotations

from pathlib import Path

from small_collections import new_collection, small_model, texts

from samesay.collection.catalogue import words
from samesay.collection.document import Document
from samesay.collection.fulltext.above import LONGEST
from samesay.collection.manifest import Segmenting
from samesay.collection.segmenting import cut

BODY = "\n\n".join(f"# Part {number}\n\n{text}" for number, text in enumerate(texts(60, 20)))


def test_words_of_segments_are_those_of_the_catalogue() -> None:
    document = Document("a", BODY, "A title of 1,000 words: über_Alles", format="markdown")
    found = cut(document, b"", small_model(), Segmenting())
    assert len(found.segments) > 5
    for one, tokens in zip(found.segments, found.words, strict=True):
        assert tokens == words(document.title, one.headings, one.text)


def test_the_words_of_a_long_title_are_bounded_in_every_segment() -> None:
    title = "fluff " * 2000
    heading = "more " * 500
    text = f"# {heading}\n\n" + BODY.replace("# ", "## ")
    found = cut(Document("a", text, title, format="markdown"), b"", small_model(), Segmenting())
    assert len(found.segments) > 20
    for one, tokens in zip(found.segments, found.words, strict=True):
        assert tokens.count("fluff") == LONGEST // 6
        assert len(tokens) < 2 * LONGEST / 5 + len(one.text)
    with new_collection(Path(), "memory") as kb:
        kb.add([{"id": "a", "text": text, "title": title, "format": "markdown"}])
        assert kb.search("fluff", mode="text")[0].document_id == "a"
        assert kb.check().problems == ()
        kb.compact()
        assert kb.check().problems == ()
