"""What ``samesay compare`` shows: figures, verdicts, prompts, speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from samesay.cli import output

if TYPE_CHECKING:
    from samesay.comparison.report import ComparedData, Report

# Columns of a figure with its interval.
_FIGURE = 23
_COLUMNS = ("data", "model", "measure", "value", "low", "high")


def print_report(report: Report) -> None:
    """Print tables to a terminal; to a file or pipe every figure as a row of TSV."""
    if output.to_terminal():
        for data in report.data:
            _print_set(report, data)
        _print_instructions(report)
        _print_speeds(report)
        return
    output.print_tsv_row(_COLUMNS)
    for result in report.results:
        for one in result.measures:
            output.print_tsv_row((result.data, result.model, one.name, one.value, one.low, one.high))
        if result.certified is not None and result.certified.threshold is not None:
            promised = (result.data, result.model, "certified_threshold", result.certified.threshold)
            output.print_tsv_row((*promised, None, None))
    for speed in report.speeds:
        values = {
            "latency_p50_ms": speed.p50_ms,
            "latency_p95_ms": speed.p95_ms,
            "texts_per_second": speed.texts_per_second,
            "tokens_per_second": speed.tokens_per_second,
            "peak_memory_bytes": speed.peak_bytes,
            "gpu_memory_bytes": speed.gpu_bytes,
        }
        for name, value in values.items():
            if value is not None:
                output.print_tsv_row((None, speed.model, name, value, None, None))


def _print_set(report: Report, data: ComparedData) -> None:
    from samesay.comparison.wording import about, figure, number, p_value, signed, title_of, verdict

    results = [one for one in report.results if one.data == data.name]
    _print_lines(["", f"{data.name}: {about(data)}"])
    if not results:
        return
    names = [one.name for one in results[0].measures]
    found = [{one.name: figure(one) for one in result.measures} for result in results]
    if data.matches is not None:
        names.append("certified threshold")
        for values, result in zip(found, results, strict=True):
            promised = result.certified.threshold if result.certified else None
            values["certified threshold"] = "none" if promised is None else number(promised)
    # Figures below each other and models side by side, as many as the line holds.
    titles = [title_of(name) for name in names]
    for some in _fitting([result.model for result in results], titles):
        rows = [
            [title, *(found[place].get(name, "–") for place in some)]
            for name, title in zip(names, titles, strict=True)
        ]
        _print_table(["", *(results[place].model for place in some)], rows)
    for one in report.differences:
        if one.data == data.name:
            _print_lines([f"{verdict(one)}: {signed(one.difference)}, {p_value(one.adjusted)}"])


def _fitting(models: Sequence[str], titles: Sequence[str]) -> list[list[int]]:
    """Part the places of models into groups that are no wider than the terminal."""
    room = output.terminal().width - max(map(output.cell_width, titles))
    groups: list[list[int]] = [[]]
    left = room
    for place, model in enumerate(models):
        width = max(output.cell_width(model), _FIGURE) + 2
        if groups[-1] and width > left:
            groups.append([])
            left = room
        groups[-1].append(place)
        left -= width
    return groups


def _print_instructions(report: Report) -> None:
    from samesay.comparison.wording import effect, p_value, signed

    if not report.instructions:
        return
    _print_lines(["", "with the prompt, against without"])
    _print_table(
        ("model", "data", "difference", "corrected", ""),
        [
            (one.model, one.data, signed(one.difference), p_value(one.adjusted), effect(one))
            for one in report.instructions
        ],
        texts=(0, 1, 4),
    )


def _print_speeds(report: Report) -> None:
    from samesay.comparison.wording import milliseconds, rate, size

    if not report.speeds:
        return
    _print_lines(["", "speed and memory"])
    _print_table(
        ("model", "p50", "p95", "texts/s", "tokens/s", "peak memory", "GPU memory", "note"),
        [
            (
                one.model,
                milliseconds(one.p50_ms),
                milliseconds(one.p95_ms),
                rate(one.texts_per_second),
                rate(one.tokens_per_second),
                size(one.peak_bytes),
                size(one.gpu_bytes),
                "includes the network" if one.includes_network == "yes" else "",
            )
            for one in report.speeds
        ],
        texts=(0, 7),
    )


def _print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], texts: tuple[int, ...] = (0,)
) -> None:
    output.TerminalTable(columns, texts=texts).print(rows)


def _print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        output.terminal().print(output.single_line(line), soft_wrap=True)
