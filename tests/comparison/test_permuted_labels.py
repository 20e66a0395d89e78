"""The check of the benchmark that measures give chance and no more once labels are permuted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from comparison_samples import Silent, write_intents, write_pairs, write_retrieval

from benchmark_modules import benchmark_module
from samesay.comparison.comparing import compare_with_scores
from samesay.comparison.data import DataSet, PairSet, Reading, read_data
from samesay.comparison.measures import area_under_curve
from samesay.comparison.resampling import on_the_data
from samesay.comparison.scored import Scored
from samesay.comparison.settings import Settings

SETTINGS = Settings(precision="fp32", threads=1, draws=100, rounds=0, instructions=False)


@pytest.fixture(scope="module")
def labels() -> ModuleType:
    return benchmark_module("permuted_labels")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[DataSet]:
    """Data of every kind, that a model does well on."""
    folder = tmp_path_factory.mktemp("data")
    return [
        read_data(str(write_pairs(folder / "pairs.tsv")), Reading()),
        read_data(str(write_pairs(folder / "graded.tsv", graded=True)), Reading()),
        read_data(str(write_intents(folder / "intents.tsv")), Reading()),
        read_data(str(write_retrieval(folder / "retrieval")), Reading()),
    ]


@pytest.fixture(scope="module")
def scored(data: list[DataSet], fixtures: Path) -> dict[str, Scored]:
    report, found = compare_with_scores([str(fixtures / "bert-mean")], data, SETTINGS, Silent())
    assert {name for _, name in found} == {one.data for one in report.results}
    for result in report.results:
        statistic = found[result.model, result.data].main
        items = next(one.items for one in report.data if one.name == result.data)
        assert on_the_data(statistic, items) == result.measures[0].value
    return {name: one for (_, name), one in found.items()}


def test_figures_of_every_kind_are_at_chance_with_permuted_labels(
    labels: ModuleType, data: list[DataSet], scored: dict[str, Scored]
) -> None:
    for one in data:
        found = labels.permuted(one, scored[one.name], seed=0)
        assert found.error > 0
        assert found.at_chance, (one.name, found)
        # Sharp: what the model knows of this set would not pass.
        known = list(scored[one.name].statistics.values())[1 if one.name == "intents" else 0]
        with_labels = replace(found, mean=on_the_data(known, len(one)))
        assert not with_labels.at_chance, (one.name, with_labels)


def test_chance_is_what_is_drawn(labels: ModuleType, data: list[DataSet]) -> None:
    pairs, graded, intents, retrieval = data
    assert (labels.chance(pairs), labels.chance(graded)) == (0.5, 0.0)
    assert labels.chance(intents) == pytest.approx((14 * 13 + 2 * 13 * 12) / (40 * 39))
    # One document of twenty answers, and stands at each rank equally often.
    assert labels.chance(retrieval) == pytest.approx(sum(1 / np.log2(np.arange(2, 12))) / 20)


def test_a_measure_that_looks_at_the_labels_is_found_out(
    labels: ModuleType, data: list[DataSet], scored: dict[str, Scored], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaking(pairs: PairSet, scores: np.ndarray[tuple[int], np.dtype[np.float32]], alpha: float) -> Scored:
        assert pairs.matches is not None
        known = scores + np.float32(0.02) * pairs.matches
        return Scored({"auroc": area_under_curve(known, pairs.matches)}, known)

    monkeypatch.setattr(labels, "score_of_pairs", leaking)
    assert not labels.permuted(data[0], scored["pairs"], seed=0).at_chance
