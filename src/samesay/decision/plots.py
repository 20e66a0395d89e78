"""The reliability diagram and the histogram of scores, as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from samesay.decision.calibration import Calibration
from samesay.decision.labels import LabelledScores
from samesay.errors import MissingExtraError, OutputFileError
from samesay.newfiles import new_file
from samesay.vectorfiles import check_target

_BINS = 40


def check_plot_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a picture that could not be drawn or written, before any work is done for it.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputFileError: See ``vectorfiles.check_target``; the name must end in ``.png``.
    """
    check_target(path, (".png",), overwrite=overwrite)
    try:
        import matplotlib as _  # noqa: F401
    except ImportError:
        raise MissingExtraError("drawing", "plots") from None


def write_plot(
    calibration: Calibration, labelled: LabelledScores, path: Path, *, overwrite: bool = False
) -> None:
    """Draw how probabilities compare with what was observed, and how scores are spread.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputFileError: The file cannot be written.
    """
    check_plot_target(path, overwrite=overwrite)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    bins = [one for one in calibration.evidence.reliability if one.pairs]
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    left.scatter(
        [one.predicted for one in bins],
        [one.observed for one in bins],
        s=[20 + 200 * one.pairs / len(labelled) for one in bins],
    )
    left.set(xlabel="predicted probability", ylabel="share that matches", xlim=(0, 1), ylim=(0, 1))
    left.set_title(f"reliability, {calibration.curve.method}, held out")
    edges = np.linspace(float(labelled.scores.min()), float(labelled.scores.max()), _BINS + 1)
    for scores, name in ((labelled.non_match_scores, "no match"), (labelled.match_scores, "match")):
        right.hist(scores, bins=edges.tolist(), alpha=0.6, label=name)
    for edge, name in ((calibration.bands.high, "high"), (calibration.bands.middle, "middle")):
        if edge is not None:
            right.axvline(
                edge, color="0.3", linewidth=1, linestyle="--" if name == "high" else ":", label=name
            )
    right.set(xlabel="score", ylabel="pairs")
    right.legend()
    try:
        with new_file(path) as file:
            figure.savefig(file, format="png", dpi=150)
    except ValueError as error:
        raise OutputFileError(f"{path} cannot be drawn: {error}") from None
