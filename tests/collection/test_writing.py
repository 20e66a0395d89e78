"""Documents on their way to a commit: how many wait, and what becomes of the same id twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from small_collections import small_model, texts

import samesay
import samesay.collection.writing as writing
from samesay import Collection, Document


@pytest.fixture
def kb() -> Iterator[Collection]:
    with samesay.open(None, small_model()) as collection:
        yield collection


@pytest.fixture(params=[0.0, 3600.0], ids=["a commit after each", "one commit"])
def _commits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_COMMIT_SECONDS", request.param)


@pytest.mark.usefixtures("_commits")
def test_of_the_same_id_twice_the_later_is_kept_whenever_commits_fall(kb: Collection) -> None:
    kb.add([{"id": "a", "text": "first"}])
    report = kb.add([{"id": "a", "text": "second"}, {"id": "a", "text": "first"}])
    found = kb.get("a")
    assert found is not None
    assert found.text == "first"
    assert (report.added, report.changed, report.unchanged) == (0, 2, 0)
    report = kb.add([{"id": "b", "text": "b"}, {"id": "b", "text": "b"}, {"id": "a", "text": "first"}])
    assert (report.added, report.changed, report.unchanged) == (1, 0, 2)
    assert len(kb) == 2
    assert kb.check().problems == ()


@pytest.mark.usefixtures("_commits")
def test_of_the_same_document_from_two_files_the_later_file_is_kept(kb: Collection) -> None:
    one, two = (Document("a", "same", file=file) for file in ("one.csv", "two.csv"))
    for given, file in (([one, two], "two.csv"), ([two, one], "one.csv"), ([one, two, one], "one.csv")):
        kb.add(given)
        assert [document.file for document in kb.documents()] == [file]
    kb.add([two, Document("a", "other", file="three.csv")])
    assert [document.file for document in kb.documents()] == ["three.csv"]
    kb.add([Document("a", "other")])
    assert [document.file for document in kb.documents()] == [None]
    assert len(kb) == 1


def test_every_document_is_counted_and_committed_when_many_segments_wait(
    kb: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed: list[int] = []
    real = writing.commit

    def counted(build: object, ready: list[writing.Ready], encoder: object) -> int:
        committed.append(sum(len(one.have) for one in ready))
        return real(build, ready, encoder)  # type: ignore[arg-type]

    monkeypatch.setattr(writing, "commit", counted)
    monkeypatch.setattr(writing, "_COMMIT_ROWS", 100)
    monkeypatch.setattr(writing, "_COMMIT_SECONDS", 3600.0)
    long = "\n\n".join(f"# Part\n\n{text}" for text in texts(30, 12))
    report = kb.add({"id": str(number), "text": long, "format": "markdown"} for number in range(30))
    assert report.added == 30
    assert report.segments == sum(committed) == kb.info().segments
    assert len(committed) > 2
    assert all(rows >= 100 for rows in committed[:-1])
