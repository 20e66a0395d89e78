"""docs/compare.md says what the committed comparison found, and that comparison is what it should be."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from benchmark_modules import benchmark_module
from samesay.comparison.json_file import read_report
from samesay.comparison.page.page import page
from samesay.comparison.report import Report

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "compare.md"
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    return benchmark_module("compare_tables")


@pytest.fixture(scope="module")
def report() -> Report:
    return read_report(RESULTS / "compare.json")


def test_document_says_what_was_measured(tables: ModuleType) -> None:
    text = DOCUMENT.read_text("utf-8")
    parts = tables.parts()
    assert tables.computed.names(text) == set(parts)
    assert text == tables.computed.filled(text, parts), (
        "run python benchmarks/compare_tables.py --write docs/compare.md"
    )


def test_every_model_was_measured_on_every_set(report: Report) -> None:
    assert not report.failures
    assert len(report.results) == len(report.data) * len(report.models)
    assert [one.model for one in report.speeds] == [one.label for one in report.models]


def test_the_served_model_has_the_figures_of_the_local_one_to_the_last_digit(report: Report) -> None:
    for data in report.data:
        local, served = (report.result(label, data.name) for label in ("bundled", "bundled-served"))
        assert local is not None
        assert served is not None
        assert (served.measures, served.cut_texts) == (local.measures, local.cut_texts), data.name


def test_the_page_shows_this_report_and_texts_of_our_own_pairs_only(report: Report) -> None:
    assert (RESULTS / "compare.html").read_text("utf-8") == page(report), (
        "run python benchmarks/compare_tables.py --page benchmarks/results/compare.html"
    )
    assert {one.data for one in report.disagreements if one.text_a is not None} <= {"conflicts"}
