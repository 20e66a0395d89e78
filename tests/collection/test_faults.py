"""What a collection survives: kills, full disks, read-only folders, two writers, damaged files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from killing import kills
from small_collections import FIXTURES, new_collection, small_model, texts

import samesay
from samesay import Collection
from samesay.collection.locking import one_writer
from samesay.errors import (
    CollectionBusyError,
    CollectionError,
    DamagedCollectionError,
    IdentityMismatchError,
)

needs_mount = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0,
    reason="only root on Linux can mount a small disk",
)


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[Collection]:
    with new_collection(tmp_path, "lance") as collection:
        collection.add([{"id": str(number), "text": text} for number, text in enumerate(texts(20))])
        yield collection


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.timeout(600)
def test_a_kill_at_any_moment_leaves_every_acknowledged_document_whole(tmp_path: Path) -> None:
    killed = list(kills(tmp_path, 8, seed=1, longest=1.5))
    assert sum(one.steps for one in killed) > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def _fill(kb: Collection) -> None:
    for number in range(200):
        kb.add([{"id": f"{number}-{n}", "text": text * 20} for n, text in enumerate(texts(40))])


@needs_mount
def test_a_full_disk_is_told_and_keeps_what_was_committed(small_disk: Path) -> None:
    with new_collection(small_disk, "lance") as kb:
        kb.add([{"id": "first", "text": "kept"}])
        with pytest.raises(CollectionError, match="the disk is full"):
            _fill(kb)
        count = len(kb)
        assert kb.check().problems == ()
        assert kb.search("kept", mode="text")[0].document_id == "first"
    with samesay.open(small_disk / "kb", small_model()) as again:
        assert len(again) == count
        assert again.check().problems == ()


@needs_mount
@pytest.mark.parametrize("kept_free", [0, 40_000, 200_000])
def test_upkeep_on_a_full_disk_is_done_or_told_and_loses_nothing(small_disk: Path, kept_free: int) -> None:
    spare = small_disk / "spare"
    spare.write_bytes(b"x" * kept_free)
    with new_collection(small_disk, "lance") as kb:
        with pytest.raises(CollectionError, match="the disk is full"):
            _fill(kb)
        spare.unlink()
        there = {one.id: one.text for one in kb.documents()}
        gone = sorted(there)[::3]
        acts: list[Callable[[], object]] = [
            lambda: kb.upgrade(small_model("bert-cls")),
            kb.compact,
            lambda: kb.delete(gone),
        ]
        told: list[str] = []
        for act in acts:
            try:
                act()
            except CollectionError as error:
                told.append(str(error))
            assert kb.check(samples=0).problems == ()
            left = {one.id: one.text for one in kb.documents()}
            assert left in (there, {one: text for one, text in there.items() if one not in gone})
        model = kb.model
    assert told
    assert all("the disk is full" in one for one in told)
    with samesay.open(small_disk / "kb", model) as again:
        assert {one.id: one.text for one in again.documents()} == left
        assert again.check(samples=0).problems == ()


@needs_mount
def test_a_read_only_folder_is_searched_and_not_written(tmp_path: Path) -> None:
    with new_collection(tmp_path, "lance") as kb:
        kb.add([{"id": "a", "text": "alone"}])
    folder = tmp_path / "kb"
    if subprocess.run(
        ["mount", "--bind", str(folder), str(folder)], capture_output=True, check=False
    ).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        with samesay.open(folder, small_model()) as kb:
            for mode in ("semantic", "text", "hybrid"):
                assert kb.search("alone", mode=mode)[0].document_id == "a"
            assert kb.check().problems == ()
            for act in (
                lambda: kb.add([{"id": "b", "text": "b"}]),
                lambda: kb.delete(["a"]),
                kb.compact,
            ):
                with pytest.raises(CollectionError, match="cannot be written"):
                    act()
            assert len(kb) == 1
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_second_writer_is_told_and_readers_go_on(kb: Collection) -> None:
    assert kb.folder is not None
    with one_writer(kb.folder), samesay.open(kb.folder, small_model()) as other:
        with pytest.raises(CollectionBusyError, match="another process is writing"):
            other.add([{"id": "x", "text": "x"}])
        with pytest.raises(CollectionBusyError):
            other.compact()
        assert len(other.search("amber", 5)) == 5
    assert kb.add([{"id": "x", "text": "x"}]).added == 1


def test_a_reader_sees_each_commit_of_a_writer(kb: Collection) -> None:
    assert kb.folder is not None
    with samesay.open(kb.folder, small_model()) as reader:
        assert reader.search("zebra", mode="text") == []
        kb.add([{"id": "z", "text": "zebra"}, {"id": "0", "text": "changed zebra"}])
        assert [hit.document_id for hit in reader.search("zebra", mode="text")] == ["z", "0"]
        assert reader.search("zebra", 1)[0].document_id == "z"
        kb.delete(["z"])
        kb.compact()
        assert [hit.document_id for hit in reader.search("zebra", mode="text")] == ["0"]
        assert "z" not in {hit.document_id for hit in reader.search("zebra", 50)}
        assert reader.check().problems == ()


def test_another_model_is_refused_with_both_named(kb: Collection) -> None:
    assert kb.folder is not None
    with pytest.raises(IdentityMismatchError) as raised:
        samesay.open(kb.folder, FIXTURES / "bert-cls")
    told = str(raised.value)
    assert "bert-mean, fp32" in told
    assert "bert-cls, fp32" in told
    assert "samesay collection upgrade" in told


def test_an_upgrade_switches_at_once_and_the_old_model_is_refused_then(kb: Collection) -> None:
    assert kb.folder is not None
    before = kb.manifest.identity
    other = small_model("bert-cls")
    with samesay.open(kb.folder, small_model()) as reader:
        reader.search("amber")
        assert kb.upgrade(other, storage="f16").added == 20
        with pytest.raises(IdentityMismatchError, match="was upgraded meanwhile"):
            reader.search("amber")
    assert kb.manifest.identity.fingerprint != before.fingerprint
    assert kb.manifest.storage == "f16"
    assert kb.check().problems == ()
    assert len(list(kb.folder.glob("build-*"))) == 1
    with samesay.open(kb.folder, other) as again:
        assert again.search("amber", 20)[0].score == pytest.approx(kb.search("amber", 20)[0].score)


def test_an_interrupted_upgrade_leaves_things_as_they_were_and_goes_on(kb: Collection) -> None:
    assert kb.folder is not None
    kb.add([{"id": f"more{number}", "text": text} for number, text in enumerate(texts(200))])
    before = kb.search("amber", 5)

    def stop(done: int, total: int | None) -> None:
        assert total == 220
        if done > 100:
            raise KeyboardInterrupt

    import samesay.collection.writing as writing

    seconds, writing._COMMIT_SECONDS = writing._COMMIT_SECONDS, 0.0
    try:
        with pytest.raises(KeyboardInterrupt):
            kb.upgrade(small_model("bert-cls"), progress=stop)
    finally:
        writing._COMMIT_SECONDS = seconds
    assert kb.search("amber", 5) == before
    assert len(list(kb.folder.glob("build-*"))) == 2
    report = kb.upgrade(small_model("bert-cls"))
    assert report.unchanged > 0
    assert report.added + report.unchanged == 220
    assert kb.check().problems == ()


def test_half_of_a_removed_build_is_never_gone_on_from(
    kb: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def removed_by_half(folder: Path, ignore_errors: bool) -> None:
        for path in sorted(folder.rglob("*.lance"))[:3]:
            if path.is_file():
                path.unlink()

    assert kb.folder is not None
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", removed_by_half)
        kb.upgrade(small_model("bert-cls"))
    kb.upgrade(small_model())
    assert kb.check().problems == ()
    assert len(kb) == 20
    kb.compact()
    assert sorted(path.name[:6] for path in kb.folder.iterdir()) == ["build-", "manife", "write."]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 1}',
        '{"format": "1"}',
        "\x00\xff",
        "[" * 100_000,
        '{"format": true}',
    ],
)
def test_a_damaged_manifest_is_told_and_made_anew(kb: Collection, content: str) -> None:
    assert kb.folder is not None
    kb.close()
    (kb.folder / "manifest.json").write_text(content, "latin-1")
    with pytest.raises(DamagedCollectionError, match=r"manifest\.json is damaged"):
        samesay.open(kb.folder, small_model())
    from samesay.collection.upgrading import repair_manifest

    assert repair_manifest(kb.folder).identity == kb.manifest.identity
    with samesay.open(kb.folder, small_model()) as again:
        assert len(again) == 20


def test_a_manifest_that_leads_elsewhere_is_refused(kb: Collection) -> None:
    assert kb.folder is not None
    path = kb.folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    for build in ("../elsewhere", "/etc", ".", "", "a/b"):
        path.write_text(json.dumps(manifest | {"build": build}), "utf-8")
        with pytest.raises(DamagedCollectionError):
            samesay.open(kb.folder, small_model())
    path.write_text(json.dumps(manifest | {"format": 2}), "utf-8")
    with pytest.raises(CollectionError, match="install a newer one"):
        samesay.open(kb.folder, small_model())


def test_a_missing_manifest_beside_documents_is_no_new_collection(kb: Collection) -> None:
    assert kb.folder is not None
    (kb.folder / "manifest.json").unlink()
    with pytest.raises(DamagedCollectionError, match="--repair"):
        samesay.open(kb.folder, small_model())
    with pytest.raises(DamagedCollectionError, match="its manifest is gone"):
        kb.search("x", mode="text")


def test_a_damaged_catalogue_is_told(kb: Collection) -> None:
    assert kb.folder is not None
    kb.close()
    (path,) = kb.folder.glob("build-*/catalogue.sqlite")
    content = bytearray(path.read_bytes())
    content[:100] = b"\xff" * 100
    path.write_bytes(content)
    with pytest.raises(DamagedCollectionError, match="damaged"):
        samesay.open(kb.folder, small_model())
    path.unlink()
    with pytest.raises(DamagedCollectionError, match="is missing"):
        samesay.open(kb.folder, small_model())


def test_a_check_finds_what_is_missing_changed_or_too_much(kb: Collection) -> None:
    import sqlite3

    import lancedb

    assert kb.folder is not None
    (build,) = kb.folder.glob("build-*")
    table = lancedb.connect(str(build / "vectors")).open_table("segments")
    table.delete("row = 3")
    assert any("1 segment vectors are missing" in one for one in kb.check().problems)
    database = sqlite3.connect(build / "catalogue.sqlite")
    with database:
        database.execute("UPDATE passages SET text = replace(text, 'amber', 'AMBER') WHERE row = 1")
        database.execute("DELETE FROM passages WHERE row = 2")
        database.execute("DELETE FROM postings WHERE term = 'birch'")
    database.close()
    told = "\n".join(kb.check().problems)
    assert "its hash differs" in told
    assert "has lost its place" in told
    assert "full text is out of step" in told


def test_rows_of_an_interrupted_commit_are_invisible_and_removed_by_the_next(kb: Collection) -> None:
    import numpy as np

    assert kb.folder is not None
    stray = np.arange(20, 24)
    vectors = small_model().encode(texts(4), prompt="query")
    with kb._held.reading() as build:
        build.segments.add(stray, vectors)
    assert kb.check().problems == ()
    assert len(kb.check().notes) == 1
    assert len(kb.search(texts(1)[0], 50)) == 20
    kb.add([{"id": "new", "text": "new"}])
    assert kb.check().notes == ()
    assert kb.check().problems == ()


def test_a_row_number_that_a_dead_writer_used_first_is_read_anew(kb: Collection) -> None:
    import numpy as np

    assert kb.folder is not None
    new = [f"quite new {text}" for text in texts(4)]
    with samesay.open(kb.folder, small_model()) as reader:
        with kb._held.reading() as build:  # vectors go first, and the commit does not come
            build.segments.add(np.arange(20, 24), small_model().encode(texts(4), prompt="document"))
            build.documents.add(np.arange(20, 24), small_model().encode(texts(4), prompt="document"))
        reader.search("amber", level="both")
        kb.add([{"id": f"new{number}", "text": text} for number, text in enumerate(new)])
        for level in ("segments", "documents", "both"):
            hits = [reader.search(text, 1, order="cosine", level=level)[0] for text in new]
            assert [hit.document_id for hit in hits] == [f"new{number}" for number in range(4)]


def test_a_search_after_a_store_could_not_look_sees_what_is_new(
    kb: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from samesay.collection.lance import LanceStore

    def refuse(store: LanceStore) -> None:
        raise CollectionError("for a moment")

    assert kb.folder is not None
    with samesay.open(kb.folder, small_model()) as reader:
        reader.search("amber")
        kb.add([{"id": "z", "text": "quagga zebra"}])
        with monkeypatch.context() as patched:
            patched.setattr(LanceStore, "refresh", refuse)
            with pytest.raises(CollectionError, match="for a moment"):
                reader.search("quagga zebra")
        assert reader.search("quagga zebra", 1, order="cosine")[0].document_id == "z"


def test_vectors_that_are_gone_are_told_and_an_upgrade_makes_them_anew(kb: Collection) -> None:
    assert kb.folder is not None
    kb.close()
    (vectors,) = kb.folder.glob("build-*/vectors")
    shutil.rmtree(vectors)
    with samesay.open(kb.folder, small_model()) as again:
        for act in (
            lambda: again.search("amber"),
            lambda: again.add([{"id": "x", "text": "x"}]),
            again.compact,
        ):
            with pytest.raises(DamagedCollectionError, match="segments is missing"):
                act()
        report = again.check()
        assert len(report.problems) == 2
        assert all("is missing" in one for one in report.problems)
        assert len(again.search("amber", 5, mode="text")) == 5
        assert again.upgrade(small_model("bert-cls")).added == 20
        assert again.check().problems == ()
        assert len(again.search("amber", 5)) == 5


def test_a_collection_without_vectors_needs_no_tables(tmp_path: Path) -> None:
    with new_collection(tmp_path, "lance") as kb:
        assert kb.search("x") == []
        kb.add([{"id": "blank", "text": " \n"}])
    with samesay.open(tmp_path / "kb", small_model()) as kb:
        assert kb.check().problems == ()
        assert kb.search("x") == []
        assert kb.add([{"id": "a", "text": "alone"}]).added == 1
        assert kb.search("x")[0].document_id == "a"


CREATION = """
import os, signal, sys
import samesay, samesay.collection.build as build, samesay.collection.catalogue_file as file
import samesay.collection.opening as opening
from samesay.collection.catalogue import Catalogue


class Killer:
    def __init__(self, *_, **__): os.kill(os.getpid(), signal.SIGKILL)
    def __format__(self, _): os.kill(os.getpid(), signal.SIGKILL)


moment = sys.argv[2]
if moment == "folder":
    build.Catalogue = Killer
elif moment == "schema":
    file._SCHEMA = object.__new__(Killer)
elif moment == "about":
    Catalogue.set_about = Killer
elif moment == "flush":
    opening.flush = Killer
else:
    opening.write_manifest = Killer
samesay.open(sys.argv[1], samesay.load(sys.argv[3], precision="fp32", threads=1))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("moment", ["folder", "schema", "about", "flush", "manifest"])
def test_a_kill_while_a_collection_is_made_leaves_a_folder_that_can_be_used(
    tmp_path: Path, moment: str
) -> None:
    from samesay.collection.upgrading import repair_manifest

    folder = tmp_path / "kb"
    command = [sys.executable, "-c", CREATION, str(folder), moment, str(FIXTURES / "bert-mean")]
    ended = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    (left,) = folder.glob("build-*")
    assert not (folder / "manifest.json").exists()
    if moment in ("folder", "schema", "about"):
        with pytest.raises(DamagedCollectionError, match="0 whole builds"):
            repair_manifest(folder)
    with samesay.open(folder, small_model()) as kb:
        kb.add([{"id": "a", "text": "alone"}])
        assert kb.check().problems == ()
    assert not left.exists()
    (folder / "manifest.json").unlink()
    left.mkdir()
    (left / "catalogue.sqlite").touch()
    assert repair_manifest(folder) == kb.manifest
    with samesay.open(folder, small_model()) as kb:
        assert len(kb) == 1


def test_compacting_makes_full_text_anew_when_its_words_are_of_another_version(kb: Collection) -> None:
    import sqlite3

    assert kb.folder is not None
    expected = kb.search("amber birch", 20, mode="text")
    words = kb.manifest.tokens
    path = kb.folder / "manifest.json"
    path.write_text(path.read_text("utf-8").replace(words, "0, none"), "utf-8")
    (catalogue,) = kb.folder.glob("build-*/catalogue.sqlite")
    database = sqlite3.connect(catalogue)
    with database:  # as if a dictionary of that version had known other words and lengths
        database.execute("UPDATE postings SET term = 'x' || term")
        database.execute("UPDATE segments SET tokens = tokens + row")
    database.close()
    with samesay.open(kb.folder, small_model()) as other:
        report = other.check()
        assert report.problems == ()
        assert any("samesay collection compact" in note for note in report.notes)
        other.compact()
        assert other.manifest.tokens == words
        assert other.check().notes == ()
        assert other.search("amber birch", 20, mode="text") == expected
    assert kb.search("amber birch", 20, mode="text") == expected
    assert kb.check().problems == ()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x", "utf-8")
    with pytest.raises(CollectionError, match=r"precious\.txt"):
        samesay.open(tmp_path, small_model())
    assert [path.name for path in tmp_path.iterdir() if path.name != "write.lock"] == ["precious.txt"]
    with pytest.raises(CollectionError, match="there is no collection"):
        samesay.open(tmp_path / "none", create=False)
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(CollectionError):
        samesay.open(tmp_path / "file", small_model())


def test_settings_of_a_collection_cannot_be_changed_by_opening_it(kb: Collection) -> None:
    assert kb.folder is not None
    for settings in (
        {"storage": "int8"},
        {"segment_tokens": 7},
        {"weighting": "position"},
        {"store": "memory"},
    ):
        with pytest.raises(CollectionError, match="samesay collection upgrade"):
            samesay.open(kb.folder, small_model(), **settings)
    kb.close()
    with pytest.raises(CollectionError, match="closed"):
        kb.search("x")
