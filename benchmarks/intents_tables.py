"""The figures of docs/intents.md, from what benchmarks/intents.py has measured.

    python benchmarks/intents_tables.py --write docs/intents.md

tests/test_measured_documents.py compares the document with what comes out now.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import computed

METHODS = ("both", "examples", "centroids")
ROUTER_DEFAULT = "5 mean"
# Settings of the development table: neighbours, temperature, and how vectors are taken.
TRIED = (
    (1, 0.2, "relative"),
    (3, 0.2, "relative"),
    (5, 0.2, "relative"),
    (10, 0.2, "relative"),
    (20, 0.2, "relative"),
    (5, 0.1, "relative"),
    (5, 0.4, "relative"),
    (5, 0.02, "as they are"),
    (5, 0.05, "as they are"),
    (5, 0.2, "as they are"),
)


def accuracy_part(found: dict[str, Any]) -> str:
    """The share of texts in scope whose best intent is right, beside semantic-router."""
    header = (
        "examples → test",
        "both (default)",
        "examples",
        "centroids",
        "semantic-router, default",
        "as chosen",
    )
    rows = []
    for ours, router in zip(found["test"], found["semantic_router"], strict=True):
        cells = [computed.interval(ours["methods"][method]["accuracy"]) for method in METHODS]
        cells += [
            computed.interval(router["settings"][name]["accuracy"])
            for name in (ROUTER_DEFAULT, router["chosen"])
        ]
        cells[-1] += f", {_router_setting(router['chosen'])}"
        rows.append((ours["set"], *cells))
    return f"{computed.table(header, rows)}\n\n{computed.paragraph(_beside(found))}"


def outside_part(found: dict[str, Any]) -> str:
    """What becomes of texts out of scope, and what the promise was worth."""
    ours, router = _clinc(found)
    rows = [
        (
            f"{method}, certified at 5 %",
            computed.interval(one["area"]),
            computed.interval(one["covered"]),
            computed.interval(one["out_of_scope_recall"]),
        )
        for method in METHODS
        for one in (ours["methods"][method],)
    ]
    covered = f"{ours['methods']['both']['covered'][0]:.3f}"
    for name in dict.fromkeys((ROUTER_DEFAULT, router["chosen"])):
        one = router["settings"][name]
        recall = computed.interval(one["out_of_scope_recall_at_our_coverage"])
        label = f"semantic-router, {_router_setting(name)}, at the first row's coverage"
        rows.append((label, computed.interval(one["area"]), covered, recall))
    table = computed.table(
        ("", "area under the curve", "in scope given an intent", "out of scope given none"), rows
    )
    default = ours["methods"]["both"]
    given = _complement(default["out_of_scope_recall"])
    side = "within" if given[1] <= 0.05 <= given[2] else "outside"
    text = (
        f"With the default {computed.interval(default['precise'])} of the intents given to texts in scope "
        f"and out of it are right. Of the 1000 out-of-scope test texts {computed.percent(given)} get an "
        f"intent where 5 % were promised: one certificate, and 5 % lies {side} the interval. How often such "
        "a promise breaks, simulated: all 1200 out-of-scope texts of clinc150 stand for all there are, "
        "samples are drawn from them, and the threshold of each is held against all:"
    )
    return f"{table}\n\n{computed.paragraph(text)}"


def promises_part(found: dict[str, Any]) -> str:
    """How often a promise breaks."""
    rows = []
    for one in found["promises_on_clinc150"]:
        share, low, high = one["broken"]
        broken = (
            f"{share * one['draws']:.0f} ({100 * share:.1f} %, interval {100 * low:.1f}–{100 * high:.1f} %)"
        )
        rows.append((str(one["labelled"]), str(one["certificates"]), broken, f"{one['mean_coverage']:.2f}"))
    draws = found["promises_on_clinc150"][0]["draws"]
    header = (
        "labelled out-of-scope texts",
        f"certificates of {draws} draws",
        "broken promises",
        "texts in scope given an intent, mean",
    )
    return computed.table(header, rows)


def coverage_part(found: dict[str, Any]) -> str:
    """What a precision costs, and what the uncertified threshold is worth across languages."""
    banking = found["test"][0]
    asked, plain = banking["precision 0.95"], banking["methods"]["both"]
    covered = {one["set"]: one["methods"]["both"]["covered"][0] for one in found["test"]}
    precision = (
        "On banking77, which has no out-of-scope texts, a precision of 0.95 was asked for. An intent is "
        f"given to {computed.interval(asked['covered'])} of the test texts, and "
        f"{computed.interval(asked['precise'])} of these are right; without that, "
        f"{computed.interval(plain['covered'])} get one and {computed.interval(plain['precise'])} are right."
    )
    languages = (
        "Across languages the uncertified threshold is of little use: with English examples "
        f"{covered['xsid en → zh']:.0%} of the Chinese test texts get an intent, with Chinese examples "
        f"{covered['xsid zh → en']:.0%} of the English ones. Give examples in every language that is asked "
        "in."
    ).replace("%", " %")
    return f"{computed.paragraph(precision)}\n\n{computed.paragraph(languages)}"


def choosing_part(found: dict[str, Any]) -> str:
    """What the defaults were chosen by, on development texts."""
    means = _means(found)
    neighbours, temperature = (found["defaults"][name] for name in ("neighbours", "temperature"))
    default = (neighbours, temperature, "relative")
    rows = []
    for one in TRIED:
        label = f"{one[0]} neighbour{'s' if one[0] > 1 else ''}, temperature {one[1]:g}"
        label += " (default)" if one == default else ""
        label += "" if one[2] == "relative" else ", vectors as they are"
        rows.append((label, *(f"{means[(*one, method)]:.4f}" for method in METHODS[:2])))
    centroids = (
        "Mean accuracy on the development texts of nine sets: banking77 with all examples and with 10 an "
        "intent, clinc150 with all, 10 and 3, and the four directions of xsid. Centroids alone have "
        f"{means[(*default, 'centroids')]:.4f}, of vectors as they are "
        f"{means[(*TRIED[-1], 'centroids')]:.4f}."
    )
    areas = found["out_of_scope_features_on_development"]
    features = (
        "Out-of-scope texts decided for relative vectors: by the area under the curve on clinc150's "
        f"validation texts, the score tells them with {areas['both: score']:.3f}, that of vectors as they "
        f"are with {areas['both: score of vectors as they are']:.3f}. Other ways to tell them: the margin "
        f"over the second intent {areas['both: margin over the second']:.3f}, the score with half the margin "
        f"{areas['both: score + margin / 2']:.3f}, the score less what is usual for the intent "
        f"{areas['both: score - usual score of the intent']:.3f}, less half of that "
        f"{areas['both: score - half of the usual score']:.3f}. The last gains "
        f"{areas['both: score - half of the usual score'] - areas['both: score']:.3f} on 100 texts, too "
        "little for a further number of every intent, so the score itself decides."
    )
    nearly = (
        "At the default both together are better than either. Differences of less than 0.005 mean nothing "
        "here (3 neighbours would do as well as 5, vectors as they are as well as relative ones)."
    )
    return "\n\n".join(
        (
            computed.paragraph(centroids),
            computed.table(("", "both", "examples"), rows),
            computed.paragraph(f"{nearly} {features}"),
        )
    )


def parts(results: Path = computed.RESULTS) -> dict[str, Callable[[], str]]:
    """Give the parts of the document by name."""
    found = computed.read_result(results, "intents.json")
    return {
        "accuracy": partial(accuracy_part, found),
        "outside": partial(outside_part, found),
        "promises": partial(promises_part, found),
        "coverage": partial(coverage_part, found),
        "choosing": partial(choosing_part, found),
    }


def _beside(found: dict[str, Any]) -> str:
    """Say on which sets the default and semantic-router as chosen differ."""
    apart: dict[str, list[str]] = {"better": [], "worse": [], "higher": [], "lower": []}
    for ours, router in zip(found["test"], found["semantic_router"], strict=True):
        one, low, high = ours["methods"]["both"]["accuracy"]
        other, other_low, other_high = router["settings"][router["chosen"]]["accuracy"]
        kind = (
            "better"
            if low > other_high
            else "worse"
            if high < other_low
            else "higher"
            if one > other
            else "lower"
        )
        apart[kind].append(ours["set"])
    said = [
        f"{kind} on {_listed(sets)}, with intervals that lie apart"
        for kind in ("better", "worse")
        if (sets := apart[kind])
    ]
    overlapping = [f"{kind} on {_listed(sets)}" for kind in ("higher", "lower") if (sets := apart[kind])]
    if overlapping:
        said.append(f"where the intervals overlap, it is {' and '.join(overlapping)}")
    version = found["versions"]["semantic-router"]
    return (
        f"semantic-router {version} has the same vectors; by default it takes the mean over the 5 nearest "
        "examples, and beside it stands the setting that was best on up to 500 of the same development "
        f"texts. Beside that setting the default here is {'; '.join(said)}."
    )


def _listed(names: list[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]


def _clinc(found: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    ours = next(one for one in found["test"] if one["set"] == "clinc150")
    return ours, next(one for one in found["semantic_router"] if one["set"] == "clinc150")


def _router_setting(name: str) -> str:
    count, aggregation = name.split()
    return f"{aggregation} of {count}"


def _complement(value: list[float]) -> list[float]:
    middle, low, high = value
    return [1 - middle, 1 - high, 1 - low]


def _means(found: dict[str, Any]) -> dict[tuple[int, float, str, str], float]:
    by_setting: dict[tuple[int, float, str, str], list[float]] = {}
    for one in found["development"]:
        for method, neighbours, temperature, kind, accuracy in one["accuracy"]:
            by_setting.setdefault((neighbours, temperature, kind, method), []).append(accuracy)
    return {setting: fmean(values) for setting, values in by_setting.items()}


if __name__ == "__main__":
    computed.write_or_print(__doc__, parts())
