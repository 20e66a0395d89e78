"""``samesay match``: which intent each text of a file has, or none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
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
    PairSettings,
    PrecisionOption,
    TaskOption,
    ThreadsOption,
    checked_argument,
    loaded_model,
)
from samesay.cli.progress import text_progress
from samesay.errors import IntentsError, TextError
from samesay.textfiles import TextRow, line_source, read_lines, read_texts, text_source

if TYPE_CHECKING:
    from samesay.decision.intents.evaluating import IntentsReport
    from samesay.decision.intents.examples import IntentExample
    from samesay.decision.intents.matcher import IntentMatcher
    from samesay.decision.intents.settings import IntentSettings
    from samesay.text_model import TextModel


class Method(str, Enum):
    """What a text is compared with."""

    both = "both"
    examples = "examples"
    centroids = "centroids"


def match_command(
    intents: Annotated[
        Path,
        typer.Argument(
            metavar="INTENTS", help="Examples: .tsv, .csv, .jsonl, .parquet; or a saved .intents."
        ),
    ],
    queries: Annotated[
        str | None,
        typer.Argument(
            metavar="QUERIES",
            help="Texts: .txt, .csv, .tsv, .jsonl, .parquet, or - for lines.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="TEXT", help="A text itself, instead of QUERIES; may be repeated."),
    ] = None,
    test: Annotated[
        Path | None, typer.Option("--test", metavar="FILE", help="Say how well labelled texts are answered.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="NAME.intents to write, for later use.")
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(
            "--held-out", metavar="FILE", help="Labelled texts as they come, for --precision-target."
        ),
    ] = None,
    method: Annotated[
        Method | None,
        typer.Option("--method", help="Compare with examples, with their centroid, or (default) both."),
    ] = None,
    neighbours: Annotated[
        int | None,
        typer.Option("--neighbours", min=1, metavar="N", help="Examples of an intent that are summed up: 5."),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            "--alpha",
            metavar="SHARE",
            help="Highest share of out-of-scope texts with an intent to certify: 0.05.",
        ),
    ] = None,
    precision_target: Annotated[
        float | None,
        typer.Option("--precision-target", metavar="SHARE", help="Also certify this share of right intents."),
    ] = None,
    delta: Annotated[
        float | None,
        typer.Option("--delta", metavar="SHARE", help="Probability that a promise does not hold: 0.05."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", metavar="SCORE", help="Lowest score with an intent, instead of what follows."
        ),
    ] = None,
    none_label: Annotated[
        str, typer.Option("--none-label", metavar="NAME", help="The intent of texts that have none.")
    ] = "none",
    note: Annotated[
        str | None,
        typer.Option("--note", metavar="WORDS", help="Where the examples come from; kept in the file."),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, metavar="N", help="Candidates that are named.")] = 3,
    column: ColumnOption = None,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    task: TaskOption = None,
    model: ModelOption = None,
    dimensions: DimensionsOption = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    overlength: OverlengthOption = Overlength.error,
) -> None:
    """Say which intent each text has, or none, from examples of each intent.

    \b
    samesay match intents.tsv queries.txt
    samesay match intents.tsv --text "Where is my card?"
    samesay match intents.tsv --test labelled.tsv --save support.intents
    samesay match support.intents queries.txt

    A row of INTENTS is an intent, a tab and an example. Rows with the intent
    'none' are out of scope: 59 of them certify the threshold below which a text
    gets no intent. Without a certificate the threshold is told to be uncertified.
    """  # noqa: D301
    from samesay.decision.intents.file import check_intents_target, is_intents_file

    asked = [name for name, value in (("QUERIES", queries), ("--text", text), ("--test", test)) if value]
    if len(asked) > 1 or (not asked and save is None):
        raise typer.BadParameter("give QUERIES, or --text, or --test, or only --save")
    saved = is_intents_file(intents)
    fitting = {
        "--save": save, "--held-out": held_out, "--method": method, "--neighbours": neighbours,
        "--alpha": alpha, "--precision-target": precision_target, "--delta": delta,
        "--threshold": threshold, "--note": note, "--task": task, "--dimensions": dimensions,
    }  # fmt: skip
    given = [name for name, value in fitting.items() if value is not None]
    if saved and given:
        raise typer.BadParameter(f"{intents.name} is made already: leave out {', '.join(given)}")
    if held_out is not None and precision_target is None:
        raise typer.BadParameter("--held-out is for --precision-target; give both")
    if save is not None:
        check_intents_target(save, overwrite=overwrite)
    chosen = _settings(method, neighbours, alpha, precision_target, delta, threshold, note)
    examples = [] if saved else _read(intents, none_label)
    labelled = None if test is None else _read(test, none_label)
    apart = None if held_out is None else _read(held_out, none_label)
    rows = _given_queries(text) if text else None if queries is None else _queries(queries, column)
    embedder = loaded_model(model, precision, threads, device)
    work = _Work(embedder, PairSettings("symmetric", task, dimensions, overlength.choice))
    matcher = work.loaded(intents) if saved else work.fitted(examples, apart, chosen)
    _tell_of_making(matcher, saved=saved)
    if save is not None:
        matcher.save(save, overwrite=overwrite)
        output.say(f"written to {save}")
    if labelled is not None:
        from samesay.cli.match_report import print_report

        print_report(matcher, work.evaluated(matcher, labelled), json=json)
    if rows is not None:
        work.print_matches(matcher, rows, top, json=json)


@dataclass(frozen=True)
class _Work:
    """A model and how it reads texts."""

    model: TextModel
    settings: PairSettings

    def loaded(self, path: Path) -> IntentMatcher:
        """Read a saved matcher."""
        from samesay.decision.intents.matcher import IntentMatcher

        return IntentMatcher.load(path, self.model)

    def fitted(
        self, examples: list[IntentExample], held_out: list[IntentExample] | None, settings: IntentSettings
    ) -> IntentMatcher:
        """Make a matcher; a text that the model refuses is told with its place."""
        from samesay.decision.intents.matcher import IntentMatcher

        texts = [*examples, *(held_out or ())]
        with self._working([(one.place, one.text) for one in texts]) as progress:
            return IntentMatcher.fit(
                self.model,
                examples,
                held_out=held_out,
                settings=settings,
                task=self.settings.task,
                dimensions=self.settings.dimensions,
                overlength=self.settings.overlength,
                progress=progress,
            )

    def evaluated(self, matcher: IntentMatcher, labelled: list[IntentExample]) -> IntentsReport:
        """Compare answers with labels."""
        with self._working([(one.place, one.text) for one in labelled]) as progress:
            return matcher.evaluate(labelled, overlength=self.settings.overlength, progress=progress)

    def print_matches(self, matcher: IntentMatcher, rows: _Queries, top: int, *, json: bool) -> None:
        """Answer every text."""
        from samesay.cli.match_report import print_matches

        with self._working([(rows.place(row), row.text) for row in rows.rows]) as progress:
            matches = matcher.match(
                [row.text for row in rows.rows],
                top=top,
                overlength=self.settings.overlength,
                progress=progress,
            )
        print_matches(matcher, rows.rows, matches, json=json)

    @contextmanager
    def _working(self, texts: Sequence[tuple[str, str]]) -> Iterator[Callable[[float, int], object]]:
        try:
            with text_progress(len(texts), 0, None) as progress:
                yield lambda done, _: progress(int(done))
        except TextError as error:
            raise located(error, self.model, texts, self.settings) from None


@dataclass(frozen=True)
class _Queries:
    """Texts to match.

    Args:
        rows: The texts.
        name: What messages call the file.
        unit: What a place in it is.
    """

    rows: list[TextRow]
    name: str
    unit: str

    def place(self, row: TextRow) -> str:
        """Where a row stands, for messages."""
        return f"{self.name}, {self.unit} {row.number}"


def _given_queries(texts: list[str]) -> _Queries:
    rows = [TextRow(number, checked_argument(one, f"--text {number}")) for number, one in enumerate(texts, 1)]
    return _Queries(rows, "--text", "number")


def _queries(source: str, column: str | None) -> _Queries:
    if source != "-" and not Path(source).exists():
        raise IntentsError(f"there is no file {source}; a text itself goes behind --text")
    if source == "-":
        name = "standard input"
        rows = list(read_lines(sys.stdin.buffer, name))
        return _Queries(rows, line_source(Path(source), name).name, "line")
    found = text_source(Path(source), column)
    output.say_column(found, column)
    return _Queries(list(read_texts(found)), found.name, "row" if found.kind == "parquet" else "line")


def _read(path: Path, none_label: str) -> list[IntentExample]:
    from samesay.decision.intents.reading import read_examples

    return read_examples(path, none_label)


def _settings(
    method: Method | None,
    neighbours: int | None,
    alpha: float | None,
    precision: float | None,
    delta: float | None,
    threshold: float | None,
    note: str | None,
) -> IntentSettings:
    from samesay.decision.binomial import check_share
    from samesay.decision.intents.settings import IntentSettings

    for value, name in ((alpha, "--alpha"), (precision, "--precision-target"), (delta, "--delta")):
        if value is not None:
            check_share(value, name)
    if threshold is not None and not -1 <= threshold <= 1:
        raise IntentsError(f"--threshold is {threshold}; a score is from -1 to 1")
    usual = IntentSettings()
    return IntentSettings(
        method=usual.method if method is None else method.value,
        neighbours=neighbours or usual.neighbours,
        alpha=usual.alpha if alpha is None else alpha,
        precision=precision,
        delta=delta or usual.delta,
        threshold=threshold,
        note=note or "",
    )


def _tell_of_making(matcher: IntentMatcher, *, saved: bool) -> None:
    from samesay.cli.match_report import making_lines, threshold_lines

    for line in [*([] if saved else making_lines(matcher)), *threshold_lines(matcher)]:
        output.say(line)
