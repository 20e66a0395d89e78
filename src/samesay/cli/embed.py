"""``samesay embed``: a file of texts to a file of vectors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import typer

from samesay.cli import output
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
    kept_standard_input,
    prepared_job,
    run_job,
)
from samesay.textfiles import TextSource, line_source, text_source
from samesay.vectorfiles import VECTOR_FILES, check_target


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
        str, typer.Argument(metavar="FILE", help="Texts: .txt, .csv, .tsv, .jsonl, .parquet, or - for lines.")
    ],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="File of the vectors, .npy or .parquet.")
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
    overwrite: OverwriteOption = False,
    progress: ProgressOption = None,
) -> None:
    """Embed a file of texts: row i of the result is text i of the file.

    \b
    samesay embed notes.txt -o notes.npy
    samesay embed articles.csv --column body -o articles.parquet

    Every line of a .txt file is a text, empty lines too. In .csv and .tsv the
    first row names the columns. Parquet keeps the texts, and the column id if
    there is one. Vectors have length 1.

    After Ctrl-C or a crash the same command goes on where it stopped; until the
    end its work is in OUT.partial and OUT.partial.json.
    """  # noqa: D301
    check_target(out, VECTOR_FILES, overwrite=overwrite)
    with _source(file, column, out) as source:
        output.say_column(source, column)
        embedder = loaded_model(model, precision, threads, device)
        request = EmbeddingRequest(
            source, out, prompt.prompt, task, dimensions, overlength.choice, batch_tokens
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

            def progress(now: int) -> None:
                nonlocal done
                done = now
                show(now)

            return run_job(job, model, progress=progress)
    except KeyboardInterrupt:
        if not done:
            raise
        raise KeyboardInterrupt(
            f"{done} of {job.texts} texts are kept; the same command goes on from there"
        ) from None
