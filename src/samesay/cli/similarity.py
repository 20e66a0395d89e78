"""``samesay similarity``: a score for a pair of texts, or for every pair of a file."""

from __future__ import annotations

import json as json_format
import sys
import warnings
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samesay.cli import output
from samesay.cli.locating import located
from samesay.cli.options import (
    DimensionsOption,
    JsonOption,
    ModelOption,
    Overlength,
    OverlengthOption,
    PairPrompt,
    PairPromptOption,
    PairSettings,
    PrecisionOption,
    TaskOption,
    ThreadsOption,
    checked_argument,
    loaded_model,
)
from samesay.errors import TextError, TruncationWarning
from samesay.textfiles import TextPair, read_pairs, read_tsv_pairs

if TYPE_CHECKING:
    from samesay.model import EmbeddingModel

_CHUNK = 64

Scored = tuple[TextPair, float]


def similarity_command(
    text_a: Annotated[str | None, typer.Argument(metavar="A", help="A text.", show_default=False)] = None,
    text_b: Annotated[str | None, typer.Argument(metavar="B", help="Another.", show_default=False)] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="Pairs: .tsv, .csv, .jsonl, .parquet, or - for TSV."
        ),
    ] = None,
    json: JsonOption = False,
    prompt: PairPromptOption = PairPrompt.symmetric,
    task: TaskOption = None,
    model: ModelOption = None,
    dimensions: DimensionsOption = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    overlength: OverlengthOption = Overlength.error,
) -> None:
    """Score how alike two texts are: the cosine of their vectors.

    \b
    samesay similarity "The cat is asleep." "A cat sleeps."
    samesay similarity --file pairs.tsv --json

    A TSV file has the two texts in its first two columns; the other kinds, and a
    TSV file with a header, have them in the columns text_a and text_b. Further
    columns are kept. What a score means depends on the model: compare scores of
    one model and one --prompt only.
    """  # noqa: D301
    pairs = _pairs(text_a, text_b, file)
    embedder = loaded_model(model, precision, threads)
    settings = PairSettings(prompt.mode, task, dimensions, overlength.choice)
    scored = _scored(embedder, pairs, settings)
    if file is None:
        ((pair, score),) = chain.from_iterable(scored)
        if json:
            about = settings.about(embedder)
            output.print_json({"score": score, "text_a": pair.text_a, "text_b": pair.text_b} | about)
        else:
            sys.stdout.write(f"{output.rounded(score)}\n")
    elif json:
        _print_json(scored, settings.about(embedder))
    else:
        _print_table(scored)


def _pairs(text_a: str | None, text_b: str | None, file: str | None) -> Iterator[TextPair]:
    if file is not None:
        if text_a is not None:
            raise typer.BadParameter("give two texts or --file, not both")
        pairs = read_tsv_pairs(sys.stdin.buffer, "standard input") if file == "-" else read_pairs(Path(file))
        first = next(pairs)  # a file that cannot be read is told before a model is loaded
        return chain((first,), pairs)
    if text_a is None or text_b is None:
        raise typer.BadParameter("give two texts, or --file with pairs")
    left, right = checked_argument(text_a, "the first text"), checked_argument(text_b, "the second text")
    return iter((TextPair("", left, right, {}),))


def _scored(
    model: EmbeddingModel, pairs: Iterator[TextPair], settings: PairSettings
) -> Iterator[list[Scored]]:
    count = cut = 0
    while chunk := list(islice(pairs, _CHUNK)):
        yield list(zip(chunk, _scores(model, chunk, settings), strict=True))
        count += 2 * len(chunk)
        cut += _cut_texts(model, chunk, settings)
    if cut:
        output.say(f"{cut} of {count} texts were cut to {model.max_tokens} tokens")


def _scores(model: EmbeddingModel, pairs: list[TextPair], settings: PairSettings) -> list[float]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruncationWarning)  # told once, for all pairs together
            scores = model.similarity(
                [pair.text_a for pair in pairs],
                [pair.text_b for pair in pairs],
                mode=settings.mode,
                task=settings.task,
                dimensions=settings.dimensions,
                overlength=settings.overlength,
            )
    except TextError as error:
        raise located(error, model, _places(pairs), settings) from None
    return [output.full_number(score) for score in scores]


def _cut_texts(model: EmbeddingModel, pairs: list[TextPair], settings: PairSettings) -> int:
    if settings.overlength == "error":
        return 0
    left, right = model.prompts.pair_prefixes(settings.mode, settings.task)
    texts = [left + pair.text_a for pair in pairs] + [right + pair.text_b for pair in pairs]
    return int((model.tokenize(texts, overlength="truncate").cut > 0).sum())


def _places(pairs: list[TextPair]) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        yield f"{pair.place}, text_a" if pair.place else "the first text", pair.text_a
        yield f"{pair.place}, text_b" if pair.place else "the second text", pair.text_b


def _print_json(scored: Iterator[list[Scored]], about: dict[str, object]) -> None:
    # Written pair by pair: the file may have more of them than fit into memory.
    first = next(scored)  # before anything is written: it may be an error
    head = json_format.dumps(about, ensure_ascii=False, indent=2)
    sys.stdout.write(head.removesuffix("\n}") + ',\n  "pairs": [')
    separator = "\n    "
    for pair, score in chain(first, chain.from_iterable(scored)):
        value: dict[str, object] = {"score": score, "text_a": pair.text_a, "text_b": pair.text_b}
        if pair.further:
            value["columns"] = pair.further
        sys.stdout.write(separator + json_format.dumps(value, ensure_ascii=False, default=str))
        separator = ",\n    "
    sys.stdout.write("\n  ]\n}\n")


def _print_table(scored: Iterator[list[Scored]]) -> None:
    first = next(scored)
    names = list(first[0][0].further)
    columns = ["score", "text_a", "text_b", *(f"{name}_2" if name == "score" else name for name in names)]

    def row(pair: TextPair, score: object) -> list[object]:
        return [score, pair.text_a, pair.text_b, *(pair.further.get(name) for name in names)]

    if output.to_terminal():
        table = output.TerminalTable(columns, texts=range(1, len(columns)))
        for chunk in chain((first,), scored):
            table.print([row(pair, output.rounded(score)) for pair, score in chunk])
        return
    output.print_tsv_row(columns)
    for chunk in chain((first,), scored):
        for pair, score in chunk:
            output.print_tsv_row(row(pair, score))
        sys.stdout.flush()
