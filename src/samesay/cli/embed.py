"""``samesay embed``: a file of texts to a file of vectors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from samesay.cli import output
from samesay.cli.embed_corpus import check_corpus, check_file, embed_to_folder, is_corpus, named_model
from samesay.cli.options import (
    ColumnOption,
    DeviceOption,
    DimensionsOption,
    ModelOption,
    Overlength,
    OverlengthOption,
    OverwriteOption,
    PrecisionOption,
    ProgressOption,
    TaskOption,
    ThreadsOption,
    loaded_model,
)
from samesay.cli.progress import text_progress
from samesay.embedding_job import (
    EmbeddingJob,
    EmbeddingReport,
    EmbeddingRequest,
    TextEncoder,
    kept_rows,
    kept_standard_input,
    prepared_job,
    run_job,
)
from samesay.textfiles import TextSource, line_source, text_source

if TYPE_CHECKING:
    from samesay.engine.base import Precision


class TextPrompt(str, Enum):
    """What the texts are to the model."""

    query = "query"
    document = "document"
    none = "none"

    @property
    def prompt(self) -> Literal["query", "document"] | None:
        """The argument of ``EmbeddingModel.encode``."""
        if self is TextPrompt.query:
            return "query"
        return "document" if self is TextPrompt.document else None


def embed_command(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="Texts: .txt, .csv, .tsv, .jsonl, .parquet, - for lines, or a folder."
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="OUT", help="File of the vectors, .npy or .parquet; or a folder/."
        ),
    ],
    column: ColumnOption = None,
    prompt: Annotated[
        TextPrompt,
        typer.Option(
            help="document: texts to be found. query: texts that search. none: the texts as they stand."
        ),
    ] = TextPrompt.document,
    task: TaskOption = None,
    model: ModelOption = None,
    dimensions: DimensionsOption = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    overlength: OverlengthOption = Overlength.error,
    batch_tokens: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Tokens embedded in one step; results do not depend on it."),
    ] = EmbeddingRequest.batch_tokens,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="[ADDRESS]",
            help="Compute on a Ray cluster: host:port, local to start one; else the one that runs here.",
        ),
    ] = None,
    part_rows: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="In a folder, rows of a file at most; 8192.")
    ] = None,
    overwrite: OverwriteOption = False,
    progress: ProgressOption = None,
) -> None:
    """Embed a file of texts: row i of the result is text i of the file.

    \b
    samesay embed notes.txt -o notes.npy
    samesay embed articles.csv --column body -o articles.parquet
    samesay embed corpus/ -o vectors/
    samesay embed s3://texts/2026 -o s3://vectors/2026 --ray head:6379

    Every line of a .txt file is a text, empty lines too. In .csv and .tsv the
    first row names the columns. Parquet keeps the texts, and the column id if
    there is one. Vectors have length 1.

    After Ctrl-C or a crash the same command goes on where it stopped; until the
    end its work is in OUT.partial and OUT.partial.json.

    A folder of texts gives a folder of Parquet files, part by part. What is done
    is not done again; a part whose texts have changed is.
    """  # noqa: D301
    if is_corpus(file, out, ray):
        check_corpus(file, out, overwrite=overwrite)
        from samesay.distributed import embed

        run = partial(
            embed,
            file,
            out,
            model=named_model(model),
            ray=ray,
            column=column,
            prompt=prompt.prompt,
            task=task,
            dimensions=dimensions,
            overlength=overlength.choice,
            precision=cast("Precision | None", precision),
            threads=threads,
            device=device,
            batch_tokens=batch_tokens,
            part_rows=part_rows,
        )
        embed_to_folder(run, out, progress)
        return
    target = Path(out)
    check_file(target, part_rows, overwrite=overwrite)
    with _source(file, column, target) as source:
        output.say_column(source, column)
        embedder = loaded_model(model, precision, threads, device)
        request = EmbeddingRequest(
            source, target, prompt.prompt, task, dimensions, overlength.choice, batch_tokens
        )
        with prepared_job(request, embedder) as job:
            report = _run(job, embedder, progress)
    output.say(f"{out}: {report.texts} vectors of {report.width} dimensions")
    if report.cut_texts:
        output.say(f"{report.cut_texts} of {report.texts} texts were cut to {embedder.max_tokens} tokens")


@contextmanager
def _source(file: str, column: str | None, out: Path) -> Iterator[TextSource]:
    if file != "-":
        yield text_source(Path(file), column)
        return
    with kept_standard_input(sys.stdin.buffer, out) as kept:
        yield line_source(kept, "standard input")


def _run(job: EmbeddingJob, model: TextEncoder, wanted: bool | None) -> EmbeddingReport:
    done = job.start.rows
    if job.started_over:
        output.say(f"starting over: {job.started_over}")
    elif done:
        output.say(f"going on after {done} of {job.texts} texts")
    try:
        with text_progress(job.texts, done, wanted) as show:
            return run_job(job, model, progress=show)
    except KeyboardInterrupt:
        kept = kept_rows(job)
        if not kept:
            raise
        raise KeyboardInterrupt(
            f"{kept} of {job.texts} texts are kept; the same command goes on from there"
        ) from None
