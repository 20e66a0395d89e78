"""docs/scale.md says what follows from the figures that were measured, and so do the manifests."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from benchmark_modules import benchmark_module
from samesay.collection import filling, lance_index
from samesay.collection.cluster.settings import ClusterSettings
from samesay.collection.shared import blocks

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "scale.md"


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    return benchmark_module("scale")


def test_document_says_what_the_measured_figures_give(scale: ModuleType) -> None:
    text = DOCUMENT.read_text("utf-8")
    assert set(re.findall(r"<!-- computed: (\w+) -->", text)) == set(scale.PARTS)
    assert text == scale.filled(text, scale.read_inputs()), (
        "run python benchmarks/scale.py --write docs/scale.md"
    )


def test_another_figure_makes_another_document(scale: ModuleType, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "benchmarks" / "results", tmp_path / "results")
    changed = tmp_path / "results" / "stores.json"
    value = json.loads(changed.read_text("utf-8"))
    value["parts"]["large"]["samesay"]["index_s"] *= 2
    changed.write_text(json.dumps(value), "utf-8")
    text = DOCUMENT.read_text("utf-8")
    assert scale.filled(text, scale.read_inputs(tmp_path / "results")) != text


def test_arithmetic_holds_when_done_by_hand(scale: ModuleType) -> None:
    inputs = scale.read_inputs()
    bundled, _ = inputs.models
    # Twice the texts take twice as long, and cores times hours at that speed give the texts.
    hours = bundled.core_hours(10**9)
    assert hours / inputs.models[0].cores * 3600 * bundled.texts_per_second == pytest.approx(1e9)
    million = next(
        line for line in scale.storing_part(inputs).splitlines() if line.startswith("| 1,000,000 |")
    )
    # 500 cells, of which 15 are read: 15 × 2000 × 1024 / 8 bytes.
    assert "| 500 | 3.8 MB |" in million
    assert f"| {inputs.disk_mib * 2**20 / 1e9:.1f} GB |" in million


def test_the_index_is_searched_as_the_document_says(scale: ModuleType) -> None:
    settings = lance_index.IndexSettings()
    assert settings.cell_rows == scale.ROWS_OF_A_CELL
    assert settings.probes == scale.CELLS_SEARCHED
    assert settings.least_probes == 8
    assert settings.exact_numbers == scale.EXACT_NUMBERS


def test_commits_and_blocks_are_as_the_document_counts_them(scale: ModuleType) -> None:
    assert filling._COMMIT_ROWS == scale.ROWS_OF_A_COMMIT
    assert blocks.BLOCK == scale.BLOCK
    inputs = scale.read_inputs()
    # Commit by commit: each hashes what is there after it.
    rows = 100 * scale.ROWS_OF_A_COMMIT
    one_by_one = sum(inputs.stored_row * scale.ROWS_OF_A_COMMIT * number for number in range(1, 101))
    assert inputs.hashed(rows) == pytest.approx(one_by_one, rel=0.02)


def test_every_figure_says_its_processor_and_none_mixes_two(scale: ModuleType) -> None:
    inputs = scale.read_inputs()
    lines = scale.inputs_part(inputs).splitlines()
    assert lines[0].endswith("| on |")
    for line in lines[2:]:
        _, what, value, file, processor, _ = line.split("|")
        assert all(cell.strip() for cell in (what, value, file))
        assert processor.strip() in inputs.processors.values()
    # What is divided by the speed of memory stands beside the stores' own times.
    assert inputs.processors[scale.MEMORY] == inputs.processors["stores.json"]
    # Core hours of two models stand in one table.
    assert inputs.processors["engine-bundled.json"] == inputs.processors["engine-random.json"]
    assert inputs.processors["ray-embedding.json"] in scale.ray_part(inputs).replace("\n", " ")
    for line in scale.filling_part(inputs).splitlines()[:2]:
        assert any(processor in line for processor in inputs.processors.values())


def test_memory_of_a_cluster_is_that_of_its_settings(scale: ModuleType) -> None:
    settings = ClusterSettings()
    assert (settings.on_disk, settings.codes) == (False, "int8")
    lines = scale.cluster_part(scale.read_inputs()).splitlines()
    # 4096, 1024 and 128 bytes, and 128 for the graph.
    assert "| 1,000,000,000 | 4.2 TB | 1.2 TB | 256 GB | 66 / 18 / 4 |" in lines


def test_a_cluster_that_costs_something_is_not_explained_away(scale: ModuleType) -> None:
    inputs = scale.read_inputs()
    slower = {**inputs.ray, "cluster": {**inputs.ray["cluster"], "seconds": 260.0}}
    assert "Less than nothing" not in scale.ray_part(replace(inputs, ray=slower))
