"""One long text at a time: seconds, and the most memory, each length in a process of its own.

    python benchmarks/long_texts.py --json benchmarks/results/long-texts.json

The random checkpoint of the 0.6B shape, int8, every pass run to its end. Beside the memory of a long text
stands that of the same process after a text of 20 tokens: the part that does not grow.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter

import numpy as np

import samesay
from machine import available_threads, hardware, load_average, versions
from models import default_cache, find
from result_file import write_result

LENGTHS = (2048, 8192, 16384)
SHORT = 20
VOCABULARY = 150_000


def main() -> None:
    """Measure every length, print, write."""
    parser = argparse.ArgumentParser(description="Seconds and memory of long texts.")
    parser.add_argument("--lengths", type=lambda text: [int(one) for one in text.split(",")], default=LENGTHS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = find("random", options.cache).folder
    if options.one:
        print(json.dumps(_measure(folder, options.one)))
        return
    first_start = _in_a_process(options.cache, SHORT)  # packs the weights, where nobody has
    lengths: dict[str, dict[str, float]] = {}
    result = {
        "date": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "hardware": hardware(),
        "versions": versions(["samesay", "numpy"]),
        "load_before": load_average(),
        "first_start": first_start,
        "lengths": lengths,
    }
    for length in options.lengths:
        lengths[str(length)] = _in_a_process(options.cache, length)
        if options.json:
            write_result(options.json, result)  # the longest takes many minutes


def _in_a_process(cache: Path, length: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--cache", str(cache), "--one", str(length)]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    measured: dict[str, float] = json.loads(told)
    print(f"{length} tokens: {measured}", flush=True)
    return measured


def _measure(folder: Path, length: int) -> dict[str, float]:
    model = samesay.load(folder, threads=available_threads())
    ids = np.random.default_rng(length).integers(0, VOCABULARY, length).tolist()
    model.encode_tokens([ids[:SHORT]])
    short = _peak_megabytes()
    shares: list[float] = []
    begin = perf_counter()
    vector = model.encode_tokens([ids], progress=lambda done, _: shares.append(done))
    seconds = perf_counter() - begin
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-3
    assert shares == sorted(shares)
    return {
        "seconds": round(seconds, 2),
        "peak_mb": round(_peak_megabytes()),
        "peak_mb_after_20_tokens": round(short),
        "times_progress_was_told": len(shares),
    }


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
