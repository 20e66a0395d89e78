"""What the READMEs say of the engine's speed, from what engine.py has measured.

    python benchmarks/readme_tables.py --write README.md
    python benchmarks/readme_tables.py --write README.zh.md

tests/test_measured_documents.py compares both with what comes out now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import computed

# Models by the machines that they were measured on.
RESULTS_OF = {
    "engine-random-amx.json": {"en": "Intel Xeon with AMX", "zh": "带 AMX 的 Intel Xeon"},
    "engine-random-avx512.json": {"en": "Intel Xeon (Ice Lake)", "zh": "Intel Xeon（Ice Lake）"},
    "engine-random-zen5.json": {"en": "AMD EPYC (Zen 5)", "zh": "AMD EPYC（Zen 5）"},
}
HEADERS = {
    "en": ("2 cores of", "one text of 20 tokens", "of 64", "of 512", "128 texts of 22 on average", "memory"),
    "zh": ("2 核", "一段 20 个 token", "64 个", "512 个", "128 段，平均 22 个", "内存"),
}
WORKLOADS = ("W1", "W2", "W3", "W5")
PER_SECOND = {"en": "{:.0f} a second", "zh": "每秒 {:.0f} 段"}


def speed_part(results: Path, language: str) -> str:
    """Our times, and how many times as long the fastest of the others takes that is as true."""
    rows = []
    for file, machine in RESULTS_OF.items():
        found = computed.read_result(results, file)
        memory = found["engines"]["ours"]["memory_mb"]["peak"]
        cells = [_cell(workload, found, language) for workload in WORKLOADS]
        rows.append((machine[language], *cells, f"{memory:.0f} MB"))
    return computed.table(HEADERS[language], rows)


def _cell(workload: str, found: Mapping[str, Any], language: str) -> str:
    ours = found["engines"]["ours"]
    if workload == "W5":
        shown = PER_SECOND[language].format(ours["sequences_per_second"][workload])
    else:
        shown = f"{ours['median_seconds'][workload] * 1e3:.0f} ms"
    return f"{shown} ({found['best_peer_of_like_fidelity'][workload]['times_our_time']:.1f}×)"


def parts(results: Path = computed.RESULTS) -> dict[str, Callable[[], str]]:
    """Give what computes each part."""
    return {"speed": partial(speed_part, results, "en"), "speed_zh": partial(speed_part, results, "zh")}


if __name__ == "__main__":
    computed.write_or_print(__doc__, parts())
