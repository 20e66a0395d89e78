"""docs/scale.md says what follows from the figures that were measured, and so do the manifests."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from benchmark_modules import benchmark_module
from samesay.collection import lance_index

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
