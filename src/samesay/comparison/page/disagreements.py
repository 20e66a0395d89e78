"""The pairs on which models disagree most, as cards."""

from __future__ import annotations

from samesay.comparison.page.markup import Markup, Part, foreign, tag
from samesay.comparison.report import ComparedData, Disagreement, Report
from samesay.comparison.wording import number


def disagreement_cards(report: Report, data: ComparedData) -> Markup | None:
    """Give the cards of a set; None where there are none."""
    cards = [_card(one, data) for one in report.disagreements if one.data == data.name]
    return tag("ol", {"class": "pairs"}, *cards) if cards else None


def _card(one: Disagreement, data: ComparedData) -> Markup:
    label = f"grade {one.label:g}"
    if data.kind != "graded pairs":
        label = "a match" if one.label else "no match"
    parts: list[Part] = []
    if one.text_a is not None and one.text_b is not None:
        parts += [tag("p", {}, foreign(one.text_a)), tag("p", {}, foreign(one.text_b))]
    parts.append(tag("p", {"class": "soft small"}, f"{label}, {one.place}"))
    rows = [
        tag(
            "tr",
            {},
            tag("th", {"scope": "row"}, foreign(model)),
            tag("td", {"class": "n"}, number(score)),
            tag("td", {"class": "n"}, f"{100 * rank:.0f} %"),
        )
        for model, score, rank in zip(one.models, one.scores, one.ranks, strict=True)
    ]
    names = [("model", ""), ("score", "n"), ("scored lower", "n")]
    head = [tag("th", {"scope": "col", **({"class": kind} if kind else {})}, name) for name, kind in names]
    parts.append(tag("table", {}, tag("thead", {}, tag("tr", {}, *head)), tag("tbody", {}, *rows)))
    return tag("li", {}, *parts)
