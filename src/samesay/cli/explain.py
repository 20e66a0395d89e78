"""``samesay explain``: why two texts match or do not."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from samesay.cli import output
from samesay.cli.banding import BandsOption, CalibrationOption, DemoteOption, banding
from samesay.cli.locating import located
from samesay.cli.options import (
    DeviceOption,
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
from samesay.errors import TextError

if TYPE_CHECKING:
    from samesay.cli.banding import Banding
    from samesay.decision.reasons import Reasons
    from samesay.text_model import TextModel


def explain_command(
    text_a: Annotated[str, typer.Argument(metavar="A", help="A text.", show_default=False)],
    text_b: Annotated[str, typer.Argument(metavar="B", help="Another.", show_default=False)],
    calibration: CalibrationOption = None,
    bands: BandsOption = None,
    demote_on: DemoteOption = None,
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
    """Say what two texts share, what each says alone, and where they conflict.

    \b
    samesay explain "Refunds take 5 days." "Refunds take 15 days."
    samesay explain --demote-on number,negation "Smoking is allowed." "此处禁止吸烟。"

    Conflicts are of numbers, dates, negation, antonyms and names, in English and
    Chinese. They change no score; with --demote-on they put the pair one band
    lower, where a band is known.
    """  # noqa: D301
    wanted = banding(calibration, bands, demote_on)
    pair = checked_argument(text_a, "the first text"), checked_argument(text_b, "the second text")
    embedder = loaded_model(model, precision, threads, device)
    settings = PairSettings(prompt.mode, task, dimensions, overlength.choice)
    reasons = _explained(embedder, pair, settings, wanted)
    if wanted.kinds:
        from samesay.decision.reasons import demote

        reasons = replace(reasons, decision=demote(reasons.decision, reasons, wanted.kinds))
    if json:
        output.print_json(reasons.to_dict() | settings.about(embedder))
        return
    from samesay.cli.explanation import print_explanation

    print_explanation(reasons)
    if wanted.kinds and reasons.decision.band == "uncalibrated":
        sys.stdout.flush()
        output.say("--demote-on had no band to lower: the score is uncalibrated")


def _explained(model: TextModel, pair: tuple[str, str], settings: PairSettings, wanted: Banding) -> Reasons:
    from samesay.decision.reasons import explain

    try:
        return explain(
            model,
            *pair,
            calibration=wanted.calibration,
            bands=wanted.bands,
            mode=settings.mode,
            task=settings.task,
            dimensions=settings.dimensions,
            overlength=settings.overlength,
        )
    except TextError as error:
        places = zip(("the first text", "the second text"), pair, strict=True)
        raise located(error, model, places, settings) from None
