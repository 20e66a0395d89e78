"""The options of commands whose scores carry bands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samesay.cli.options import PairSettings

if TYPE_CHECKING:
    from samesay.decision.bands import Bands, Decision
    from samesay.decision.calibration import Calibration
    from samesay.decision.deciding import Decider
    from samesay.decision.reasons import Conflict, ConflictKind
    from samesay.text_model import TextModel

CalibrationOption = Annotated[
    Path | None,
    typer.Option(
        "--calibration", metavar="FILE", help="What scores mean; else what comes with samesay, where it fits."
    ),
]
BandsOption = Annotated[
    str | None,
    typer.Option("--bands", metavar="HIGH,MIDDLE", help="Where bands begin, such as 0.85,0.75."),
]
DemoteOption = Annotated[
    str | None,
    typer.Option(
        "--demote-on", metavar="KINDS", help="One band lower on a conflict: number,negation,… or all."
    ),
]


@dataclass(frozen=True)
class Banding:
    """What a user says of bands, before a model is loaded.

    Args:
        calibration: A calibration of the user's, or None.
        bands: Bands of the user's own, or None.
        kinds: Conflicts that put a pair one band lower.
    """

    calibration: Calibration | None
    bands: Bands | None
    kinds: tuple[ConflictKind, ...]

    def decider(self, model: TextModel, settings: PairSettings) -> Decider:
        """Choose what decides about the scores of a model.

        Raises:
            CalibrationKeyError: The calibration is for other scores.
        """
        from samesay.decision.deciding import decider_for
        from samesay.decision.key import key_of

        key = key_of(model, mode=settings.mode, task=settings.task, dimensions=settings.dimensions)
        return decider_for(key, self.calibration, self.bands)

    def conflicts(self, text_a: str, text_b: str) -> tuple[Conflict, ...]:
        """Give the conflicts of a pair that count."""
        if not self.kinds:
            return ()
        from samesay.decision.reasons import find_conflicts

        return tuple(one for one in find_conflicts(text_a, text_b) if one.kind in self.kinds)

    def demoted(self, decision: Decision, conflicts: tuple[Conflict, ...]) -> Decision:
        """Give the decision one band lower, where conflicts count."""
        if not conflicts:
            return decision
        from samesay.decision.reasons import demote

        return demote(decision, conflicts, self.kinds)


def banding(calibration: Path | None, bands: str | None, demote_on: str | None) -> Banding:
    """Read the options, files too.

    Raises:
        CalibrationFileError: The calibration cannot be used.
        CalibrationError: The bands are none.
        ReasonsError: A kind of conflict is not known.
    """
    kinds: tuple[ConflictKind, ...] = ()
    if demote_on is not None:
        from samesay.decision.reasons import parse_kinds

        kinds = parse_kinds(demote_on)
    return Banding(given_calibration(calibration), None if bands is None else given_bands(bands), kinds)


def given_calibration(path: Path | None) -> Calibration | None:
    """Read a calibration file, where there is one.

    Raises:
        CalibrationFileError: It cannot be used.
    """
    if path is None:
        return None
    from samesay.decision.calibration import Calibration

    return Calibration.load(path)


def given_bands(words: str) -> Bands:
    """Read ``0.85,0.75``.

    Raises:
        CalibrationError: They are in the wrong order or off the scale.
    """
    from samesay.decision.bands import Bands

    try:
        high, middle = map(float, words.split(","))
    except ValueError:
        raise typer.BadParameter(f"--bands takes two scores, such as 0.85,0.75, not {words!r}") from None
    return Bands(high, middle)
