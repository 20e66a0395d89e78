from __future__ import annotations

import json
import os
import random
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from samesay.embedding_job import (
    EmbeddingReport,
    EmbeddingRequest,
    TextEncoder,
    kept_standard_input,
    prepared_job,
    run_job,
)
from samesay.errors import InputFileError, OutputFileError, OverlengthError
from samesay.identity import Identity
from samesay.model import EmbeddingModel, load
from samesay.textfiles import text_source

FIXTURES = Path(__file__).parents[1] / "fixtures"
WORDS = ["the", "cat", "sleeps", "under", "a", "tree", "猫", "睡觉", "été", "42"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddingModel]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMESAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield load(FIXTURES / "bert-mean", precision="fp32", threads=1)


class Watched:
    """A model that does something of the test's before every batch."""

    def __init__(self, model: TextEncoder, before: Callable[[int], None]) -> None:
        self._model = model
        self._before = before
        self.texts = 0
        self.name = model.name
        self.dimensions = model.dimensions

    def identity_at(self, dimensions: int) -> Identity:
        return self._model.identity_at(dimensions)

    @property
    def read_ahead(self) -> int:
        return self._model.read_ahead

    def check(
        self,
        texts: Sequence[str],
        *,
        prompt: Literal["query", "document"] | None,
        task: str | None,
        overlength: Literal["error", "truncate"],
    ) -> None:
        self._model.check(texts, prompt=prompt, task=task, overlength=overlength)

    def encode_steps(
        self,
        texts: Sequence[str],
        *,
        prompt: Literal["query", "document"] | None,
        task: str | None,
        dimensions: int | None,
        overlength: Literal["error", "truncate"],
        step_tokens: int,
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        steps = self._model.encode_steps(
            texts,
            prompt=prompt,
            task=task,
            dimensions=dimensions,
            overlength=overlength,
            step_tokens=step_tokens,
        )
        for vectors, cut in steps:
            self._before(self.texts)
            self.texts += len(vectors)
            yield self.changed(vectors), cut

    def changed(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return vectors


def interrupt_after(texts: int) -> Callable[[int], None]:
    def before(done: int) -> None:
        if done >= texts:
            raise KeyboardInterrupt

    return before


def sentences(count: int, seed: int = 1) -> list[str]:
    chosen = random.Random(seed)
    return [" ".join(chosen.choices(WORDS, k=chosen.randint(0, 12))) for _ in range(count)]


def write_lines(path: Path, texts: Sequence[str]) -> Path:
    path.write_text("".join(text + "\n" for text in texts), "utf-8")
    return path


def request_for(folder: Path, texts: Sequence[str], target: str = "out.npy") -> EmbeddingRequest:
    source = text_source(write_lines(folder / "in.txt", texts))
    return EmbeddingRequest(source, folder / target, batch_tokens=64)


def run(request: EmbeddingRequest, model: TextEncoder) -> EmbeddingReport:
    with prepared_job(request, model) as job:
        return run_job(job, model)


def interrupted(request: EmbeddingRequest, model: TextEncoder, after: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(request, Watched(model, interrupt_after(after)))
    assert not request.target.exists()


@contextmanager
def looked_into(request: EmbeddingRequest, model: TextEncoder) -> Iterator[tuple[int, str | None]]:
    with prepared_job(request, model) as job:
        yield job.start.rows, job.started_over


def journal_rows(request: EmbeddingRequest) -> int:
    journal = json.loads(request.target.with_name(request.target.name + ".partial.json").read_text("utf-8"))
    return int(journal["rows"])


def test_row_i_is_the_vector_of_line_i(tmp_path: Path, model: EmbeddingModel) -> None:
    texts = [*sentences(100), "", "last"]
    request = request_for(tmp_path, texts)
    report = run(request, model)
    assert report == EmbeddingReport(102, model.dimensions, 0)
    vectors = np.load(request.target)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, model.encode(texts, prompt="document"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.npy"]


def test_npy_is_the_file_that_numpy_writes(tmp_path: Path, model: EmbeddingModel) -> None:
    request = request_for(tmp_path, sentences(30))
    run(request, model)
    np.save(tmp_path / "numpy.npy", model.encode(sentences(30), prompt="document"))
    assert request.target.read_bytes() == (tmp_path / "numpy.npy").read_bytes()


def test_prompt_and_dimensions_are_those_asked_for(tmp_path: Path) -> None:
    qwen = load(FIXTURES / "qwen3-gqa2", precision="fp32", threads=1, matryoshka=True)
    texts = sentences(10)
    request = replace(request_for(tmp_path, texts), prompt="query", task="legal", dimensions=32)
    assert run(request, qwen).width == 32
    expected = qwen.encode(texts, prompt="query", task="legal", dimensions=32)
    assert np.array_equal(np.load(request.target), expected)


def test_cut_queries_are_counted_and_not_warned_about(tmp_path: Path) -> None:
    qwen = load(FIXTURES / "qwen3-gqa2", precision="fp32", threads=1)
    texts = ["a", "word " * qwen.max_tokens, "b"]
    request = replace(request_for(tmp_path, texts), prompt="query", overlength="truncate")
    assert run(request, qwen).cut_texts == 1
    vectors = np.load(request.target)
    assert np.array_equal(vectors[::2], qwen.encode(texts[::2], prompt="query"))
    cut = qwen.tokenize(texts, prompt="query", overlength="truncate")
    assert np.array_equal(vectors, qwen.encode_tokens(cut))


def test_the_size_of_a_batch_changes_nothing(tmp_path: Path, model: EmbeddingModel) -> None:
    files = []
    for batch_tokens in (1, 50, 100_000):
        request = replace(
            request_for(tmp_path, sentences(60), f"{batch_tokens}.npy"), batch_tokens=batch_tokens
        )
        run(request, model)
        files.append(request.target.read_bytes())
    assert files[0] == files[1] == files[2]


def test_parquet_has_texts_ids_vectors_and_identity(tmp_path: Path, model: EmbeddingModel) -> None:
    path = tmp_path / "in.csv"
    path.write_text('id,body\n07,"one, two"\n8,zwei\n', "utf-8")
    request = EmbeddingRequest(text_source(path, "body"), tmp_path / "out.parquet")
    run(request, model)
    table = pq.read_table(request.target)
    assert table.column_names == ["id", "body", "vector"]
    assert table.schema.field("vector").type == pa.list_(pa.float32(), model.dimensions)
    assert table["id"].to_pylist() == ["07", "8"]
    assert table["body"].to_pylist() == ["one, two", "zwei"]
    vectors = np.stack(table["vector"].to_numpy())
    assert np.array_equal(vectors, model.encode(["one, two", "zwei"], prompt="document"))
    metadata = table.schema.metadata
    assert metadata[b"samesay.identity"].decode() == str(model.identity)
    assert metadata[b"samesay.fingerprint"].decode() == model.identity.fingerprint
    assert metadata[b"samesay.prompt"] == b"document"


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["1", "2"], [1, 2]),
        (['"a"', "2"], ["a", "2"]),
        (["1", "null"], [1, None]),
        ([str(2**70), "2"], [str(2**70), "2"]),
    ],
)
def test_ids_keep_their_kind(
    tmp_path: Path, model: EmbeddingModel, ids: list[str], expected: list[object]
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(f'{{"text": "a", "id": {value}}}\n' for value in ids), "utf-8")
    request = EmbeddingRequest(text_source(path), tmp_path / "out.parquet")
    run(request, model)
    assert pq.read_table(request.target)["id"].to_pylist() == expected


def test_a_column_called_vector_is_refused_in_parquet(tmp_path: Path, model: EmbeddingModel) -> None:
    path = tmp_path / "in.csv"
    path.write_text("vector\na\n", "utf-8")
    with pytest.raises(OutputFileError, match="called 'vector' as well"):
        run(EmbeddingRequest(text_source(path), tmp_path / "out.parquet"), model)


@pytest.mark.parametrize("target", ["out.npy", "out.parquet"])
def test_an_interrupted_run_goes_on_and_ends_in_the_same_bytes(
    tmp_path: Path, model: EmbeddingModel, target: str
) -> None:
    whole = request_for(tmp_path, sentences(200), f"whole-{target}")
    run(whole, model)
    request = replace(whole, target=tmp_path / target)
    for after in (40, 50, 60):
        interrupted(request, model, after)
    done = journal_rows(request)
    assert done >= 150
    watched = Watched(model, lambda _: None)
    run(request, watched)
    assert watched.texts == 200 - done
    assert request.target.read_bytes() == whole.target.read_bytes()


def test_a_run_may_end_after_every_single_batch(tmp_path: Path, model: EmbeddingModel) -> None:
    whole = request_for(tmp_path, sentences(20), "whole.npy")
    run(whole, model)
    request = replace(whole, target=tmp_path / "out.npy", batch_tokens=1)
    for _ in range(19):
        interrupted(request, model, 1)
    run(request, model)
    assert request.target.read_bytes() == whole.target.read_bytes()


class Crash(BaseException):
    """Stands for a machine that stops."""


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_crash_at_any_write_leaves_a_journal_that_holds(
    tmp_path: Path, model: EmbeddingModel, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    whole = request_for(tmp_path, sentences(12), "whole.npy")
    run(whole, model)
    expected = np.load(whole.target)
    crashes = 0
    real: Callable[..., object] = os.fsync if call == "fsync" else Path.replace
    for moment in range(100):
        request = replace(whole, target=tmp_path / f"{moment}.npy", batch_tokens=1)
        calls = iter(range(1000))

        def crashing(*arguments: object, moment: int = moment, calls: Iterator[int] = calls) -> None:
            if next(calls) >= moment:
                raise Crash
            real(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(os if call == "fsync" else Path, call, crashing)
            try:
                with prepared_job(request, model) as job:
                    run_job(job, model, save_seconds=0)
            except Crash:
                crashes += 1
        partial = tmp_path / f"{moment}.npy.partial"
        if partial.with_suffix(".partial.json").exists():
            rows = journal_rows(request)
            stored = np.frombuffer(partial.read_bytes(), "<f4")[: rows * model.dimensions]
            assert np.array_equal(stored.reshape(-1, model.dimensions), expected[:rows])
        if request.target.exists():
            break
        run(request, model)
        assert request.target.read_bytes() == whole.target.read_bytes()
    assert crashes >= 10


def test_the_journal_counts_only_rows_that_reached_the_disk(
    tmp_path: Path, model: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(request_for(tmp_path, sentences(30)), batch_tokens=1)
    partial = tmp_path / "out.npy.partial"
    synced = 0
    journals = []
    fsync, replace_file = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        nonlocal synced
        fsync(descriptor)
        if os.path.samestat(os.fstat(descriptor), partial.stat()):
            synced = os.fstat(descriptor).st_size

    def watched_replace(path: Path, target: Path) -> Path:
        if target.name == "out.npy.partial.json":
            rows = int(json.loads(path.read_text("utf-8"))["rows"])
            assert 4 * rows * model.dimensions <= synced
            journals.append(rows)
        return replace_file(path, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    with prepared_job(request, model) as job:
        run_job(job, model, save_seconds=0)
    assert journals == [*range(1, 31), 30]


def test_other_options_start_over_and_say_why(tmp_path: Path, model: EmbeddingModel) -> None:
    request = request_for(tmp_path, sentences(50))
    interrupted(request, model, 20)
    with looked_into(request, model) as (rows, why):
        assert rows >= 20
        assert why is None
    with looked_into(replace(request, prompt=None), model) as found:
        assert found == (0, "the prompt has changed")
    other = load(FIXTURES / "bert-cls", precision="fp32", threads=1)
    with looked_into(request, other) as found:
        assert found == (0, "the model has changed")


def test_another_model_really_starts_over(tmp_path: Path, model: EmbeddingModel) -> None:
    other = load(FIXTURES / "bert-cls", precision="fp32", threads=1)
    request = request_for(tmp_path, sentences(50))
    interrupted(request, model, 20)
    run(request, other)
    assert np.array_equal(np.load(request.target), other.encode(sentences(50), prompt="document"))


def test_changed_texts_start_over_unless_they_come_later(tmp_path: Path, model: EmbeddingModel) -> None:
    texts = sentences(50)
    request = request_for(tmp_path, texts)
    interrupted(request, model, 20)
    done = journal_rows(request)
    for changed in (["new", *texts], [*texts[: done - 1], "new", *texts[done:]], texts[: done - 1]):
        write_lines(request.source.path, changed)
        with looked_into(request, model) as found:
            assert found == (0, "the texts have changed")
    longer = [*texts[:done], "new", *texts[done:]]
    write_lines(request.source.path, longer)
    with looked_into(request, model) as found:
        assert found == (done, None)
    run(request, model)
    assert np.array_equal(np.load(request.target), model.encode(longer, prompt="document"))


def test_the_same_characters_in_other_lines_are_other_texts(tmp_path: Path, model: EmbeddingModel) -> None:
    request = request_for(tmp_path, ["ab", "c", *sentences(50)])
    interrupted(request, model, 20)
    write_lines(request.source.path, ["a", "bc", *sentences(50)])
    with looked_into(request, model) as found:
        assert found == (0, "the texts have changed")


@pytest.mark.parametrize("damage", ["{}", "not json", '{"format": 99}', "[]", ""])
def test_a_damaged_journal_starts_over(tmp_path: Path, model: EmbeddingModel, damage: str) -> None:
    request = request_for(tmp_path, sentences(50))
    interrupted(request, model, 20)
    (tmp_path / "out.npy.partial.json").write_text(damage, "utf-8")
    with looked_into(request, model) as found:
        assert found == (0, "its journal is damaged")
    run(request, model)
    assert np.array_equal(np.load(request.target), model.encode(sentences(50), prompt="document"))


def test_missing_vectors_start_over(tmp_path: Path, model: EmbeddingModel) -> None:
    request = request_for(tmp_path, sentences(50))
    interrupted(request, model, 20)
    partial = tmp_path / "out.npy.partial"
    partial.write_bytes(partial.read_bytes()[:-1])
    with looked_into(request, model) as found:
        assert found == (0, "out.npy.partial has fewer vectors than its journal says")
    partial.unlink()
    run(request, model)
    assert np.array_equal(np.load(request.target), model.encode(sentences(50), prompt="document"))


def test_a_text_that_is_too_long_is_told_with_its_line_and_may_be_mended(
    tmp_path: Path, model: EmbeddingModel
) -> None:
    long = "cat " * model.max_tokens
    texts = [*sentences(5000), long, "last"]
    request = request_for(tmp_path, texts)
    with pytest.raises(OverlengthError, match=r"in\.txt, line 5001: has \d+ tokens"):
        run(request, model)
    done = journal_rows(request)
    assert done > 0
    with looked_into(replace(request, overlength="truncate"), model) as found:
        assert found == (done, None)
    report = run(replace(request, overlength="truncate"), model)
    assert (report.texts, report.cut_texts) == (5002, 1)


def test_cut_texts_are_counted_over_an_interrupt(tmp_path: Path, model: EmbeddingModel) -> None:
    long = "cat " * model.max_tokens
    request = replace(request_for(tmp_path, [long, *sentences(50), long]), overlength="truncate")
    interrupted(request, model, 20)
    with looked_into(replace(request, overlength="error"), model) as found:
        assert found == (0, "texts were cut then, and now none may be")
    assert run(request, model).cut_texts == 2


def test_a_file_changed_meanwhile_is_told(tmp_path: Path, model: EmbeddingModel) -> None:
    texts = sentences(5000)
    request = request_for(tmp_path, texts)

    def change(done: int) -> None:
        if done == 0:
            write_lines(request.source.path, [*texts[:-1], "another"])

    with pytest.raises(InputFileError, match=r"in\.txt was changed while it was read"):
        run(request, Watched(model, change))
    assert not request.target.exists()


def test_two_processes_do_not_write_one_target(tmp_path: Path, model: EmbeddingModel) -> None:
    request = request_for(tmp_path, sentences(5))
    with prepared_job(request, model) as job:
        with pytest.raises(OutputFileError, match="another process is writing"), prepared_job(request, model):
            pass
        run_job(job, model)
    assert request.target.exists()


def test_a_full_disk_is_told_and_what_was_done_is_kept(
    tmp_path: Path, model: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_for(tmp_path, sentences(50))
    interrupted(request, model, 20)
    done = journal_rows(request)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputFileError, match=r"out\.npy cannot be written: No space left on device"):
            run(request, model)
    assert journal_rows(request) == done
    assert not request.target.exists()
    run(request, model)
    assert np.array_equal(np.load(request.target), model.encode(sentences(50), prompt="document"))


@pytest.mark.parametrize("target", ["out.npy", "out.parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, model: EmbeddingModel, target: str) -> None:
    width = 4096

    class Wide(Watched):
        def changed(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.ones((len(vectors), width), np.float32)

    wide = Wide(model, lambda _: None)
    wide.dimensions = width
    wide.identity_at = lambda dimensions: replace(model.identity, dimensions=dimensions)  # type: ignore[method-assign]
    request = request_for(tmp_path, ["a b"] * 10_000, target)
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        run(request, wide)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert request.target.stat().st_size > 4 * width * 10_000 * (target == "out.npy")
    assert peak < 48 * 2**20  # all the vectors are 160 MiB
    assert pa.total_allocated_bytes() - before < 48 * 2**20


def test_standard_input_is_kept_only_while_it_is_needed(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.txt", ["a", "b"])
    with path.open("rb") as stream, kept_standard_input(stream, tmp_path / "out.npy") as kept:
        assert kept.read_bytes() == path.read_bytes()
    assert not kept.exists()
