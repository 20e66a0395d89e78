"""``samesay matrix``: every text of a file against every other."""

from __future__ import annotations

import csv
import io
import json as json_format
import math
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samesay.cli import output
from samesay.cli.locating import located
from samesay.cli.options import (
    ColumnOption,
    DeviceOption,
    DimensionsOption,
    JsonOption,
    ModelOption,
    Overlength,
    OverlengthOption,
    OverwriteOption,
    PairPrompt,
    PairPromptOption,
    PairSettings,
    PrecisionOption,
    TaskOption,
    ThreadsOption,
    loaded_model,
)
from samesay.errors import InputFileError, TextError
from samesay.newfiles import new_file
from samesay.textfiles import TextRow, TextSource, line_source, read_lines, read_texts, text_source
from samesay.vectorfiles import check_target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from samesay.text_model import TextModel

MOST_BYTES = 2**30
"""The largest matrix that is made, in memory as float32."""

MOST_IN_TERMINAL = 30
_SUFFIXES = (".npy", ".tsv", ".csv")
_LABEL_WIDTH = 24
_NUMBER_WIDTH = len("-0.123")


def matrix_command(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Texts: .txt, .csv, .tsv, .jsonl, .parquet, or - for lines.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT", help="Write to OUT: .npy (numbers only), .tsv or .csv."
        ),
    ] = None,
    column: ColumnOption = None,
    json: JsonOption = False,
    prompt: PairPromptOption = PairPrompt.symmetric,
    task: TaskOption = None,
    model: ModelOption = None,
    dimensions: DimensionsOption = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    overlength: OverlengthOption = Overlength.error,
    overwrite: OverwriteOption = False,
) -> None:
    """Score every text of a file against every other.

    \b
    samesay matrix sentences.txt
    samesay matrix sentences.txt -o matrix.npy

    A terminal shows up to 30 texts; more go to a file with -o, as JSON, or down a
    pipe as TSV. At most 16384 texts: their matrix takes 1 GiB of memory.
    """  # noqa: D301
    if out is not None:
        if json:
            raise typer.BadParameter("give --json or --output, not both")
        check_target(out, _SUFFIXES, overwrite=overwrite)
    source = _source(file, column)
    rows = read_lines(sys.stdin.buffer, source.name) if file == "-" else read_texts(source)
    to_terminal = out is None and not json and output.to_terminal()
    texts = _limited(source.name, rows, MOST_IN_TERMINAL if to_terminal else None)
    embedder = loaded_model(model, precision, threads, device)
    settings = PairSettings(prompt.mode, task, dimensions, overlength.choice)
    scores = _scores(embedder, source, texts, settings)
    labels = [row.text for row in texts]
    if out is not None:
        _write(out, labels, scores)
    elif json:
        _print_json(settings.about(embedder), labels, scores)
    elif to_terminal:
        _print_blocks(labels, scores)
    else:
        for line in _lines(labels, scores):
            output.print_tsv_row(line)


def _source(file: str, column: str | None) -> TextSource:
    if file == "-":
        return line_source(Path(file), "standard input")
    source = text_source(Path(file), column)
    output.say_column(source, column)
    return source


def _limited(name: str, rows: Iterator[TextRow], terminal_limit: int | None) -> list[TextRow]:
    most = int(math.sqrt(MOST_BYTES / 4))
    texts = list(islice(rows, most + 1))
    if len(texts) > most:
        raise InputFileError(
            f"{name} has more than {most} texts, the most whose matrix fits into {MOST_BYTES >> 30} GiB; "
            "embed them (samesay embed) and compare the vectors part by part"
        )
    if terminal_limit is not None and len(texts) > terminal_limit:
        raise InputFileError(
            f"{name} has {len(texts)} texts; a terminal shows up to {terminal_limit}: "
            "write the matrix to a file with -o matrix.tsv (or .csv, .npy), or print it with --json"
        )
    return texts


def _scores(
    model: TextModel, source: TextSource, texts: list[TextRow], settings: PairSettings
) -> NDArray[np.float32]:
    try:
        return model.similarity_matrix(
            [row.text for row in texts],
            mode=settings.mode,
            task=settings.task,
            dimensions=settings.dimensions,
            overlength=settings.overlength,
        )
    except TextError as error:
        places = ((source.place(row), row.text) for row in texts)
        raise located(error, model, places, settings) from None


def _lines(texts: Sequence[str], scores: NDArray[np.float32]) -> Iterator[list[object]]:
    yield ["text", *texts]
    for text, row in zip(texts, scores, strict=True):
        yield [text, *map(output.full_number, row)]


def _write(out: Path, texts: Sequence[str], scores: NDArray[np.float32]) -> None:
    import numpy as np

    with new_file(out) as file:
        if out.suffix.lower() == ".npy":
            np.save(file, scores)
            return
        lines = io.TextIOWrapper(file, encoding="utf-8", newline="")
        if out.suffix.lower() == ".csv":
            csv.writer(lines).writerows(_lines(texts, scores))
        else:
            lines.writelines("\t".join(map(output.field, line)) + "\n" for line in _lines(texts, scores))
        lines.flush()
        lines.detach()


def _print_json(about: dict[str, object], texts: Sequence[str], scores: NDArray[np.float32]) -> None:
    # Row by row: as Python lists the largest matrix would take many times its memory.
    head = json_format.dumps(about | {"texts": texts}, ensure_ascii=False, indent=2)
    sys.stdout.write(head.removesuffix("\n}") + ',\n  "scores": [\n')
    for place, row in enumerate(scores, 1):
        numbers = json_format.dumps(list(map(output.full_number, row)))
        sys.stdout.write(f"    {numbers}{',' if place < len(scores) else ''}\n")
    sys.stdout.write("  ]\n}\n")


def _print_blocks(texts: Sequence[str], scores: NDArray[np.float32]) -> None:
    # As many columns beside each other as the terminal is wide, the rest below; labels take what is left.
    count = len(texts)
    room = output.terminal().width - len(str(count)) - 2
    longest = max(map(output.cell_width, texts))
    label = min(longest, max(_LABEL_WIDTH, room - count * (_NUMBER_WIDTH + 2)))
    labels = [output.shortened(text, label) for text in texts]
    beside = max(1, (room - label) // (_NUMBER_WIDTH + 2))
    for first in range(0, count, beside):
        if first:
            sys.stdout.write("\n")
        places = range(first, min(first + beside, count))
        table = output.TerminalTable(["", "", *(place + 1 for place in places)], texts=(1,))
        table.print(
            [
                [place + 1, labels[place], *(output.rounded(scores[place, other]) for other in places)]
                for place in range(count)
            ]
        )
