"""A collection on shared storage answers as one in memory does, and refuses what it cannot do."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from s3_process import S3Server, s3_process
from small_collections import small_model, texts

import samesay
from samesay import Collection
from samesay.collection.shared.address import shared_address
from samesay.collection.shared.collection import SharedCollection
from samesay.errors import CollectionBusyError, CollectionError, IdentityMismatchError


def documents(numbers: list[int], version: int) -> list[dict[str, Any]]:
    pool = texts(40)
    return [
        {
            "id": f"d{n}",
            "text": f"{pool[n]} version {version}\n\n{pool[-n]}",
            "metadata": {"n": n, "v": version},
        }
        for n in numbers
    ]


def answers(kb: Collection) -> list[object]:
    found: list[object] = [len(kb), sorted(kb.documents(), key=lambda one: one.id)]
    for mode in ("semantic", "text", "hybrid"):
        for level in ("segments", "both"):
            hits = kb.search("amber heath version", 8, mode=mode, level=level, where={"n": {"gte": 5}})
            found.append([(hit.document_id, round(hit.score, 5), hit.passage, hit.metadata) for hit in hits])
    return found


def test_whatever_is_done_to_it_every_search_is_as_in_memory(s3: S3Server) -> None:
    chance = random.Random(3)
    address = s3.address()
    here = samesay.open(None, small_model())
    with samesay.open(address, small_model()) as there, samesay.open(address, small_model()) as reader:
        for step in range(8):
            numbers = chance.sample(range(40), 9)
            if step % 4 == 3:
                ids = [f"d{n}" for n in numbers]
                assert there.delete(ids) == here.delete(ids)
            else:
                assert there.add(documents(numbers, step)) == here.add(documents(numbers, step))
            if step % 3 == 2:
                there.compact()
            assert answers(reader) == answers(here)
        assert answers(there) == answers(here)
        report = reader.check()
        assert (report.problems, report.notes, report.recall) == ((), (), 1.0)
        assert reader.info().size_bytes > 10_000
        assert "d5" in there or there.get("d5") is None
    with samesay.open(address, small_model(), create=False) as again:
        assert answers(again) == answers(here)


def test_an_open_collection_that_is_there_keeps_its_settings_and_model(s3: S3Server) -> None:
    address = s3.address()
    with pytest.raises(CollectionError, match="there is no collection"):
        samesay.open(address, create=False)
    samesay.open(address, small_model(), storage="f16").close()
    with pytest.raises(CollectionError, match="has storage 'f16'"):
        samesay.open(address, small_model(), storage="f32")
    with pytest.raises(IdentityMismatchError, match="was made with bert-mean"):
        samesay.open(address, small_model("bert-cls"))
    with pytest.raises(CollectionError, match="leave out store"):
        samesay.open(address, small_model(), store="memory")
    # A Path has lost one of the slashes.
    with samesay.open(Path(address)) as kb:
        kb.add([{"id": "a", "text": "amber"}])
        with pytest.raises(CollectionError, match="keeps its model"):
            kb.upgrade(small_model("bert-cls"))


@pytest.mark.parametrize(
    ("path", "reason"),
    [("s3://bucket", "whole bucket"), ("s3://", "no address"), ("gs://b/kb", "below s3://")],
)
def test_other_addresses_are_refused_with_the_reason(path: str, reason: str) -> None:
    with pytest.raises(CollectionError, match=reason):
        shared_address(path)


def test_a_folder_is_no_address() -> None:
    assert shared_address("kb/") is None
    assert shared_address(None) is None
    assert str(shared_address("s3://bucket/a/kb/")) == "s3://bucket/a/kb"


def test_a_server_that_is_gone_is_told_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: S3Server
) -> None:
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "other"))
    with s3_process() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        kb = samesay.open(server.address(), small_model())
        kb.add(documents([1, 2], 0))
    for action in (lambda: kb.search("amber"), lambda: kb.add(documents([3], 0))):
        with pytest.raises(CollectionError, match=f"S3 server {server.url} does not answer"):
            action()
    kb.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    with pytest.raises(CollectionError, match="no such bucket"):
        samesay.open("s3://nowhere/kb", small_model())


def test_a_second_writer_is_refused_and_goes_on_when_the_first_has_ended(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = s3.address()
    first = samesay.open(address, small_model())
    same_machine = samesay.open(address, small_model())
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "other"))
    other_machine = samesay.open(address, small_model())
    with first._held.writing():
        with pytest.raises(CollectionBusyError, match="another process on this machine is writing"):
            same_machine.add(documents([1], 0))
        with pytest.raises(CollectionBusyError, match="is being written by process"):
            other_machine.add(documents([1], 0))
        assert len(other_machine) == 0
    assert other_machine.add(documents([1], 0)).added == 1
    assert same_machine.add(documents([2], 0)).added == 1
    assert len(first) == 2


def test_a_writer_whose_claim_another_has_taken_changes_nothing(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = s3.address()
    late = samesay.open(address, small_model())
    assert isinstance(late, SharedCollection)
    late.add(documents([1, 2], 0))
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "other"))
    quick = samesay.open(address, small_model())
    others: list[dict[str, Any]] = documents([3, 4], 1)

    def interrupted() -> Any:
        yield from documents([5], 0)
        # As when the process was stopped for longer than its claim holds.
        objects = late._shared_place.objects
        objects.remove([one.name for one in objects.listed("writers")])
        quick.add(others)
        yield from documents([6], 0)

    with pytest.raises(CollectionBusyError, match="another process has written"):
        late.add(interrupted())
    assert sorted(one.id for one in late.documents()) == ["d1", "d2", "d3", "d4"]
    assert late.add(documents([5, 6], 0)).added == 2
    assert quick.check().problems == ()
    assert len(quick.search("amber", 50)) == 6
