"""Figures in words, the same in the terminal, on the page and in the picture."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from samesay.comparison.report import ComparedData, Difference, Instruction, Measure, Report

# What people call a measure, and what it says.
MEASURES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "spearman": ("Spearman", "rank correlation of scores and grades; 0 is chance"),
        "pearson": ("Pearson", "linear correlation of scores and grades; 0 is chance"),
        "auroc": ("AUROC", "how often a match scores above a non-match; 0.5 is chance"),
        "average_precision": (
            "avg. precision",
            "mean precision over the matches; the share of matches is chance",
        ),
        "mean_match": ("mean, matches", "mean score of the matches"),
        "mean_non_match": ("mean, others", "mean score of the non-matches"),
        "best_f1": ("best F1", "F1 at the threshold that suits these pairs best"),
        "best_f1_threshold": ("its threshold", "the threshold of the best F1"),
        "certified_recall": (
            "certified recall",
            "share of the matches at or above the certified threshold",
        ),
        "accuracy": ("accuracy", "share of texts whose five nearest other texts vote for their intent"),
        "nearest_accuracy": ("nearest only", "share of texts whose nearest other text has their intent"),
        "ndcg@10": ("nDCG@10", "how high the right documents stand among the first ten"),
        "recall@1": ("Recall@1", "share of the right documents found first"),
        "recall@5": ("Recall@5", "share of the right documents among the first five"),
        "recall@10": ("Recall@10", "share of the right documents among the first ten"),
        "mrr@10": ("MRR@10", "one over the rank of the first right document"),
    }
)


def title_of(measure: str) -> str:
    """Give what people call a measure."""
    return MEASURES.get(measure, (measure, ""))[0]


def figure(measure: Measure) -> str:
    """Give a figure with its interval."""
    return f"{number(measure.value)} ({number(measure.low)}–{number(measure.high)})"


def number(value: float) -> str:
    """Give a figure in three decimals."""
    return f"{round(value, 3) + 0.0:.3f}"


def signed(measure: Measure) -> str:
    """Give a difference with its interval."""
    low, high = (f"{round(one, 3) + 0.0:+.3f}" for one in (measure.low, measure.high))
    return f"{round(measure.value, 3) + 0.0:+.3f} ({low} to {high})"


def p_value(value: float) -> str:
    """Give a p-value, very small ones as a bound."""
    return f"p = {value:.3f}" if value >= 0.001 else "p < 0.001"


def verdict(one: Difference) -> str:
    """Say which model is better, or that the data cannot tell."""
    if one.verdict == "better":
        return f"{one.first} is better than {one.second}"
    return f"{one.first} and {one.second}: {told_apart(one)}"


def told_apart(one: Difference) -> str:
    """Say of two models of which none is better whether there is any difference."""
    gap = one.difference
    if gap.value == gap.low == gap.high == 0:
        return "the same on every draw"
    return "not told apart by this data"


def effect(one: Instruction) -> str:
    """Say what a prompt does."""
    if one.verdict == "not told apart":
        return "no effect shown by this data"
    return f"the prompt {one.verdict}"


def about(data: ComparedData) -> str:
    """Say what a set is."""
    whole = f" of {data.whole}" if data.items < data.whole else ""
    if data.kind == "retrieval":
        return f"retrieval, {data.items}{whole} queries, {data.documents} documents"
    if data.kind == "intents":
        return f"{data.items}{whole} texts with {data.intents} intents"
    matches = f", {data.matches} of them match" if data.matches is not None else ""
    return f"{data.items}{whole} {data.kind}{matches}"


def size(count: int | None) -> str:
    """Give bytes in megabytes, many in gigabytes."""
    if count is None:
        return "–"
    return f"{count / 1e9:.1f} GB" if count >= 1e10 else f"{count / 1e6:,.0f} MB"


def rate(value: float | None) -> str:
    """Give a number a second."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def milliseconds(value: float) -> str:
    """Give a time."""
    return f"{value:.0f} ms" if value >= 100 else f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms"


def hardware(report: Report) -> str:
    """Say what it ran on."""
    machine = report.machine
    parts = [machine.processor, f"{machine.cores} cores", size(machine.memory_bytes), machine.system]
    return ", ".join([*parts, *([machine.accelerator] if machine.accelerator else [])])


def family(report: Report) -> str:
    """Say how differences were tested."""
    method = report.method
    return (
        f"{method.tests} paired bootstrap tests of {method.test_draws} draws on the same items, corrected "
        "together (Holm): with 95 % probability no “better”, “helps” or “harms” here is a chance find. "
        "Intervals of differences are not corrected: one may leave out 0 where the verdict does not"
    )
