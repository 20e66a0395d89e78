"""``samesay duplicates``: near-duplicates in a file, or the pairs between two."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from samesay.cli.banding import CalibrationOption, given_calibration
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
    ProgressOption,
    TaskOption,
    ThreadsOption,
    loaded_model,
)
from samesay.cli.progress import text_progress
from samesay.errors import TextError
from samesay.vectorfiles import check_target

if TYPE_CHECKING:
    from samesay.cli.duplicates_report import Texts
    from samesay.decision.calibration import Calibration
    from samesay.duplicates.aligning import Alignment
    from samesay.duplicates.finding import Duplicates
    from samesay.text_model import TextModel

_MOST_PAIRS = 1_000_000
_MILLION = 1_000_000


class LinkageChoice(str, Enum):
    """What it takes to belong together."""

    star = "star"
    complete = "complete"
    chain = "chain"


def duplicates_command(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="Texts: .txt, .csv, .tsv, .jsonl, .parquet, - for lines, or a collection."
        ),
    ],
    across: Annotated[
        Path | None,
        typer.Option("--across", metavar="OTHER", help="Find the pairs between FILE and this file instead."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="Write to OUT: .tsv or .json.")
    ] = None,
    column: ColumnOption = None,
    calibration: CalibrationOption = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", metavar="SCORE", help="Texts are the same from this cosine on."),
    ] = None,
    linkage: Annotated[
        LinkageChoice,
        typer.Option(
            help="star: each with the representative. complete: each with each. chain: through others."
        ),
    ] = LinkageChoice.star,
    margin: Annotated[
        float | None,
        typer.Option("--margin", metavar="RATIO", help="With --across: leave out pairs below this margin."),
    ] = None,
    neighbours: Annotated[
        int, typer.Option("--neighbours", min=1, metavar="K", help="With --across: those of the margin.")
    ] = 4,
    most_pairs: Annotated[
        int, typer.Option("--most-pairs", min=1, metavar="N", help="Refuse more pairs than that.")
    ] = _MOST_PAIRS,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    progress: ProgressOption = None,
    prompt: PairPromptOption = PairPrompt.symmetric,
    task: TaskOption = None,
    model: ModelOption = None,
    dimensions: DimensionsOption = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    overlength: OverlengthOption = Overlength.error,
) -> None:
    """Find texts that say the same: groups in one file, or pairs between two.

    \b
    samesay duplicates questions.txt
    samesay duplicates questions.txt --threshold 0.93 -o groups.tsv
    samesay duplicates english.txt --across chinese.txt --margin 1.02

    Every pair is compared. Without --threshold, texts are the same where the high
    band of a calibration begins. With --across, a text and its counterpart are
    best for each other by margin: the cosine, divided by the mean cosine of both
    with their nearest neighbours.
    """  # noqa: D301
    if to is not None:
        if json:
            raise typer.BadParameter("give --json or --output, not both")
        check_target(to, (".tsv", ".json"), overwrite=overwrite)
    if across is None and margin is not None:
        raise typer.BadParameter("--margin goes with --across")
    from samesay.cli import duplicates_report as report
    from samesay.duplicates.finding import check_like_mode

    check_like_mode(prompt.mode)
    given = given_calibration(calibration)
    settings = PairSettings(prompt.mode, task, dimensions, overlength.choice)
    texts, own = report.texts_of(file, column, threads)
    others = None if across is None else report.texts_of(str(across), column, threads)[0]
    if own is not None and model is not None:
        raise typer.BadParameter("a collection has its model; leave out --model")
    embedder = own if own is not None else loaded_model(model, precision, threads, device)
    search = _Search(embedder, settings, given, threshold, progress)
    if others is None:
        found = search.groups(texts, linkage.value, most_pairs)
        report.tell_groups(found, texts, settings.about(embedder), to, json=json)
    else:
        aligned = search.pairs(texts, others, margin, neighbours)
        report.tell_pairs(aligned, texts, others, search.model, given, to, json=json)


class _Search:
    """The work itself, with a mistake told by its place in the file."""

    def __init__(
        self,
        model: TextModel,
        settings: PairSettings,
        calibration: Calibration | None,
        threshold: float | None,
        progress: bool | None,
    ) -> None:
        self.model = model
        self._settings = settings
        self._calibration = calibration
        self._threshold = threshold
        self._progress = progress

    @property
    def _mode(self) -> Literal["symmetric", "plain"]:
        return "symmetric" if self._settings.mode == "symmetric" else "plain"

    def groups(
        self, texts: Texts, linkage: Literal["star", "complete", "chain"], most_pairs: int
    ) -> Duplicates:
        """Find the groups of a file."""
        from samesay.duplicates.finding import find_duplicates

        try:
            with ExitStack() as stack:
                bars = _Bars(stack, self._progress)
                return find_duplicates(
                    self.model,
                    texts.texts,
                    calibration=self._calibration,
                    threshold=self._threshold,
                    linkage=linkage,
                    mode=self._mode,
                    task=self._settings.task,
                    dimensions=self._settings.dimensions,
                    overlength=self._settings.overlength,
                    most_pairs=most_pairs,
                    embedded=bars.embedded,
                    compared=bars.compared,
                )
        except TextError as error:
            raise located(error, self.model, texts.places(), self._settings) from None

    def pairs(self, left: Texts, right: Texts, margin: float | None, neighbours: int) -> Alignment:
        """Find the pairs between two files."""
        from samesay.duplicates.aligning import align

        try:
            with ExitStack() as stack:
                bars = _Bars(stack, self._progress)
                return align(
                    self.model,
                    left.texts,
                    right.texts,
                    margin=margin,
                    neighbours=neighbours,
                    calibration=self._calibration,
                    threshold=self._threshold,
                    mode=self._mode,
                    task=self._settings.task,
                    dimensions=self._settings.dimensions,
                    overlength=self._settings.overlength,
                    embedded=bars.embedded,
                    compared=bars.compared,
                )
        except TextError as error:
            places = [*left.places(), *right.places()]
            raise located(error, self.model, places, self._settings) from None


class _Bars:
    """One bar after the other: texts that are embedded, then millions of comparisons."""

    def __init__(self, stack: ExitStack, wanted: bool | None) -> None:
        self._stack = stack
        self._wanted = wanted
        self._shown = ""
        self._tell: Callable[[int], object] = lambda _: None

    def embedded(self, done: float, total: int) -> None:
        """Take how many texts are embedded."""
        self._show("texts", int(done), total)

    def compared(self, done: int, total: int) -> None:
        """Take how many comparisons are made."""
        self._show("million comparisons", -(-done // _MILLION), -(-total // _MILLION))

    def _show(self, what: str, done: int, total: int) -> None:
        if what != self._shown:
            self._stack.close()
            self._tell = self._stack.enter_context(text_progress(total, 0, self._wanted, what))
            self._shown = what
        self._tell(done)
