"""What the load harness of the server calls a fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmark_modules import benchmark_module

RESULT = Path(__file__).parents[1] / "benchmarks/results/server-load.json"


def faults(**changes: object) -> list[str]:
    overload: dict[str, Any] = json.loads(RESULT.read_text("utf-8"))["overload"]
    found: list[str] = benchmark_module("server_load")._faults({"overload": overload | changes})
    return found


def test_the_measured_overload_has_none() -> None:
    assert faults() == []
    assert faults(memory={}) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"memory": {"growth_mb": 40.0}}, "memory grew by 40.0 MB"),
        ({"health": {"failures": 3}}, "/health failed 3 times"),
        ({"unsent": 7}, "7 requests were not sent"),
        ({"waited_tokens_p99": 10**9}, "p99"),
        ({"statuses": {"200": 5, "500": 1, "429": 1}}, "statuses"),
    ],
)
def test_each_breach_is_told(changes: dict[str, object], words: str) -> None:
    (fault,) = faults(**changes)
    assert words in fault
