"""The tables of the page."""

from __future__ import annotations

from collections.abc import Sequence

from samesay.comparison.page.markup import Markup, Part, foreign, join, tag
from samesay.comparison.report import ComparedData, Report
from samesay.comparison.wording import (
    effect,
    milliseconds,
    number,
    p_value,
    rate,
    signed,
    size,
    title_of,
    told_apart,
)

_SHORT = 12


def table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[Part]], numbers: int, kind: str = "scroll"
) -> Markup:
    """Give a table that scrolls by itself where it is wider than the page.

    Args:
        caption: What it shows.
        columns: Names of the columns.
        rows: Their cells; the first is the row's name.
        numbers: Columns at the right that hold numbers.
        kind: Its class.
    """
    first = len(columns) - numbers
    head = [
        tag("th", {"scope": "col", **({"class": "n"} if place >= first else {})}, name)
        for place, name in enumerate(columns)
    ]
    body = []
    for name, *cells in rows:
        given = [
            tag("td", {"class": "n"} if place >= first else {}, cell) for place, cell in enumerate(cells, 1)
        ]
        body.append(tag("tr", {}, tag("th", {"scope": "row"}, name), *given))
    return tag(
        "div",
        {"class": kind, "role": "region", "tabindex": "0", "aria-label": caption},
        tag(
            "table",
            {},
            tag("caption", {}, caption),
            tag("thead", {}, tag("tr", {}, *head)),
            tag("tbody", {}, *body),
        ),
    )


def models_table(report: Report) -> Markup:
    """Tell what each model is."""
    rows: list[list[Part]] = []
    for place, model in enumerate(report.models, 1):
        rows.append(
            [
                join([f"{place} ", foreign(model.label)]),
                foreign(model.name),
                model.engine,
                tag("code", {}, model.fingerprint[:_SHORT]),
                model.precision,
                f"{model.dimensions:,}",
                "–" if model.context is None else f"{model.context:,}",
                size(model.disk_bytes),
            ]
        )
    columns = ("model", "its name", "engine", "identity", "precision", "dimensions", "context", "on disk")
    return table("The models; equal identities give equal bits", columns, rows, 4)


def figures_table(report: Report, data: ComparedData) -> Markup:
    """Give all figures of a set."""
    results = [one for one in report.results if one.data == data.name]
    names = [one.name for one in results[0].measures] if results else []
    cut = any(one.cut_texts for one in results)
    rows: list[list[Part]] = []
    for result in results:
        values = {one.name: one for one in result.measures}
        cells: list[Part] = []
        for name in names:
            one = values.get(name)
            cells.append(
                "–"
                if one is None
                else join(
                    [
                        number(one.value),
                        tag("span", {"class": "range"}, f"{number(one.low)}–{number(one.high)}"),
                    ]
                )
            )
        if data.matches is not None:
            promised = result.certified.threshold if result.certified else None
            cells.append("none" if promised is None else number(promised))
        if cut:
            cells.append(f"{result.cut_texts:,}")
        rows.append([foreign(result.model), *cells])
    columns = ["model", *map(title_of, names)]
    if data.matches is not None:
        columns.append("certified threshold")
    if cut:
        columns.append("texts cut")
    return table(f"Figures on {data.name}, with 95 % bootstrap intervals", columns, rows, len(columns) - 1)


def verdicts_table(report: Report, data: ComparedData) -> Markup | None:
    """Say of every two models which is better on a set."""
    rows: list[list[Part]] = []
    for one in report.differences:
        if one.data != data.name:
            continue
        words: list[Part] = [foreign(one.first), " and ", foreign(one.second), f": {told_apart(one)}"]
        if one.verdict == "better":
            better = tag("span", {"class": "yes"}, " is better than ")
            words = [foreign(one.first), better, foreign(one.second)]
        rows.append([join(words), signed(one.difference), p_value(one.adjusted)])
    if not rows:
        return None
    columns = ("verdict", f"difference in {title_of(data.main)}", "corrected")
    return table(f"Which is better on {data.name}", columns, rows, 2, "scroll verdicts")


def speeds_table(report: Report) -> Markup | None:
    """Give speed and memory."""
    rows: list[list[Part]] = []
    for one in report.speeds:
        network = " (includes the network)" if one.includes_network == "yes" else ""
        client = " (client only)" if one.includes_network == "yes" else ""
        rows.append(
            [
                join([foreign(one.model), network]),
                milliseconds(one.p50_ms),
                milliseconds(one.p95_ms),
                rate(one.texts_per_second),
                rate(one.tokens_per_second),
                f"{one.batch_texts:,}",
                f"{size(one.peak_bytes)}{client}",
                size(one.gpu_bytes),
            ]
        )
    if not rows:
        return None
    columns = ("model", "p50", "p95", "texts/s", "tokens/s", "batch", "peak memory", "GPU memory")
    caption = "One sentence at a time (p50, p95), and many at once"
    return table(caption, columns, rows, len(columns) - 1)


def instructions_table(report: Report) -> Markup | None:
    """Say what prompts do."""
    rows: list[list[Part]] = [
        [
            foreign(one.model),
            one.data,
            effect(one),
            number(one.with_prompt),
            number(one.without),
            signed(one.difference),
            p_value(one.adjusted),
        ]
        for one in report.instructions
    ]
    if not rows:
        return None
    columns = ("model", "data", "what it does", "with", "without", "difference", "corrected")
    return table("Each set with the model's prompt and without", columns, rows, 4)
