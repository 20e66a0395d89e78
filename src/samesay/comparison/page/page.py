"""The page put together."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from samesay.comparison.page import charts
from samesay.comparison.page.disagreements import disagreement_cards
from samesay.comparison.page.markup import Markup, Part, foreign, join, tag
from samesay.comparison.page.tables import (
    figures_table,
    instructions_table,
    models_table,
    speeds_table,
    verdicts_table,
)
from samesay.comparison.report import ComparedData, Report, Result
from samesay.comparison.wording import MEASURES, about, family, hardware, title_of

_NO_SPEED = "Speed was not measured."
_OPENED = 3


def page(report: Report) -> str:
    """Give the HTML of a report: one file, no script, nothing that is fetched."""
    names = " · ".join(model.label for model in report.models)
    main = tag(
        "main",
        {},
        tag("h1", {}, "Models side by side"),
        _opening(report),
        *_failures(report),
        tag("h2", {}, "Models"),
        models_table(report),
        tag("h2", {}, "At a glance"),
        *_glance(report),
        *[_section(report, data) for data in report.data],
        *_speeds(report),
        *_instructions(report),
        *_method(report),
    )
    # Nothing may be loaded, and no style but the one here applies: text of the user's can do nothing.
    style = Path(__file__).with_name("style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        {},
        tag("meta", {"charset": "utf-8"}),
        tag("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", {"name": "color-scheme", "content": "light dark"}),
        tag("title", {}, f"samesay compare: {names}"),
        tag("style", {}, Markup(style)),
    )
    return f"<!doctype html>\n{tag('html', {'lang': 'en'}, head, tag('body', {}, main))}\n"


def _opening(report: Report) -> Markup:
    date = report.made[:10]
    sets, models = len(report.data), len(report.models)
    return join(
        [
            tag(
                "p",
                {"class": "soft"},
                f"{models} models on {sets} {'sets' if sets > 1 else 'set'} of data, {date}, "
                f"samesay {report.samesay}. {hardware(report)}.",
            ),
            legend(report),
        ]
    )


def legend(report: Report) -> Markup:
    """List the models with their numbers and lines."""
    items = [
        tag("li", {}, charts.swatch(place), join([f"{place + 1} ", foreign(model.label)]))
        for place, model in enumerate(report.models)
    ]
    return tag("ul", {"class": "models", "aria-label": "models in the charts"}, *items)


def _failures(report: Report) -> list[Markup]:
    return [
        tag("p", {"class": "warn"}, foreign(one.model), f" failed at {one.when}: ", foreign(one.message))
        for one in report.failures
    ]


def _glance(report: Report) -> list[Markup]:
    figures = []
    for data in report.data:
        rows = [
            (place, model.label, result.measures[0])
            for place, model in enumerate(report.models)
            if (result := report.result(model.label, data.name)) is not None
        ]
        if rows:
            caption = tag("figcaption", {}, tag("b", {}, data.name), f" {title_of(data.main)}, {about(data)}")
            figures.append(tag("figure", {}, caption, charts.intervals(rows, data)))
    verdicts = [_verdict_line(report, data) for data in report.data]
    return [
        tag("p", {}, "The main figure of each set with its 95 % interval; numbers are those of the models."),
        tag("div", {"class": "charts"}, *figures),
        tag("ul", {"class": "plain"}, *[one for one in verdicts if one]),
    ]


def _verdict_line(report: Report, data: ComparedData) -> Markup | None:
    """Say which models of a set no other was shown to be better than."""
    here = [one for one in report.differences if one.data == data.name]
    if not here:
        return None
    better = {(one.first, one.second) for one in here if one.verdict == "better"}
    models = [model.label for model in report.models if report.result(model.label, data.name)]
    beaten = {second for _, second in better}
    best = [label for label in models if label not in beaten]
    names: list[Part] = []
    for label in best:
        names += [", " if names else "", foreign(label)]
    # Two verdicts say nothing of a third: A may be better than C, and B not told apart from either.
    ahead = all((one, other) in better for one in best for other in beaten)
    said: list[Part] = [*names, ": better than the others, not told apart from each other"]
    if len(best) == len(models):
        said = [*names, ": not told apart by this data"]
    elif not ahead:
        said = ["no other was shown to be better than ", *names]
    elif len(best) == 1:
        said = [*names, " is better than all others"]
    return tag("li", {}, tag("b", {}, data.name), ": ", *said)


def _section(report: Report, data: ComparedData) -> Markup:
    results = [one for one in report.results if one.data == data.name]
    parts: list[Markup] = [
        tag("h2", {}, foreign(data.name)),
        tag("p", {"class": "soft"}, f"{about(data)}. Models are compared by {title_of(data.main)}."),
    ]
    if not results:
        return join([*parts, tag("p", {}, "No model came to an end with this set.")])
    parts.append(figures_table(report, data))
    verdicts = verdicts_table(report, data)
    if verdicts:
        parts.append(verdicts)
    parts += [*_promises(results), *_scores(data, results), *_charts(report, results, data)]
    cards = disagreement_cards(report, data)
    if cards:
        words = (
            "Beside each score, the share of this set's pairs that the model scores lower. Models at chance "
            "are left out."
        )
        summary = tag("summary", {}, "Where the models disagree most")
        # With many sets the page is long enough without them.
        opened = {"open": ""} if len(report.data) <= _OPENED else {}
        parts.append(tag("details", opened, summary, tag("p", {"class": "soft"}, words), cards))
    return join(parts)


def _promises(results: list[Result]) -> list[Markup]:
    items = [
        tag("li", {}, foreign(one.model), f": {one.certified.message}")
        for one in results
        if one.certified is not None
    ]
    if not items:
        return []
    return [tag("h3", {}, "Certified thresholds"), tag("ul", {"class": "plain small"}, *items)]


def _scores(data: ComparedData, results: list[Result]) -> list[Markup]:
    if all(one.histogram is None for one in results):
        return []
    up, down = ("matches", "other pairs") if data.matches is not None else ("the higher grades", "the lower")
    words = f"Upwards {up}, downwards {down}; one range of scores for all models."
    if data.matches is not None:
        words += " Dashed: the threshold of the best F1. Solid: the certified one, where there is one."
    return [tag("h3", {}, "Scores"), tag("p", {"class": "soft"}, words)]


def _charts(report: Report, results: list[Result], data: ComparedData) -> list[Markup]:
    figures = []
    drawn = [one for one in results if one.histogram is not None]
    low, high = charts.shared_range(drawn) if drawn else (0.0, 1.0)
    for one in drawn:
        chart = charts.distribution(one, low, high)
        if chart is not None:
            figures.append(tag("figure", {}, tag("figcaption", {}, tag("b", {}, foreign(one.model))), chart))
    places = {model.label: place for place, model in enumerate(report.models)}
    curves = [charts.Curve(places[one.model], one.model, one.roc) for one in results if one.roc is not None]
    if curves:
        caption = tag("figcaption", {}, tag("b", {}, "ROC"))
        figures.append(tag("figure", {}, caption, charts.roc_chart(curves, data.name), legend(report)))
    spots = charts.spots_of(report, data)
    if spots:
        title = tag("b", {}, "Quality, speed, memory.")
        caption = tag(
            "figcaption",
            {},
            title,
            f" {title_of(data.main)} upwards, time of a sentence to the right, area of the circle: peak "
            "memory. Dotted circle: the time includes the network, the memory is the client's.",
        )
        figures.append(tag("figure", {}, caption, charts.trade_off(spots, data)))
    return [tag("div", {"class": "charts"}, *figures)] if figures else []


def _speeds(report: Report) -> list[Markup]:
    shown = speeds_table(report)
    if shown is None:
        return [tag("h2", {}, "Speed and memory"), tag("p", {}, _NO_SPEED)]
    words = (
        f"Models took turns, {report.method.rounds} each in an order drawn anew, every one in a process of "
        "its own; the first calls of a turn are not counted. Texts are drawn from the data above and read "
        "without a prompt. Memory is the most that the process held, Python and mapped files included."
    )
    return [tag("h2", {}, "Speed and memory"), shown, tag("p", {"class": "soft small"}, words)]


def _instructions(report: Report) -> list[Markup]:
    shown = instructions_table(report)
    without = [one.label for one in report.models if all(i.model != one.label for i in report.instructions)]
    parts: list[Markup] = [tag("h2", {}, "Do instructions help?")]
    parts.append(
        shown if shown is not None else tag("p", {}, "Nothing was measured with and without a prompt.")
    )
    if without and shown is not None:
        names: list[Part] = []
        for label in without:
            names += [", " if names else "", foreign(label)]
        parts.append(tag("p", {"class": "soft small"}, "No prompt to measure: ", *names, "."))
    return parts


def _method(report: Report) -> list[Markup]:
    method = report.method
    used = {measure.name for result in report.results for measure in result.measures}
    terms = [
        tag("li", {}, tag("b", {}, title), f": {words}")
        for name, (title, words) in MEASURES.items()
        if name in used
    ]
    task = f", task “{method.task}” for models that take one" if method.task else ""
    return [
        tag("h2", {}, "How it was measured"),
        tag("ul", {"class": "plain"}, *terms),
        tag(
            "p",
            {},
            f"Pairs are read in mode {method.mode}{task}; texts over a model's limit: {method.overlength}. "
            f"Intervals are 95 % percentile intervals of {method.draws} bootstrap draws of the items (seed "
            f"{method.seed}), the same for every model; a draw keeps the numbers of matches and others. "
            f"Certified: at most {method.alpha:g} of non-matches are accepted, with 95 % confidence. "
            f"{family(report)[0].upper()}{family(report)[1:]}.",
        ),
        tag(
            "p",
            {"class": "soft small"},
            "Intervals say how much another draw of the same kind of items would differ, not how these "
            "models do on other kinds. Items that share texts are less evidence than they seem.",
        ),
    ]
