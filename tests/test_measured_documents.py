"""What documents say of the engine, decisions, intents and reasons is what the committed results hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark_modules import benchmark_module

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
DOCUMENTS = ("decisions", "engine", "intents", "reasons")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_says_what_was_measured(name: str) -> None:
    tables, document = benchmark_module(f"{name}_tables"), ROOT / "docs" / f"{name}.md"
    text, parts = document.read_text("utf-8"), tables.parts()
    assert tables.computed.names(text) == set(parts)
    assert text == tables.computed.filled(text, parts), (
        f"run python benchmarks/{name}_tables.py --write docs/{name}.md"
    )


@pytest.mark.parametrize(("name", "part"), [("README.md", "speed"), ("README.zh.md", "speed_zh")])
def test_readme_says_what_was_measured(name: str, part: str) -> None:
    tables, text = benchmark_module("readme_tables"), (ROOT / name).read_text("utf-8")
    assert tables.computed.names(text) == {part}
    assert text == tables.computed.filled(text, tables.parts()), (
        f"run python benchmarks/readme_tables.py --write {name}"
    )


def _lower_the_accuracy(found: dict[str, Any]) -> None:
    found["test"][0]["methods"]["both"]["accuracy"] = [0.5, 0.4, 0.6]


def _be_twice_as_slow(found: dict[str, Any]) -> None:
    found["engines"]["ours"]["median_seconds"]["W1"] *= 2


def _break_one_promise_more(found: dict[str, Any]) -> None:
    found["worst"][0]["broken"] += 1


def _find_fewer_planted_words(found: dict[str, Any]) -> None:
    for one in found["planted"]:
        one["recall"] /= 2


@pytest.mark.parametrize(
    ("name", "file", "change"),
    [
        ("engine", "engine-random-avx512.json", _be_twice_as_slow),
        ("intents", "intents.json", _lower_the_accuracy),
        ("decisions", "certificates.json", _break_one_promise_more),
        ("reasons", "planted-conflicts.json", _find_fewer_planted_words),
    ],
)
def test_another_result_makes_another_document(
    name: str, file: str, change: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    results = tmp_path / "results"
    shutil.copytree(RESULTS, results)
    found = json.loads((results / file).read_text("utf-8"))
    change(found)
    (results / file).write_text(json.dumps(found), "utf-8")
    tables = benchmark_module(f"{name}_tables")
    text = (ROOT / "docs" / f"{name}.md").read_text("utf-8")
    assert tables.computed.filled(text, tables.parts(results)) != text


def test_intents_say_on_which_sets_another_router_is_as_good() -> None:
    tables = benchmark_module("intents_tables")
    found = tables.computed.read_result(RESULTS, "intents.json")
    for router in found["semantic_router"]:
        if router["set"] == "clinc150":
            router["settings"][router["chosen"]]["accuracy"] = [0.99, 0.98, 1.0]
    said = " ".join(tables.accuracy_part(found).split())
    assert "the default here is worse on clinc150, with intervals that lie apart" in said


def test_conflicts_of_the_written_pairs_are_those_of_the_committed_result() -> None:
    committed = json.loads((RESULTS / "conflicts.json").read_text("utf-8"))["written"]
    assert benchmark_module("conflicts").of_written_pairs() == committed, (
        "run python benchmarks/conflicts.py --json benchmarks/results/conflicts.json"
    )
