"""A corpus to a folder of vectors: parts that are done are never done again, and none is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from samesay.distributed.executor import Executor, LocalExecutor
from samesay.distributed.parts import PART_ROWS
from samesay.distributed.planning import plan_corpus
from samesay.distributed.target import FolderRecipe, begin, check_written, finish, locked, look, read_recipe
from samesay.distributed.work import EmbeddingSettings, PartReport, Work, origin
from samesay.errors import OutputFileError, RemoteError
from samesay.filesystems import Storage, stored_files

if TYPE_CHECKING:
    from samesay.engine.base import Precision

Progress = Callable[[int, int], object]
Notice = Callable[[str], object]


@dataclass(frozen=True)
class CorpusReport:
    """What a folder of vectors has now.

    Args:
        texts: How many vectors.
        width: Numbers in each.
        parts: How many files.
        embedded: How many texts were embedded in this run; the others were there.
        cut_texts: How many texts were cut to the model's limit.
        changed: Parts that were there and were done again, as their texts have changed.
        removed: Parts whose texts there are no more.
        ignored: Files of the corpus that are of no kind that is read.
    """

    texts: int
    width: int
    parts: int
    embedded: int
    cut_texts: int
    changed: int
    removed: int
    ignored: int


def embed(
    corpus: str | Path,
    target: str | Path,
    *,
    model: str | Path | None = None,
    ray: str | None = None,
    column: str | None = None,
    prompt: Literal["query", "document"] | None = "document",
    task: str | None = None,
    dimensions: int | None = None,
    overlength: Literal["error", "truncate"] = "error",
    precision: Precision | None = None,
    threads: int | None = None,
    device: str | None = None,
    batch_tokens: int = EmbeddingSettings.batch_tokens,
    part_rows: int | None = None,
    progress: Progress | None = None,
    notice: Notice | None = None,
) -> CorpusReport:
    """Embed all texts of a folder into Parquet files in another, here or on a Ray cluster.

    Call it again after any end: finished parts are kept. The vectors are the same to the bit wherever and
    in however many processes they are computed.

    Args:
        corpus: A folder of ``.parquet``, ``.jsonl``, ``.csv``, ``.tsv`` and ``.txt`` files, or one such
            file; a path, or a URI of a file system that pyarrow or fsspec knows.
        target: The folder of the vectors, a path or a URI.
        model: As for ``samesay.load``.
        ray: The address of a Ray cluster: ``"host:port"``, ``"auto"`` for the one that runs here, or
            ``"local"`` to start one on this machine; None computes in this process.
        column: The column of the texts; by default ``text`` or the only one.
        prompt: What the texts are to the model: queries, documents, or neither.
        task: A task for the prompt, where the model takes one.
        dimensions: The width to cut vectors to.
        overlength: Refuse a text over the model's limit, or cut it.
        precision: As for ``samesay.load``.
        threads: Threads to compute with; on Ray of each worker, of which a node has as many as fit.
        device: As for ``samesay.load``; on Ray with ``"cuda"`` one worker a GPU.
        batch_tokens: Tokens embedded in one step; does not change the vectors.
        part_rows: Rows of a part at most; by default what the folder has, else 8192.
        progress: Called with (texts done, texts).
        notice: Told in one line what is to be known meanwhile.

    Raises:
        InputFileError: The corpus is not there, has no texts, or a row that is none.
        OutputFileError: The folder has vectors of something else, or cannot be written.
        TextError: A text cannot be embedded.
        DistributedError: The cluster cannot be reached, or cannot do it.
        MissingExtraError: ray or pyarrow is not installed.
        SamesayError: As ``samesay.load`` raises it.
    """
    settings = EmbeddingSettings(prompt, task, dimensions, overlength, batch_tokens)
    executor: AbstractContextManager[Executor]
    if ray is None:
        from samesay.model import load

        loaded = load(model, precision=precision, threads=threads, device=device, notice=notice_of(notice))
        executor = nullcontext(LocalExecutor(loaded))
    else:
        from samesay.distributed.ray_executor import RayExecutor
        from samesay.distributed.worker import ModelChoice
        from samesay.remote.address import is_remote

        if isinstance(model, str) and is_remote(model):
            raise RemoteError(f"{model} is behind an endpoint, which needs no cluster here: leave out ray")
        choice = ModelChoice.of(model, precision, threads, device)
        executor = RayExecutor(ray, choice, notice_of(notice))
    with executor as workers:
        return embed_corpus(
            str(corpus), str(target), workers, settings, column=column, part_rows=part_rows, progress=progress
        )


def embed_corpus(
    corpus: str,
    target: str,
    executor: Executor,
    settings: EmbeddingSettings,
    *,
    column: str | None = None,
    part_rows: int | None = None,
    progress: Progress | None = None,
) -> CorpusReport:
    """Embed a corpus with workers that are there; see ``embed``."""
    storage, files = stored_files(corpus)
    folder = Storage(target)
    _check_apart(corpus, target)
    older = read_recipe(folder)
    part_rows = part_rows or (older.part_rows if older else PART_ROWS)
    plan = plan_corpus(storage, files, column, part_rows)
    if plan.column == "vector":
        raise OutputFileError("the texts' column is called 'vector', as that of the vectors; rename it")
    identity = executor.identity(settings.dimensions)
    metadata = origin(identity, settings)
    recipe = FolderRecipe(
        identity.fingerprint,
        str(identity),
        metadata["samesay.prompt"],
        metadata["samesay.task"],
        plan.column,
        plan.ids,
        part_rows,
    )
    work = Work(storage.place, folder.place, plan.column, plan.ids, settings, identity.dimensions, metadata)
    with locked(folder):
        begin(folder, recipe)
        state = look(folder, plan, recipe, may_be_cut=settings.overlength == "truncate")
        counted = _Counted(plan.rows - sum(part.rows for part in state.left), plan.rows, progress)
        made: list[PartReport] = []
        try:
            with closing(executor.run(work, state.left, counted.add)) as reports:
                for report in reports:
                    check_written(folder, report)
                    made.append(report)
        finally:
            folder.remove_unfinished()
        finish(folder, plan, recipe, state, made)
    return CorpusReport(
        texts=plan.rows,
        width=identity.dimensions,
        parts=len(plan.parts),
        embedded=sum(one.rows for one in made),
        cut_texts=sum(one.cut_texts for one in (*state.done, *made)),
        changed=state.changed,
        removed=len(state.gone),
        ignored=plan.ignored,
    )


def notice_of(notice: Notice | None) -> Callable[[str], None]:
    """A notice that may be given whether somebody listens or not."""

    def told(line: str) -> None:
        if notice:
            notice(line)

    return told


class _Counted:
    def __init__(self, done: int, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = done, total, progress
        self.add(0)

    def add(self, rows: int) -> None:
        self._done += rows
        if self._progress:
            self._progress(self._done, self._total)


def _check_apart(corpus: str, target: str) -> None:
    # Vectors below the corpus would be texts of the next run.
    texts, vectors = (_whole(place) for place in (corpus, target))
    if vectors == texts or vectors.startswith(f"{texts}/"):
        raise OutputFileError(f"{target} lies in the corpus {corpus}; give a folder beside it")


def _whole(place: str) -> str:
    if "://" in place:
        return place.partition("?")[0].rstrip("/")
    return Path(place).resolve().as_posix()
