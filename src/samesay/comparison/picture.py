"""The comparison as a picture: figures with intervals, and quality against speed and memory."""

from __future__ import annotations

import unicodedata
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samesay.comparison.page.charts import spots_of
from samesay.comparison.report import ComparedData, Report
from samesay.comparison.wording import title_of
from samesay.errors import MissingExtraError, OutputFileError
from samesay.newfiles import new_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#0f6fb0", "#c2571a", "#1b7f5c", "#9b4a86", "#8a6d00", "#4a5fc1", "#6b4f3a", "#555555")
_LARGEST = 700.0


def can_draw() -> bool:
    """Whether matplotlib is there."""
    try:
        import matplotlib as _  # noqa: F401
    except ImportError:
        return False
    return True


def write_picture(report: Report, path: Path) -> None:
    """Draw a PNG: a row for each set.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputFileError: The file cannot be written.
    """
    if not can_draw():
        raise MissingExtraError("drawing", "plots")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = 2 if report.speeds else 1
    rows = len(report.data)
    height = sum(_height(report) for _ in report.data)
    figure: Any = Figure(figsize=(5.5 * columns, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for row, data in enumerate(report.data):
        _draw_intervals(axes[row][0], report, data)
        if columns == 2:
            _draw_trade_off(axes[row][1], report, data)
    try:
        with new_file(path) as file, warnings.catch_warnings():
            # Names in scripts that the font lacks are drawn as boxes; the page has them as text.
            warnings.filterwarnings("ignore", "Glyph")
            figure.savefig(file, format="png", dpi=110)
    except ValueError as error:
        raise OutputFileError(f"{path} cannot be drawn: {error}") from None


def _height(report: Report) -> float:
    return 1.2 + 0.35 * len(report.models) if not report.speeds else 2.8


def _draw_intervals(axes: Axes, report: Report, data: ComparedData) -> None:
    labels = []
    for place, model in enumerate(report.models):
        result = report.result(model.label, data.name)
        labels.append(_plain(model.label))
        if result is None:
            continue
        main = result.measures[0]
        axes.plot([main.low, main.high], [place, place], color=_COLOURS[place % len(_COLOURS)], linewidth=2)
        axes.plot([main.value], [place], "o", color=_COLOURS[place % len(_COLOURS)])
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x", color="0.85")
    axes.set_title(_plain(f"{data.name}: {title_of(data.main)}, 95 % interval"), fontsize=10)


def _draw_trade_off(axes: Axes, report: Report, data: ComparedData) -> None:
    spots = spots_of(report, data)
    most = max((one.speed.peak_bytes or 0 for one in spots), default=0) or 1
    for one in spots:
        colour = _COLOURS[one.place % len(_COLOURS)]
        area = max(_LARGEST * (one.speed.peak_bytes or 0) / most, 30)
        style = ":" if one.speed.includes_network == "yes" else "-"
        x = [one.speed.p50_ms]
        axes.plot(x * 2, [one.quality.low, one.quality.high], color=colour)
        axes.scatter(
            x, [one.quality.value], s=area, color=colour, alpha=0.3, linestyle=style, edgecolor=colour
        )
        axes.annotate(
            _plain(one.label),
            (x[0], one.quality.value),
            textcoords="offset points",
            xytext=(8, 6),
            fontsize=8,
        )
    axes.set_xscale("log")
    axes.margins(x=0.35, y=0.15)
    axes.set_xlabel("ms a sentence (median; dotted: with the network); area: peak memory", fontsize=8)
    axes.grid(color="0.9")


def _plain(words: str) -> str:
    # A dollar sign would begin mathematics.
    shown = "".join(one if unicodedata.category(one)[0] != "C" else " " for one in words)
    return shown.replace("$", r"\$")
