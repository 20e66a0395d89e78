from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from corpora import (
    MODEL,
    Watched,
    content,
    manifest,
    run,
    sentences,
    vectors_in_order,
    write_jsonl,
    write_mixed,
)

from samesay.distributed import embed
from samesay.distributed.work import EmbeddingSettings
from samesay.errors import (
    DistributedError,
    InputFileError,
    MissingExtraError,
    OutputFileError,
    OverlengthError,
    RemoteError,
)
from samesay.model import EmbeddingModel, load


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddingModel]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMESAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield load(MODEL, precision="fp32", threads=1)


def test_all_kinds_of_files_give_the_vectors_of_their_texts_in_order(
    tmp_path: Path, model: EmbeddingModel
) -> None:
    texts = sentences(100)
    write_mixed(tmp_path / "corpus", texts)
    report = run(tmp_path / "corpus", tmp_path / "vectors", model, part_rows=7)
    assert (report.texts, report.embedded, report.parts, report.width) == (100, 100, 15, 36)
    found, vectors = vectors_in_order(tmp_path / "vectors")
    assert found == texts
    assert np.array_equal(vectors, model.encode(texts, prompt="document"))
    # Readers of data sets see the same, and nothing else that lies in the folder.
    table = ds.dataset(tmp_path / "vectors").to_table()
    assert table["text"].to_pylist() == texts
    assert table.schema.names == ["id", "text", "vector"]


def test_every_part_says_what_made_it(tmp_path: Path, model: EmbeddingModel) -> None:
    write_jsonl(tmp_path / "a.jsonl", sentences(12), ids=True)
    run(tmp_path / "a.jsonl", tmp_path / "vectors", model)
    for part in manifest(tmp_path / "vectors")["parts"]:
        schema = pq.read_schema(tmp_path / "vectors" / part["name"])
        assert schema.metadata[b"samesay.fingerprint"].decode() == model.identity.fingerprint
        assert schema.metadata[b"samesay.prompt"] == b"document"
        assert schema.metadata[b"samesay.source"] == b"a.jsonl"
        assert schema.field("id").type == pa.int64()
        assert schema.field("vector").type == pa.list_(pa.float32(), 36)


def test_a_second_run_does_nothing_and_changes_nothing(tmp_path: Path, model: EmbeddingModel) -> None:
    write_mixed(tmp_path / "corpus", sentences(60))
    run(tmp_path / "corpus", tmp_path / "vectors", model)
    before = content(tmp_path / "vectors")
    watched = Watched(model)
    report = run(tmp_path / "corpus", tmp_path / "vectors", watched)
    assert watched.done == []
    assert (report.texts, report.embedded) == (60, 0)
    assert content(tmp_path / "vectors") == before


def interrupt_after(parts: int) -> Callable[[int], None]:
    def after(done: int) -> None:
        if done >= parts:
            raise KeyboardInterrupt

    return after


def test_a_run_may_end_after_every_part_and_none_is_done_twice_or_lost(
    tmp_path: Path, model: EmbeddingModel
) -> None:
    write_mixed(tmp_path / "corpus", sentences(60))
    run(tmp_path / "corpus", tmp_path / "whole", model)
    done: list[str] = []
    for _ in range(20):
        watched = Watched(model, interrupt_after(1))
        try:
            run(tmp_path / "corpus", tmp_path / "vectors", watched)
            break
        except KeyboardInterrupt:
            assert manifest(tmp_path / "vectors")["complete"] is False
        finally:
            done += watched.done
    assert sorted(done) == [part["name"] for part in manifest(tmp_path / "whole")["parts"]]
    assert content(tmp_path / "vectors") == content(tmp_path / "whole")


class Killed(BaseException):
    """Stands for a process that ends at once."""


@pytest.mark.parametrize("moment", range(6))
def test_a_crash_at_any_write_leaves_whole_parts_only(
    tmp_path: Path, model: EmbeddingModel, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    write_jsonl(tmp_path / "a.jsonl", sentences(30))
    run(tmp_path / "a.jsonl", tmp_path / "whole", model)
    calls = iter(range(100))
    fsync = os.fsync

    def crashing(descriptor: int) -> None:
        if next(calls) >= moment:
            raise Killed
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", crashing)
        # What a process that is killed cannot do either.
        patch.setattr("samesay.filesystems.Storage._remove_if_there", lambda *_: None)
        try:
            run(tmp_path / "a.jsonl", tmp_path / "vectors", model)
        except Killed:
            assert any(name.endswith(".new") for name in content(tmp_path / "vectors"))
    expected = content(tmp_path / "whole")
    for name, written in content(tmp_path / "vectors").items():
        assert name.endswith((".new", ".json")) or written == expected[name]
    run(tmp_path / "a.jsonl", tmp_path / "vectors", model)
    assert content(tmp_path / "vectors") == expected


def test_changed_texts_are_embedded_again_and_gone_ones_removed(
    tmp_path: Path, model: EmbeddingModel
) -> None:
    texts = sentences(40)
    corpus = tmp_path / "corpus"
    write_jsonl(corpus / "a.jsonl", texts[:20])
    write_jsonl(corpus / "b.jsonl", texts[20:])
    write_jsonl(corpus / "c.jsonl", texts)
    run(corpus, tmp_path / "vectors", model)
    write_jsonl(corpus / "b.jsonl", [*texts[20:35], "another"])
    (corpus / "c.jsonl").unlink()
    report = run(corpus, tmp_path / "vectors", model)
    assert (report.texts, report.embedded, report.changed, report.removed) == (36, 6, 1, 4)
    found, vectors = vectors_in_order(tmp_path / "vectors")
    assert found == [*texts[:35], "another"]
    assert np.array_equal(vectors, model.encode(found, prompt="document"))
    run(corpus, tmp_path / "new", model)
    assert content(tmp_path / "vectors") == content(tmp_path / "new")


def test_a_parquet_file_of_the_same_shape_with_other_texts_is_noticed(
    tmp_path: Path, model: EmbeddingModel
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    pq.write_table(pa.table({"text": ["aa", "bb", "cc"]}), corpus / "a.parquet")
    pq.write_table(pa.table({"text": ["aa", "bx", "cc"]}), corpus / "b.parquet")
    run(corpus, tmp_path / "vectors", model)
    shutil.copy(corpus / "b.parquet", corpus / "a.parquet")
    assert run(corpus, tmp_path / "vectors", model).changed == 1
    assert vectors_in_order(tmp_path / "vectors")[0] == ["aa", "bx", "cc"] * 2


def test_files_of_others_in_the_folder_stay(tmp_path: Path, model: EmbeddingModel) -> None:
    corpus, vectors = tmp_path / "corpus", tmp_path / "vectors"
    write_jsonl(corpus / "a.jsonl", sentences(10))
    write_jsonl(corpus / "b.jsonl", sentences(10, 2))
    run(corpus, vectors, model)
    # One of theirs was made of ours, and says of its making what ours said.
    pq.write_table(pq.read_table(vectors / "b.jsonl-000000.parquet"), vectors / "my-results-202601.parquet")
    pq.write_table(pa.table({"n": [1]}), vectors / "theirs-000000.parquet")
    (vectors / "broken-000000.parquet").write_bytes(b"no Parquet")
    (corpus / "b.jsonl").unlink()
    report = run(corpus, vectors, model)
    assert (report.removed, report.embedded) == (1, 0)
    assert {name for name in content(vectors) if name.endswith(".parquet")} == {
        "a.jsonl-000000.parquet",
        "broken-000000.parquet",
        "my-results-202601.parquet",
        "theirs-000000.parquet",
    }


def test_a_damaged_part_is_done_again(tmp_path: Path, model: EmbeddingModel) -> None:
    write_jsonl(tmp_path / "a.jsonl", sentences(30))
    run(tmp_path / "a.jsonl", tmp_path / "vectors", model)
    before = content(tmp_path / "vectors")
    part = tmp_path / "vectors" / "a.jsonl-000001.parquet"
    part.write_bytes(part.read_bytes()[:100])
    assert run(tmp_path / "a.jsonl", tmp_path / "vectors", model).embedded == 10
    assert content(tmp_path / "vectors") == before


def test_a_folder_of_other_vectors_is_refused_and_left_alone(tmp_path: Path, model: EmbeddingModel) -> None:
    corpus = write_jsonl(tmp_path / "a.jsonl", sentences(20))
    run(corpus, tmp_path / "vectors", model)
    before = content(tmp_path / "vectors")
    other = load(MODEL.parent / "bert-cls", precision="fp32", threads=1)
    with pytest.raises(OutputFileError, match=r"the model: there bert-mean.*now bert-cls"):
        run(corpus, tmp_path / "vectors", other)
    query = EmbeddingSettings(prompt="query")
    with pytest.raises(OutputFileError, match="the prompt: there document, now query"):
        run(corpus, tmp_path / "vectors", model, query)
    with pytest.raises(OutputFileError, match="rows in a part: there 10, now 11"):
        run(corpus, tmp_path / "vectors", model, part_rows=11)
    with pytest.raises(OutputFileError, match="none of them is of these texts"):
        run(write_jsonl(tmp_path / "b.jsonl", sentences(20, 2)), tmp_path / "vectors", model)
    assert {name: data for name, data in content(tmp_path / "vectors").items() if "json-" in name} == {
        name: data for name, data in before.items() if "json-" in name
    }
    assert run(corpus, tmp_path / "vectors", model, part_rows=None).embedded == 0
    assert content(tmp_path / "vectors") == before


def test_a_folder_of_other_widths_is_refused(tmp_path: Path) -> None:
    qwen = load(MODEL.parent / "qwen3-gqa2", precision="fp32", threads=1, matryoshka=True)
    corpus = write_jsonl(tmp_path / "a.jsonl", sentences(5))
    run(corpus, tmp_path / "vectors", qwen, EmbeddingSettings(dimensions=32))
    with pytest.raises(OutputFileError, match=r"the model: there .* 32 dimensions.*, now "):
        run(corpus, tmp_path / "vectors", qwen)


def test_folders_that_are_not_ours_are_refused(tmp_path: Path, model: EmbeddingModel) -> None:
    corpus = tmp_path / "corpus"
    write_jsonl(corpus / "a.jsonl", sentences(5))
    with pytest.raises(OutputFileError, match="lies in the corpus"):
        run(corpus, corpus / "vectors", model)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("Dear")
    with pytest.raises(OutputFileError, match=r"letter\.txt"):
        run(corpus, tmp_path / "other", model)
    with pytest.raises(OutputFileError, match="is a file"):
        run(corpus, tmp_path / "other" / "letter.txt", model)
    (tmp_path / "other" / "_samesay.json").write_text("{}")
    with pytest.raises(OutputFileError, match="not what samesay writes"):
        run(corpus, tmp_path / "other", model)


def test_two_processes_do_not_write_one_folder(tmp_path: Path, model: EmbeddingModel) -> None:
    corpus = write_jsonl(tmp_path / "a.jsonl", sentences(30))

    def second(_: int) -> None:
        with pytest.raises(OutputFileError, match="another process is writing"):
            run(corpus, tmp_path / "vectors", model)

    watched = Watched(model, second)
    run(corpus, tmp_path / "vectors", watched)
    assert len(watched.done) == 3


BAD = {
    "missing column": ("a.jsonl", '{"text": "a"}\n{"body": "b"}\n', "a.jsonl, line 2: no 'text'"),
    "null": ("a.jsonl", '{"text": "a"}\n\n{"text": null}\n', "a.jsonl, line 3: 'text' is null"),
    "ragged": ("a.csv", "text,n\na,1\nb\n", "a.csv, line 3: 1 column where the first row has 2"),
    "no such column": ("a.csv", "body,n\na,1\n", "no column 'text'; it has 'body', 'n'"),
    "binary": ("a.txt", "a\nb\0\n", "a.txt, line 2: holds a NUL byte"),
    "no rows": ("a.csv", "text\n", "has no text in its files"),
    "no kind": ("a.pdf", "text\n", "has no file of these kinds"),
    "not Parquet": ("a.parquet", "text\n", "a.parquet cannot be read as Parquet"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_text_is_told_before_anything_is_written(
    tmp_path: Path, model: EmbeddingModel, case: str
) -> None:
    name, written, told = BAD[case]
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / name).write_text(written, "utf-8")
    with pytest.raises(InputFileError) as raised:
        run(tmp_path / "corpus", tmp_path / "vectors", model)
    assert told in str(raised.value)
    assert not (tmp_path / "vectors").exists()


def test_nulls_and_numbers_in_parquet_are_told_before_anything_is_written(
    tmp_path: Path, model: EmbeddingModel
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a", None, None]}), path)
    with pytest.raises(InputFileError, match="2 of 3 values in 'text' are null"):
        run(path, tmp_path / "vectors", model)
    pq.write_table(pa.table({"text": [1, 2]}), path)
    with pytest.raises(InputFileError, match="'text' is of type int64"):
        run(path, tmp_path / "vectors", model)
    assert not (tmp_path / "vectors").exists()


def test_a_text_that_is_too_long_is_named_with_its_line(tmp_path: Path, model: EmbeddingModel) -> None:
    texts = [*sentences(25), "word " * model.max_tokens]
    corpus = write_jsonl(tmp_path / "a.jsonl", texts)
    with pytest.raises(OverlengthError, match=r"^a\.jsonl, line 26: has \d+ tokens"):
        run(corpus, tmp_path / "vectors", model)
    assert len([name for name in content(tmp_path / "vectors") if name.endswith(".parquet")]) == 2
    cut = replace(EmbeddingSettings(), overlength="truncate")
    report = run(corpus, tmp_path / "vectors", model, cut)
    assert (report.embedded, report.cut_texts) == (6, 1)
    # Where none may be cut, the part in which one was does not count as done.
    with pytest.raises(OverlengthError):
        run(corpus, tmp_path / "vectors", model)


def test_a_file_that_changes_during_the_work_is_an_error(tmp_path: Path, model: EmbeddingModel) -> None:
    corpus = write_jsonl(tmp_path / "a.jsonl", sentences(30))

    def change(done: int) -> None:
        if done == 1:
            write_jsonl(corpus, sentences(30, 2))

    with pytest.raises(InputFileError, match=r"a\.jsonl was changed while it was read"):
        run(corpus, tmp_path / "vectors", Watched(model, change))


def test_ids_are_of_one_kind_in_all_parts(tmp_path: Path, model: EmbeddingModel) -> None:
    corpus = tmp_path / "corpus"
    write_jsonl(corpus / "a.jsonl", sentences(3), ids=True)
    (corpus / "b.csv").write_text("id,text\nx,one\n", "utf-8")
    (corpus / "c.txt").write_text("no id\n", "utf-8")
    run(corpus, tmp_path / "vectors", model)
    table = ds.dataset(tmp_path / "vectors").to_table()
    assert table["id"].to_pylist() == ["0", "1", "2", "x", None]


def test_any_file_system_that_fsspec_knows_will_do(tmp_path: Path, model: EmbeddingModel) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    memory = fsspec.filesystem("memory")
    texts = sentences(50)
    write_mixed(tmp_path / "corpus", texts)
    memory.put(str(tmp_path / "corpus"), "/here/corpus", recursive=True)
    try:
        with pytest.raises(KeyboardInterrupt):
            run("memory://here/corpus", "memory://there", Watched(model, interrupt_after(2)))
        report = run("memory://here/corpus", "memory://there", model)
        assert (report.texts, report.embedded) == (50, 30)
        run(tmp_path / "corpus", tmp_path / "vectors", model)
        stored = {name.removeprefix("/there/"): memory.cat(name) for name in memory.find("/there")}
        local = content(tmp_path / "vectors")
        assert stored.keys() == local.keys()
        # The time of a Parquet file of texts is part of what its vectors remember, and fsspec tells none.
        assert all(data == local[name] for name, data in stored.items() if not name.startswith("e/"))
    finally:
        memory.rm("/here", recursive=True)
        memory.rm("/there", recursive=True)


def test_a_uri_of_this_machine_is_its_folder(tmp_path: Path, model: EmbeddingModel) -> None:
    write_mixed(tmp_path / "corpus", sentences(50))
    run((tmp_path / "corpus").as_uri(), (tmp_path / "a").as_uri(), model)
    run(tmp_path / "corpus", tmp_path / "b", model)
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.parametrize("place", ["nowhere", "unknown://host/folder", "memory://nowhere"])
def test_places_that_are_not_there_are_told(tmp_path: Path, model: EmbeddingModel, place: str) -> None:
    with pytest.raises(InputFileError, match=place):
        run(place, tmp_path / "vectors", model)


def test_embed_loads_the_model_and_counts_all_texts(tmp_path: Path) -> None:
    corpus = write_jsonl(tmp_path / "a.jsonl", sentences(25))
    told: list[tuple[int, int]] = []
    report = embed(
        corpus,
        tmp_path / "vectors",
        model=MODEL,
        precision="fp32",
        threads=1,
        part_rows=10,
        progress=lambda done, total: told.append((done, total)),
    )
    assert report.texts == 25
    assert told[0] == (0, 25)
    assert told[-1] == (25, 25)
    assert manifest(tmp_path / "vectors")["rows"] == 25


def test_without_ray_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    corpus = write_jsonl(tmp_path / "a.jsonl", sentences(3))
    with pytest.raises(MissingExtraError, match=r"samesay\[ray\]"):
        embed(corpus, tmp_path / "vectors", model=MODEL, ray="auto")


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    corpus = write_jsonl(tmp_path / "a.jsonl", sentences(3))
    with pytest.raises(DistributedError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        embed(corpus, tmp_path / "vectors", model=MODEL, ray="127.0.0.1:1")
    with pytest.raises(DistributedError, match="is no address"):
        embed(corpus, tmp_path / "vectors", model=MODEL, ray="somewhere")
    with pytest.raises(RemoteError, match="needs no cluster"):
        embed(corpus, tmp_path / "vectors", model="openai:text-embedding-3-small", ray="127.0.0.1:1")
    assert not (tmp_path / "vectors").exists()
