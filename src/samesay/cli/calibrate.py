"""``samesay calibrate``: from labelled pairs to a file that turns scores into decisions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samesay.cli import output
from samesay.cli.locating import located
from samesay.cli.options import (
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
from samesay.cli.progress import text_progress
from samesay.errors import CalibrationError, TextError
from samesay.textfiles import TextPair, read_pairs, read_tsv_pairs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from samesay.cli.calibration_report import Report, Suggestion
    from samesay.decision.calibrating import CalibrationSettings
    from samesay.decision.calibration import Calibration
    from samesay.decision.key import Key
    from samesay.decision.labels import LabelledPair
    from samesay.text_model import TextModel

_LABEL_NAMES = ("label", "gold")


def calibrate_command(
    pairs: Annotated[
        str,
        typer.Argument(metavar="PAIRS", help="Labelled pairs: .tsv, .csv, .jsonl, .parquet, or - for TSV."),
    ],
    to: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="NAME.calibration.json to write.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label", metavar="NAME", help="Column of the labels; else 'label', 'gold' or the only one."
        ),
    ] = None,
    cut: Annotated[
        float | None, typer.Option("--cut", metavar="GRADE", help="Labels are grades; from this on, a match.")
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", metavar="SHARE", help="Highest false-match rate to certify.")
    ] = 0.05,
    precision_target: Annotated[
        float | None,
        typer.Option(
            "--precision-target", metavar="SHARE", help="Also certify this precision of the accepted."
        ),
    ] = None,
    delta: Annotated[
        float, typer.Option("--delta", metavar="SHARE", help="Probability that a promise does not hold.")
    ] = 0.05,
    bands: Annotated[
        str | None,
        typer.Option("--bands", metavar="HIGH,MIDDLE", help="Where bands begin, instead of what follows."),
    ] = None,
    reference: Annotated[
        float | None,
        typer.Option(
            "--reference",
            min=-1,
            max=1,
            metavar="SCORE",
            help="Threshold to compare with; else the best by F1.",
        ),
    ] = None,
    note: Annotated[
        str, typer.Option("--note", metavar="WORDS", help="Where the labels come from; kept in the file.")
    ] = "",
    suggest: Annotated[
        int | None,
        typer.Option("--suggest", min=1, metavar="N", help="Name N rows without a label that are worth one."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the diagrams into a .png file.")
    ] = None,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    prompt: PairPromptOption = PairPrompt.symmetric,
    task: TaskOption = None,
    model: ModelOption = None,
    dimensions: DimensionsOption = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    overlength: OverlengthOption = Overlength.error,
) -> None:
    """Learn from labelled pairs what scores mean, and which threshold can be promised.

    \b
    samesay calibrate pairs.tsv -o support.calibration.json
    samesay calibrate graded.tsv --cut 4 --precision-target 0.9

    A label is 1 or 0, or a grade with --cut. Rows without a label are left out,
    or chosen from with --suggest. The table shows what each threshold would have
    done to the labelled pairs.
    """  # noqa: D301
    from samesay.decision.key import key_of

    settings = replace(_settings(alpha, precision_target, delta, bands), note=note)
    _check_targets(to, plot, overwrite)
    labelled_pairs, unlabelled = _read(pairs, label, cut, symmetric=prompt.mode != "query-document")
    embedder = loaded_model(model, precision, threads, device)
    compared = PairSettings(prompt.mode, task, dimensions, overlength.choice)
    key = key_of(embedder, mode=compared.mode, task=task, dimensions=dimensions)
    scores = _Scores(embedder, compared, key)
    report = _report(
        scores, labelled_pairs, settings, reference, None if suggest is None else unlabelled, suggest
    )
    if to is not None:
        report.calibration.save(to, overwrite=overwrite)
    if plot is not None:
        from samesay.decision.plots import write_plot

        write_plot(report.calibration, report.labelled, plot, overwrite=overwrite)
    _tell(report, json, compared.about(embedder))
    if unlabelled and suggest is None:
        output.say(f"{len(unlabelled)} rows without a label left out; --suggest N names those worth one")
    if to is not None:
        output.say(f"written to {to}")


@dataclass(frozen=True)
class _Scores:
    """A model and how it is to score."""

    model: TextModel
    settings: PairSettings
    key: Key

    def of(self, pairs: Sequence[LabelledPair] | Sequence[TextPair]) -> NDArray[np.float32]:
        """Score pairs; a text that the model refuses is told with its place."""
        from samesay.decision.calibrating import pair_scores

        texts = [(pair.text_a, pair.text_b) for pair in pairs]
        try:
            with text_progress(len(texts), 0, None, "pairs") as progress:
                return pair_scores(
                    self.model,
                    texts,
                    self.key,
                    task=self.settings.task,
                    overlength=self.settings.overlength,
                    progress=progress,
                )
        except TextError as error:
            places = (
                (f"{pair.place}, {side}", text)
                for pair in pairs
                for side, text in (("text_a", pair.text_a), ("text_b", pair.text_b))
            )
            raise located(error, self.model, places, self.settings) from None


def _report(
    scores: _Scores,
    pairs: list[LabelledPair],
    settings: CalibrationSettings,
    reference: float | None,
    unlabelled: list[TextPair] | None,
    suggest: int | None,
) -> Report:
    from samesay.cli.calibration_report import Report
    from samesay.decision.calibrating import calibrate
    from samesay.decision.labels import hash_of_pairs, label_scores
    from samesay.decision.thresholds import best_threshold, round_thresholds, threshold_table

    labelled = label_scores(scores.of(pairs), [pair.match for pair in pairs], data=hash_of_pairs(pairs))
    calibration = calibrate(labelled, scores.key, settings)
    wanted = best_threshold(labelled) if reference is None else reference
    edges = (wanted, calibration.bands.high, calibration.bands.middle)
    also = [edge for edge in edges if edge is not None]
    also += [one.threshold for one in calibration.certificates]
    rows = threshold_table(labelled, round_thresholds(labelled, also), wanted)
    chosen = None
    if unlabelled is not None and suggest is not None:
        chosen = _suggestions(scores, calibration, unlabelled, suggest, wanted)
    return Report(calibration, labelled, rows, wanted, chosen)


def _tell(report: Report, json: bool, about: dict[str, object]) -> None:
    from samesay.cli.calibration_report import print_report, report_json, summary_lines

    if json:
        output.print_json(about | report_json(report))
        return
    print_report(report)
    sys.stdout.flush()
    for line in summary_lines(report):
        output.say(line)


def _settings(alpha: float, precision: float | None, delta: float, bands: str | None) -> CalibrationSettings:
    from samesay.decision.bands import Bands
    from samesay.decision.binomial import check_share
    from samesay.decision.calibrating import CalibrationSettings

    for value, name in ((alpha, "--alpha"), (precision, "--precision-target"), (delta, "--delta")):
        if value is not None:
            check_share(value, name)
    if bands is None:
        return CalibrationSettings(alpha=alpha, precision=precision, delta=delta)
    try:
        high, middle = map(float, bands.split(","))
    except ValueError:
        raise typer.BadParameter(f"--bands takes two scores, such as 0.85,0.75, not {bands!r}") from None
    return CalibrationSettings(alpha=alpha, precision=precision, delta=delta, bands=Bands(high, middle))


def _check_targets(to: Path | None, plot: Path | None, overwrite: bool) -> None:
    from samesay.decision.binomial import require_scipy

    require_scipy()
    if to is not None:
        from samesay.decision.calibration_file import check_calibration_target

        check_calibration_target(to, overwrite=overwrite)
    if plot is not None:
        from samesay.decision.plots import check_plot_target

        check_plot_target(plot, overwrite=overwrite)


def _read(
    source: str, label: str | None, cut: float | None, *, symmetric: bool
) -> tuple[list[LabelledPair], list[TextPair]]:
    """Give the labelled pairs of a file, each once, and those without a label."""
    from samesay.decision.choosing import check_counts
    from samesay.decision.labels import LabelledPair, distinct_pairs, parse_label

    rows = read_tsv_pairs(sys.stdin.buffer, "standard input") if source == "-" else read_pairs(Path(source))
    found: list[LabelledPair] = []
    unlabelled: list[TextPair] = []
    column = label
    for row in rows:
        column = column or _label_column(row)
        if column not in row.further:
            known = ", ".join(map(repr, row.further)) or "no further column"
            raise CalibrationError(f"{row.place}: no column {column!r} with a label; it has {known}")
        match = parse_label(row.further[column], cut, row.place)
        if match is None:
            unlabelled.append(row)
        else:
            found.append(LabelledPair(row.text_a, row.text_b, match, row.place))
    kept = distinct_pairs(found, symmetric=symmetric)
    check_counts([pair.match for pair in kept])
    if len(kept) < len(found):
        output.say(f"{len(found) - len(kept)} rows repeat a pair and count once")
    return kept, unlabelled


def _label_column(row: TextPair) -> str:
    for name in _LABEL_NAMES:
        if name in row.further:
            return name
    if len(row.further) == 1:
        return next(iter(row.further))
    known = ", ".join(map(repr, row.further))
    raise CalibrationError(
        f"{row.place}: no column is named 'label'; "
        + (f"say with --label which it is of {known}" if known else "a third column says 1 (match) or 0")
    )


def _suggestions(
    scores: _Scores, calibration: Calibration, unlabelled: list[TextPair], count: int, near: float
) -> list[Suggestion]:
    from samesay.cli.calibration_report import Suggestion
    from samesay.decision.suggesting import suggest_pairs

    if not unlabelled:
        raise CalibrationError(
            "--suggest chooses among rows with an empty label, and there are none: add pairs to choose from"
        )
    values = scores.of(unlabelled)
    bands = calibration.bands
    floor = bands.middle if bands.middle is not None else near
    chosen = suggest_pairs(values, count, floor, near if bands.high is None else bands.high)
    probabilities = calibration.probabilities(values)
    return [
        Suggestion(
            output.full_number(values[place]),
            float(probabilities[place]),
            unlabelled[place].text_a,
            unlabelled[place].text_b,
            unlabelled[place].place,
        )
        for place in chosen
    ]
