"""What holds for a collection in every store: one suite for memory, LanceDB and Qdrant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_collections import STORES, new_collection, small_model, texts

from samesay import Collection, Document
from samesay.collection.base import StoreKind
from samesay.collection.storage import STORAGES, Storage
from samesay.errors import DocumentError, FilterError, SearchError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:qdrant_client")

LONG = "\n\n".join(f"# Part {number}\n\n{text}" for number, text in enumerate(texts(12, 30)))


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> StoreKind:
    kind: StoreKind = request.param
    return kind


@pytest.fixture
def kb(tmp_path: Path, store: StoreKind) -> Iterator[Collection]:
    with new_collection(tmp_path, store) as collection:
        yield collection


def ids(collection: Collection, query: str, **settings: Any) -> list[str]:
    return [hit.document_id for hit in collection.search(query, 50, **settings)]


def test_a_search_ranks_as_the_cosines_of_the_model_do(kb: Collection) -> None:
    sentences = texts(60)
    kb.add([{"id": str(number), "text": text} for number, text in enumerate(sentences)])
    model = small_model()
    queries = ["amber heath", "orbit north text 7"]
    expected = model.encode(queries, prompt="query") @ model.encode(sentences, prompt="document").T
    for row, hits in zip(expected, kb.search(queries, 10, order="cosine"), strict=True):
        # Where two cosines differ in the last bit, either may come first.
        assert [hit.score for hit in hits] == pytest.approx(np.sort(row)[::-1][:10], abs=1e-5)
        assert [hit.score for hit in hits] == pytest.approx(
            [row[int(hit.document_id)] for hit in hits], abs=1e-5
        )
        assert len({hit.document_id for hit in hits}) == 10


def test_adding_again_embeds_only_what_has_changed(kb: Collection) -> None:
    documents = [{"id": str(number), "text": text} for number, text in enumerate(texts(6))]
    assert kb.add(documents).added == 6
    assert kb.add(documents).unchanged == 6
    documents[2]["text"] = "a new zebra text"
    report = kb.add(documents)
    assert (report.added, report.changed, report.unchanged) == (0, 1, 5)
    assert ids(kb, "zebra", mode="text") == ["2"]
    assert len(kb) == 6


@pytest.mark.parametrize(
    "change", [{"title": "T"}, {"language": "en"}, {"metadata": {"a": 1}}, {"format": "markdown"}]
)
def test_whatever_a_search_shows_counts_as_a_change(kb: Collection, change: dict[str, object]) -> None:
    kb.add([{"id": "a", "text": "one"}])
    assert kb.add([{"id": "a", "text": "one"} | change]).changed == 1
    assert kb.add([{"id": "a", "text": "one"} | change]).unchanged == 1


def test_a_changed_document_keeps_no_segment_of_before(kb: Collection) -> None:
    kb.add([{"id": "long", "text": LONG, "format": "markdown"}])
    assert kb.info().segments > 1
    kb.add([{"id": "long", "text": "short now"}])
    assert kb.info().segments == 1
    assert ids(kb, "ember", mode="text") == []
    assert [hit.passage for hit in kb.search(texts(1)[0])] == ["short now"]


def test_deleted_documents_are_found_by_no_mode(kb: Collection) -> None:
    kb.add([{"id": str(number), "text": text} for number, text in enumerate(texts(8))])
    assert kb.delete(["3", "5", "none"]) == 2
    for mode in ("semantic", "text", "hybrid"):
        assert {"3", "5"} & set(ids(kb, "text amber cedar", mode=mode)) == set()
    assert len(kb) == 6
    assert "3" not in kb
    assert kb.add([{"id": "3", "text": "back again"}]).added == 1
    assert ids(kb, "back again")[0] == "3"


def test_pruning_removes_what_was_not_given_and_may_go(kb: Collection) -> None:
    kb.add([{"id": one, "text": one} for one in ("a/1", "a/2", "b/1")])
    report = kb.add([{"id": "a/1", "text": "a/1"}], prune=lambda one: one.startswith("a/"))
    assert (report.pruned, "a/2" in kb, "b/1" in kb) == (1, False, True)
    assert kb.add([{"id": "a/1", "text": "a/1"}], prune=True).pruned == 1
    assert len(kb) == 1


def test_the_same_id_twice_keeps_the_later(kb: Collection) -> None:
    kb.add([{"id": "a", "text": "first"}, {"id": "b", "text": "b"}, {"id": "a", "text": "second"}])
    found = kb.get("a")
    assert found is not None
    assert found.text == "second"
    assert len(kb) == 2
    assert kb.add([{"id": "a", "text": "second"}, {"id": "a", "text": "second"}]).unchanged == 2


def test_documents_come_back_as_they_were(kb: Collection) -> None:
    document = Document(
        "é/猫\u202e\x00'; DROP TABLE documents; --",
        "line\r\nend\t\x00nul 猫🐈\n\n\n",
        "Title\nof two lines",
        "zh",
        {"n": 1, "x": 1.5, "t": True, "none": None, "list": ["a", "b"], "k'ey\"": "v%_"},
        "text",
    )
    kb.add([document])
    assert kb.get(document.id) == document
    assert list(kb.documents()) == [document]
    (hit,) = kb.search("line")
    assert hit.document_id == document.id
    assert hit.metadata == document.metadata
    assert hit.passage == document.text[hit.begin : hit.end]


def test_a_passage_is_the_source_between_its_offsets(kb: Collection) -> None:
    kb.add([{"id": "long", "text": LONG, "format": "markdown", "title": "All"}])
    for query in texts(12, 30):
        (hit,) = kb.search(query, 1)
        assert LONG[hit.begin : hit.end] == hit.passage
        assert hit.passage == hit.passage.strip() != ""


def test_enough_segments_are_looked_at_for_the_documents_asked_for(tmp_path: Path, store: StoreKind) -> None:
    with new_collection(tmp_path, store, segment_tokens=16) as kb:
        near = "\n\n".join(["amber birch cedar"] * 400)
        kb.add(
            [{"id": "near", "text": near}, *({"id": f"far{i}", "text": t} for i, t in enumerate(texts(4)))]
        )
        assert kb.info().segments > 100
        hits = kb.search("amber birch cedar", 5)
        assert len(hits) == 5
        assert len({hit.document_id for hit in hits}) == 5


def test_ties_are_ordered_by_id_whatever_the_order_of_adding(tmp_path: Path, store: StoreKind) -> None:
    names = [f"d{number:02}" for number in range(40)]
    with new_collection(tmp_path, store) as kb:
        kb.add([{"id": one, "text": "the same"} for one in reversed(names)])
        for mode in ("semantic", "text", "hybrid"):
            assert [hit.document_id for hit in kb.search("same", 5, mode=mode)] == names[:5]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"n": 1}, {"a"}),
        ({"n": 1.0}, {"a"}),
        ({"n": True}, set()),
        ({"n": "1"}, {"d"}),
        ({"flag": True}, {"a"}),
        ({"flag": 1}, set()),
        ({"n": {"gt": 1}}, {"b", "c"}),
        ({"n": {"gte": 1, "lt": 3}}, {"a", "b"}),
        ({"n": {"lte": 2.5}}, {"a", "b"}),
        ({"n": {"in": [1, 3, "1"]}}, {"a", "c", "d"}),
        ({"n": {"in": []}}, set()),
        ({"n": {"ne": 1}}, {"b", "c", "d", "e"}),
        ({"n": {"exists": True}}, {"a", "b", "c", "d"}),
        ({"n": {"exists": False}}, {"e"}),
        ({"tags": "red"}, {"a", "b"}),
        ({"tags": {"in": ["blue", "green"]}}, {"b"}),
        ({"none": None}, {"e"}),
        ({"s": {"gt": "m"}}, {"c"}),
        ({"language": "zh"}, {"b"}),
        ({"language": {"exists": True}}, {"a", "b"}),
        ({"title": "T"}, {"a"}),
        ({"id": {"in": ["a", "e"]}}, {"a", "e"}),
        ({"and": [{"n": {"gt": 1}}, {"tags": "red"}]}, {"b"}),
        ({"or": [{"n": 1}, {"n": 3}]}, {"a", "c"}),
        ({"not": {"tags": "red"}}, {"c", "d", "e"}),
        ({"not": {"or": [{"n": 1}, {"not": {"language": "zh"}}]}}, {"b"}),
        ({"n": 2, "language": "zh"}, {"b"}),
        ({"unknown": 1}, set()),
        ({"s": "' OR 1=1 --"}, set()),
        ({"s' OR '1'='1": "x"}, set()),
        ({"s": {"in": ["') OR ('1'='1", '"; DROP TABLE metadata; --']}}, set()),
    ],
)
def test_filters_let_through_what_they_say(
    kb: Collection, where: dict[str, object], expected: set[str]
) -> None:
    kb.add(
        [
            Document("a", "one", "T", "en", {"n": 1, "flag": True, "tags": ["red"], "s": "apple"}),
            Document("b", "two", None, "zh", {"n": 2, "tags": ["red", "blue"]}),
            Document("c", "three", None, None, {"n": 3, "s": "pear"}),
            Document("d", "four", None, None, {"n": "1"}),
            Document("e", "five", None, None, {"none": None}),
        ]
    )
    for level in ("segments", "documents", "both"):
        assert set(ids(kb, "number", where=where, level=level)) == expected
    assert set(ids(kb, "one two three four five", where=where, mode="text")) == expected
    assert set(ids(kb, "one two three four five", where=where, mode="hybrid")) == expected
    assert len(kb) == 5


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"n": {"around": 1}},
        {"n": {}},
        {"and": []},
        {"and": {"n": 1}},
        {"n": {"in": "abc"}},
        {"n": {"exists": 1}},
        {"n": {"gt": None}},
        {"n": float("nan")},
        {"n": 2**70},
        {"n": [1]},
        {"n": "\ud800"},
        {"": 1},
        "n = 1",
    ],
)
def test_what_is_no_filter_is_refused(kb: Collection, where: Any) -> None:
    with pytest.raises(FilterError):
        kb.search("x", where=where)


def test_a_filter_nested_without_end_is_refused(kb: Collection) -> None:
    where: dict[str, object] = {"n": 1}
    for _ in range(5000):
        where = {"not": where}
    with pytest.raises(FilterError, match="levels deep"):
        kb.search("x", where=where)


@pytest.mark.parametrize("storage", STORAGES)
def test_less_storage_changes_scores_a_little_and_the_order_hardly(
    tmp_path: Path, store: StoreKind, storage: Storage
) -> None:
    sentences = texts(80)
    with new_collection(tmp_path, store, storage=storage) as kb:
        kb.add([{"id": str(number), "text": text} for number, text in enumerate(sentences)])
        model = small_model()
        exact = model.encode(["amber grove"], prompt="query") @ model.encode(sentences, prompt="document").T
        hits = kb.search("amber grove", 10)
        assert [hit.score for hit in hits] == pytest.approx(
            [float(exact[0, int(hit.document_id)]) for hit in hits], abs=1e-5 if storage == "f32" else 2e-3
        )
        best = set(np.argsort(-exact[0])[:10].tolist())
        assert len(best & {int(hit.document_id) for hit in hits}) >= 9
        assert kb.check().problems == ()


def test_the_document_level_compares_with_the_mean_of_segments(tmp_path: Path, store: StoreKind) -> None:
    with new_collection(tmp_path, store, segment_tokens=40) as kb:
        kb.add([{"id": "long", "text": LONG, "format": "markdown"}, {"id": "x", "text": "ember"}])
        (whole,) = (hit for hit in kb.search("ember", level="documents") if hit.document_id == "long")
        (both,) = (hit for hit in kb.search("ember", level="both") if hit.document_id == "long")
        (best,) = (hit for hit in kb.search("ember") if hit.document_id == "long")
        assert whole.score == whole.components["document"]
        assert both.score == pytest.approx((whole.score + best.score) / 2, abs=1e-6)
        assert whole.passage == best.passage


def test_hybrid_scores_are_sums_of_reciprocal_ranks(kb: Collection) -> None:
    kb.add([{"id": str(number), "text": text} for number, text in enumerate(texts(10))])
    for hit in kb.search("amber cedar nowhere", 10, mode="hybrid", rank_constant=10):
        parts, score = hit.components, 0.0
        if "semantic_rank" in parts:
            score += 1 / (10 + parts["semantic_rank"])
        if "text_rank" in parts:
            assert 0 < parts["text_coverage"] < 1
            score += parts["text_coverage"] / (10 + parts["text_rank"])
        assert hit.score == pytest.approx(score)


def test_coverage_is_the_part_of_a_query_that_a_passage_has_by_rarity(kb: Collection) -> None:
    kb.add(
        [
            {"id": "all", "text": "the amber of a cedar"},
            {"id": "common", "text": "amber and heath"},
            {"id": "other", "text": "amber marsh"},
        ]
    )
    found = {
        hit.document_id: hit.components["text_coverage"] for hit in kb.search("amber cedar", mode="text")
    }
    assert found["all"] == pytest.approx(1)
    common, rare = np.log(1 + 0.5 / 3.5), np.log(1 + 2.5 / 1.5)
    assert found["common"] == pytest.approx(common / (common + rare), rel=1e-5)
    (hit,) = kb.search("cedar nowhere", mode="text")
    nowhere = np.log(1 + 3.5 / 0.5)
    assert hit.components["text_coverage"] == pytest.approx(rare / (rare + nowhere), rel=1e-5)


def test_compacting_changes_no_result(kb: Collection) -> None:
    kb.add([{"id": str(number), "text": text} for number, text in enumerate(texts(30))])
    kb.add([{"id": str(number), "text": f"{text} changed"} for number, text in enumerate(texts(10))])
    kb.delete([str(number) for number in range(20, 25)])
    before = [kb.search("amber cedar text", 30, mode=mode) for mode in ("semantic", "text", "hybrid")]
    kb.compact()
    assert [kb.search("amber cedar text", 30, mode=mode) for mode in ("semantic", "text", "hybrid")] == before
    assert kb.info().dead_segments == 0
    report = kb.check()
    assert report.problems == ()
    assert report.recall == 1.0


def test_full_text_statistics_are_those_of_what_is_there_now(tmp_path: Path, store: StoreKind) -> None:
    now = [{"id": str(number), "text": text} for number, text in enumerate(texts(12))]
    (tmp_path / "fresh").mkdir()
    with new_collection(tmp_path, store) as kb, new_collection(tmp_path / "fresh", store) as fresh:
        kb.add([{"id": str(number), "text": f"amber amber {text}"} for number, text in enumerate(texts(40))])
        kb.add(now, prune=True)
        fresh.add(now)
        assert kb.search("amber marsh", 12, mode="text") == fresh.search("amber marsh", 12, mode="text")


def test_white_space_and_what_has_no_tokens_are_documents_too(kb: Collection) -> None:
    assert (
        kb.add([{"id": "blank", "text": " \n "}, {"id": "empty", "text": ""}, {"id": "a", "text": "a"}]).added
        == 3
    )
    assert ids(kb, "a") == ["a"]
    found = kb.get("blank")
    assert found is not None
    assert found.text == " \n "
    assert kb.check().problems == ()


def test_an_empty_collection_finds_nothing(kb: Collection) -> None:
    for mode in ("semantic", "text", "hybrid"):
        assert kb.search("anything", mode=mode) == []
    assert kb.search([]) == []
    assert kb.add([]).added == 0
    kb.compact()
    assert kb.check().problems == ()


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"id": "a"}, "'text' is missing"),
        ({"text": "a"}, "'id' is missing"),
        ({"id": "", "text": "a"}, "1 to 4096"),
        ({"id": "a", "text": 1}, "text is int"),
        ({"id": "a", "text": "\ud800"}, "half of a surrogate pair"),
        ({"id": "a", "text": "a", "source": "x"}, "unknown field 'source'"),
        ({"id": "a", "text": "a", "format": "pdf"}, "format is 'pdf'"),
        ({"id": "a", "text": "a", "metadata": {"title": "x"}}, "cannot have the name 'title'"),
        ({"id": "a", "text": "a", "metadata": {"x": {"y": 1}}}, "holds dict"),
        ({"id": "a", "text": "a", "metadata": {"x": float("inf")}}, "inf is not a number"),
        ({"id": "a", "text": "a", "metadata": {"x": 2**63}}, "more than 64 bits"),
        ("text", "a dict or a Document"),
    ],
)
def test_what_is_no_document_is_refused_by_name(kb: Collection, document: object, told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        kb.add([document])  # type: ignore[list-item]
    assert len(kb) == 0


def test_settings_that_are_not_known_are_refused(kb: Collection) -> None:
    for settings in (
        {"top_k": 0},
        {"mode": "magic"},
        {"level": "words"},
        {"rank_constant": 0},
        {"min_score": float("nan")},
    ):
        with pytest.raises(SearchError):
            kb.search("x", **settings)
    for query in ("", "  \n"):
        with pytest.raises(SearchError, match="empty"):
            kb.search(query)


def test_progress_ends_with_all_documents_and_may_stop_the_work(kb: Collection) -> None:
    seen: list[tuple[int, int | None]] = []
    documents = [{"id": str(number), "text": text} for number, text in enumerate(texts(150))]
    kb.add(documents, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (150, 150)

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kb.add([{"id": f"n{number}", "text": text} for number, text in enumerate(texts(150))], progress=stop)
    assert kb.check().problems == ()
    assert kb.add([{"id": f"n{number}", "text": text} for number, text in enumerate(texts(150))]).changed == 0
    assert len(kb) == 300
    assert kb.check().problems == ()
