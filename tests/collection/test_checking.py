"""A check beside another process that writes: nobody waits for it, and it finds nothing wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_collections import new_collection, small_model, texts

import samesay
from samesay import Collection
from samesay.collection import checking, vector_checking


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[Collection]:
    with new_collection(tmp_path, "lance") as collection:
        collection.add([{"id": str(number), "text": text} for number, text in enumerate(texts(60))])
        yield collection


def _between(monkeypatch: pytest.MonkeyPatch, module: object, name: str, act: Callable[[int], None]) -> None:
    """Do something each time before a function of the check is called."""
    real = getattr(module, name)
    times = iter(range(10_000))

    def wrapped(*arguments: object, **named: object) -> object:
        act(next(times))
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, wrapped)


def test_no_step_of_a_check_holds_up_a_writer_while_it_computes(
    kb: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kb.folder is not None
    (path,) = kb.folder.glob("build-*/catalogue.sqlite")
    # What a commit needs: a moment without any reader.
    writer = sqlite3.connect(path, timeout=0, isolation_level=None)
    seen: list[str] = []

    def commit(step: str) -> None:
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("ROLLBACK")
        seen.append(step)

    for module, name in (
        (checking, "_check_document"),
        (checking, "_count"),
        (vector_checking, "have_length_one"),
        (vector_checking, "_recall"),
    ):
        _between(monkeypatch, module, name, lambda _, name=name: commit(name))  # type: ignore[misc]
    report = kb.check()
    writer.close()
    assert report.problems == ()
    assert report.notes == ()
    assert (report.documents, report.samples, report.recall) == (60, 60, 1.0)
    assert set(seen) == {"_check_document", "_count", "have_length_one", "_recall"}


def test_what_others_write_meanwhile_is_no_problem(kb: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kb.folder is not None
    monkeypatch.setattr(checking, "_DOCUMENTS_AT_A_TIME", 7)
    monkeypatch.setattr(checking, "_TERMS_AT_A_TIME", 5)
    other = samesay.open(kb.folder, small_model())
    fresh = iter(texts(400)[60:])

    def change(time: int) -> None:
        if time % 40 == 0:
            number = time % 60
            other.add([{"id": str(number), "text": next(fresh)}, {"id": f"new {time}", "text": next(fresh)}])
            other.delete([str(59 - number)])
        if time % 80 == 0:
            other.compact()

    for module, name in (
        (checking, "_check_document"),
        (vector_checking, "have_length_one"),
        (vector_checking, "_recall"),
    ):
        _between(monkeypatch, module, name, change)
    # Full text is compared once more when it has changed, and at last nobody can change it.
    tries: list[bool] = []
    real = checking._compare_words

    def compare(build: object, digests: object, *, held: bool) -> str | None:
        tries.append(held)
        if not held:
            raise checking._ChangedError
        return real(build, digests, held=held)  # type: ignore[arg-type]

    monkeypatch.setattr(checking, "_compare_words", compare)
    report = kb.check()
    assert report.problems == ()
    assert tries == [False, False, True]
    assert report.documents == len(other)
    other.close()
    monkeypatch.undo()
    assert kb.check().problems == ()


def test_words_are_compared_in_one_state(kb: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kb.folder is not None
    monkeypatch.setattr(checking, "_TERMS_AT_A_TIME", 5)
    other = samesay.open(kb.folder, small_model())

    def change(time: int) -> None:
        if time == 3:
            other.add([{"id": str(number), "text": f"other {text}"} for number, text in enumerate(texts(30))])
            other.compact()

    _between(monkeypatch, checking, "_count", change)
    report = kb.check()
    assert report.problems == ()
    other.close()


def test_full_text_that_is_out_of_step_is_told_with_what_helps(kb: Collection) -> None:
    assert kb.folder is not None
    (path,) = kb.folder.glob("build-*/catalogue.sqlite")
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM postings WHERE term = 'birch'")
    database.close()
    (problem,) = kb.check().problems
    assert problem.startswith("full text is out of step for")
    assert problem.endswith("segments; index the documents into a new collection")
