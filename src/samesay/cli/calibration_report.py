"""What ``samesay calibrate`` shows: threshold table, diagrams, suggestions, and a summary."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from samesay.cli import output

if TYPE_CHECKING:
    from samesay.decision.calibration import Calibration
    from samesay.decision.labels import LabelledScores
    from samesay.decision.measures import ReliabilityBin
    from samesay.decision.thresholds import ThresholdRow

_BAR = 40
_HISTOGRAM_ROWS = 16
_COLUMNS = ("threshold", "precision", "recall", "false_match_rate", "accepted", "false_recalls_saved", "note")
# Columns of a terminal are few.
_SHORT = ("threshold", "precision", "recall", "false m.", "accepted", "saved", "note")


@dataclass(frozen=True)
class Suggestion:
    """An unlabelled pair that is worth a label."""

    score: float
    probability: float
    text_a: str
    text_b: str
    place: str


@dataclass(frozen=True)
class Report:
    """A calibration and what was found on the way.

    Args:
        calibration: The calibration.
        labelled: What it was made from.
        rows: The table of thresholds.
        reference: The threshold that false recalls are compared with.
        suggestions: Pairs worth a label; None where none were asked for.
    """

    calibration: Calibration
    labelled: LabelledScores
    rows: Sequence[ThresholdRow]
    reference: float
    suggestions: Sequence[Suggestion] | None


def print_report(report: Report) -> None:
    """Print tables and diagrams to a terminal; to a file or pipe one table as TSV.

    That table is the suggestions where they were asked for, or else the thresholds.
    """
    if not output.to_terminal():
        if report.suggestions is None:
            _print_thresholds_tsv(report)
        else:
            output.print_tsv_row(("score", "probability", "text_a", "text_b", "place"))
            for one in report.suggestions:
                output.print_tsv_row((one.score, one.probability, one.text_a, one.text_b, one.place))
        sys.stdout.flush()
        return
    _print_thresholds_table(report)
    _print_lines(["", "how often pairs match (█), by the probability given to them (│)"])
    _print_lines(reliability_lines(report.calibration.evidence.reliability))
    _print_lines(["", "scores"])
    _print_lines(histogram_lines(report.labelled))
    if report.suggestions:
        _print_lines(["", "worth a label"])
        table = output.TerminalTable(("score", "probability", "text_a", "text_b", "place"), texts=(2, 3, 4))
        table.print(
            [
                (
                    output.rounded(one.score, 4),
                    output.rounded(one.probability),
                    one.text_a,
                    one.text_b,
                    one.place,
                )
                for one in report.suggestions
            ]
        )


def summary_lines(report: Report) -> list[str]:
    """Say in a few lines what was made of the labels."""
    calibration, evidence = report.calibration, report.calibration.evidence
    compared = ", ".join(f"{one.method} {one.log_loss:.4f}" for one in evidence.compared)
    lines = [
        f"{evidence.matches} matches and {evidence.non_matches} non-matches; "
        f"a match scores above a non-match {evidence.area:.1%} of the time",
        f"{calibration.curve.method} curve; held-out log loss: {compared}; the cosine itself "
        f"{evidence.raw_log_loss:.4f}",
        f"held-out calibration error {evidence.calibration_error:.4f}, of the cosine itself "
        f"{evidence.raw_calibration_error:.4f}",
    ]
    lines += [f"certified: {one}" for one in calibration.certificates]
    lines += [f"no certificate: {one.message}" for one in calibration.refused]
    return [*lines, _band_line(calibration)]


def report_json(report: Report) -> dict[str, object]:
    """Give all that is known, for JSON."""
    value = asdict(report.calibration)
    del value["key"]
    value["reference"] = report.reference
    value["thresholds"] = [asdict(row) for row in report.rows]
    if report.suggestions is not None:
        value["suggestions"] = [asdict(one) for one in report.suggestions]
    return value


def reliability_lines(bins: Sequence[ReliabilityBin]) -> list[str]:
    """Draw a bar for each bin with pairs: as long as the share that matches, marked at the prediction."""
    lines = []
    for one in bins:
        if not one.pairs:
            continue
        bar = list("█" * round(one.observed * _BAR) + " " * (_BAR - round(one.observed * _BAR)))
        bar[min(int(one.predicted * _BAR), _BAR - 1)] = "│"
        label = f"{one.low:.1f}–{one.high:.1f} {one.pairs:>6} pairs {one.observed:.2f}"
        lines.append(f"{label} {''.join(bar)}".rstrip())
    return lines


def histogram_lines(labelled: LabelledScores) -> list[str]:
    """Draw how many matches (█) and non-matches (░) score where."""
    low, high = np.quantile(labelled.scores.astype(np.float64), (0.005, 1))
    edges = np.linspace(low, high, _HISTOGRAM_ROWS + 1)
    edges[0] = -np.inf
    edges[-1] = np.inf
    matches, _ = np.histogram(labelled.match_scores.astype(np.float64), edges)
    others, _ = np.histogram(labelled.non_match_scores.astype(np.float64), edges)
    most = max(int((matches + others).max()), 1)
    lines = []
    for place, (right, wrong) in enumerate(zip(matches.tolist(), others.tolist(), strict=True)):
        top = f"{edges[place + 1]:.3f}" if place < _HISTOGRAM_ROWS - 1 else "      "
        start = f"{edges[place]:.3f}" if place else "      "
        bars = "█" * round(right / most * _BAR) + "░" * round(wrong / most * _BAR)
        lines.append(f"{start:>6}–{top:<6} {right:>5} {wrong:>5} {bars}".rstrip())
    return [f"{'':14}match  none", *lines]


def _print_thresholds_tsv(report: Report) -> None:
    output.print_tsv_row(_COLUMNS)
    for row in report.rows:
        output.print_tsv_row((*asdict(row).values(), _note(report, row.threshold)))


def _print_thresholds_table(report: Report) -> None:
    def share(value: float | None) -> str:
        return "–" if value is None else output.rounded(value)

    table = output.TerminalTable(_SHORT, texts=(6,))
    table.print(
        [
            (
                output.rounded(row.threshold, 4),
                share(row.precision),
                share(row.recall),
                share(row.false_match_rate),
                share(row.accepted),
                share(row.false_recalls_saved),
                _note(report, row.threshold),
            )
            for row in report.rows
        ]
    )


def _note(report: Report, threshold: float) -> str:
    bands = report.calibration.bands
    notes = [f"certified {one.kind}" for one in report.calibration.certificates if one.threshold == threshold]
    notes += ["high"] if threshold == bands.high else []
    notes += ["middle"] if threshold == bands.middle else []
    notes += ["reference"] if threshold == report.reference else []
    return ", ".join(notes)


def _band_line(calibration: Calibration) -> str:
    bands = calibration.bands
    high = "no score is high" if bands.high is None else f"high from {bands.high:.4f}"
    middle = "no middle" if bands.middle is None else f"middle from {bands.middle:.4f}"
    kinds = [one.kind for one in calibration.certificates_at(bands.high)]
    said = f"certified {' and '.join(kinds)}" if kinds else "uncertified"
    return f"bands: {high} ({said}), {middle}"


def _print_lines(lines: Sequence[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
