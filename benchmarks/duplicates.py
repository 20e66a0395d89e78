"""Near-duplicates among many vectors: time, memory, and whether any pair is missed.

    python benchmarks/duplicates.py --json benchmarks/results/duplicates.json

The vectors are made: clusters of 1 to 8 rows around centres that share a common direction, so that unrelated
rows score about 0.7 and those of a cluster about 0.95, as with real models. Memory is that of the process
at its highest while it compares, less what it had with the vectors and nothing else; Linux only. A sample of
rows is compared with all others, pair by pair, and the pairs must be those of the join.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from machine import hardware, load_average, versions
from result_file import write_result
from samesay.duplicates.aligning import align_vectors
from samesay.duplicates.joining import Pairs, pairs_above
from samesay.duplicates.linking import LINKAGES, linked
from samesay.duplicates.scoring import checked_vectors, scores_of_pairs

THRESHOLD = 0.9


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="Near-duplicates among many vectors.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--aligned", type=int, default=20_000, help="rows of each side to align")
    parser.add_argument("--checked", type=int, default=200, help="rows to compare with all others one by one")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    vectors = clustered(options.rows, options.width)
    _forget_the_peak()
    before = _memory("VmRSS")
    seconds = []
    for _ in range(options.runs):
        began = time.perf_counter()
        pairs = pairs_above(checked_vectors(vectors), THRESHOLD)
        seconds.append(time.perf_counter() - began)
        print(f"compared in {seconds[-1]:.1f} s", file=sys.stderr, flush=True)
    joined = _memory("VmHWM") - before
    _compare(vectors, pairs, options.checked)
    groups = {}
    for linkage in LINKAGES:
        began = time.perf_counter()
        found = linked(pairs, len(vectors), linkage)
        groups[linkage] = {"groups": len(found), "seconds": round(time.perf_counter() - began, 2)}
    began = time.perf_counter()
    half = options.aligned
    aligned = align_vectors(vectors[:half], vectors[half : 2 * half])
    result = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "hardware": hardware(),
        "versions": versions(["samesay", "numpy"]),
        "load_average": load_average(),
        "rows": options.rows,
        "width": options.width,
        "threshold": THRESHOLD,
        "pairs": len(pairs),
        "join_seconds": [round(one, 1) for one in seconds],
        "vectors_mib": round(vectors.nbytes / 2**20),
        "join_memory_mib": round(joined),
        "all_scores_would_take_mib": round(options.rows**2 * 4 / 2**20),
        "rows_checked_pair_by_pair": options.checked,
        "linkages": groups,
        "align": {
            "rows_a_side": half,
            "pairs": len(aligned.pairs),
            "seconds": round(time.perf_counter() - began, 1),
        },
    }
    print(json.dumps(result, indent=1))
    if options.json:
        write_result(options.json, result)
    return 0


def clustered(rows: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """Give rows of length 1 in clusters, in an order without meaning."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 9, rows)
    of = np.repeat(np.arange(rows), sizes)[:rows]
    generator.shuffle(of)
    common = _directions(generator, 1, width)
    centres = _directions(generator, rows, width)
    vectors = np.empty((rows, width), np.float32)
    for begin in range(0, rows, 4096):
        part = of[begin : begin + 4096]
        noise = _directions(generator, len(part), width)
        made = 1.5 * common + centres[part] + 0.42 * noise
        vectors[begin : begin + len(part)] = made / np.linalg.norm(made, axis=1, keepdims=True)
    return vectors


def _directions(generator: np.random.Generator, rows: int, width: int) -> NDArray[np.float32]:
    found = generator.standard_normal((rows, width), np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def _compare(vectors: NDArray[np.float32], pairs: Pairs, sample: int) -> None:
    others = np.arange(len(vectors), dtype=np.int32)
    for row in (
        np.random.default_rng(1).choice(len(vectors), min(sample, len(vectors)), replace=False).tolist()
    ):
        scores = scores_of_pairs(vectors, vectors, np.full(len(others), row, np.int32), others)
        wanted = set(np.flatnonzero(scores >= np.float32(THRESHOLD)).tolist()) - {row}
        found = set(pairs.right[pairs.left == row].tolist()) | set(pairs.left[pairs.right == row].tolist())
        if found != wanted:
            raise AssertionError(f"row {row} has the pairs {sorted(wanted)}; the join gave {sorted(found)}")


def _forget_the_peak() -> None:
    # Making the vectors took more than comparing them does.
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


if __name__ == "__main__":
    sys.exit(main())
