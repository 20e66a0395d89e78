"""Where each millisecond of a pass goes, phase by phase, beside the least that this machine needs for it.

    python benchmarks/phases.py [--json results/phases.json] [--picture results/roofline.png]

The least time of a phase of linear layers is the larger of its operations at the measured int8 peak and
its weights at the measured read bandwidth; what is above it is overhead. The random checkpoint of the
0.6B shape is made on first use (about 1.2 GB in the folder that --checkpoints names).
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

import numpy as np

import samesay
from machine import (
    Limits,
    available_threads,
    build_limits,
    hardware,
    load_average,
    measure_limits,
    median_limits,
    versions,
)
from random_checkpoint import HEAD_SIZE, HEADS, HIDDEN, INNER, KEY_VALUE_HEADS, LAYERS, VOCABULARY, make
from result_file import write_result

ROUNDS = 9
WORKLOADS = {"W1": [20], "W2": [64], "W3": [512], "W5": None}

# Weights of a layer by phase.
LINEAR = {
    "query_key_value": HIDDEN * HEAD_SIZE * (HEADS + 2 * KEY_VALUE_HEADS),
    "output": HIDDEN * HEAD_SIZE * HEADS,
    "feed_forward_in": 2 * HIDDEN * INNER,
    "feed_forward_out": HIDDEN * INNER,
}


def lengths_of(name: str) -> list[int]:
    """Give the tokens of each text of a workload; W5 is 128 texts of 5 to 60 tokens, mean 22."""
    fixed = WORKLOADS[name]
    if fixed is not None:
        return fixed
    random = np.random.default_rng(5)
    lengths = np.clip(random.gamma(2.2, 10.0, 128).round().astype(int), 5, 60)
    return [int(n) for n in lengths]


def least_milliseconds(phase: str, tokens: int, limits: Limits) -> float | None:
    """Give the floor of a phase of linear layers, or None for the others."""
    weights = LINEAR.get(phase)
    if weights is None or limits.int8_peak is None or limits.read_gb_per_second is None:
        return None
    compute = 2 * weights * LAYERS * tokens / (limits.int8_peak * 1e6)
    memory = weights * LAYERS / (limits.read_gb_per_second * 1e6)
    return max(compute, memory)


def profile(model: samesay.EmbeddingModel, name: str) -> dict[str, float]:
    """Run a workload in one pass, several times; median milliseconds of each phase."""
    lengths = lengths_of(name)
    random = np.random.default_rng(1)
    ids = random.integers(0, VOCABULARY - 200, sum(lengths)).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    samples: list[dict[str, float]] = []
    for _ in range(ROUNDS + 1):
        model.engine.embed(ids, offsets, model.dimensions)
        samples.append(model.engine.phases)  # type: ignore[attr-defined]
    return {phase: median(sample[phase] for sample in samples[1:]) for phase in samples[0]}


def show(name: str, tokens: int, phases: dict[str, float], limits: Limits) -> None:
    """Print one workload."""
    total = sum(phases.values())
    print(f"\n{name}: {tokens} tokens in one pass, {total:.1f} ms")
    print(f"{'phase':18}{'ms':>9}{'share':>8}{'least ms':>10}{'of it':>8}")
    for phase, spent in phases.items():
        least = least_milliseconds(phase, tokens, limits)
        floor = f"{least:10.1f}{least / spent:8.0%}" if least else f"{'':18}"
        print(f"{phase:18}{spent:9.2f}{spent / total:8.1%}{floor}")


def draw(found: dict[str, dict[str, float]], limits: Limits, path: Path) -> None:
    """Draw the linear layers of every workload under the machine's roof."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    assert limits.int8_peak
    assert limits.read_gb_per_second
    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    intensity = np.geomspace(1, 30_000, 200)
    axes.plot(intensity, np.minimum(limits.int8_peak, intensity * limits.read_gb_per_second), color="black")
    for name, phases in found.items():
        tokens = sum(lengths_of(name))
        spent = sum(phases[phase] for phase in LINEAR)
        reached = 2 * sum(LINEAR.values()) * LAYERS * tokens / (spent * 1e6)
        axes.plot(2 * tokens, reached, "o")
        label = f"{name} {reached / limits.int8_peak:.0%}"
        axes.annotate(label, (2 * tokens, reached), xytext=(6, -12), textcoords="offset points")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="operations per byte of weights",
        ylabel="10⁹ int8 operations a second",
        title=f"Linear layers: roof {limits.int8_peak:.0f} GOPS, {limits.read_gb_per_second:.0f} GB/s",
    )
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(tempfile.gettempdir()) / "samesay-benchmarks"
    parser.add_argument("--checkpoints", type=Path, default=default)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    load_before = load_average()
    options.checkpoints.mkdir(parents=True, exist_ok=True)
    model = samesay.load(make(options.checkpoints / "random-0.6b"))
    program = build_limits(options.checkpoints)
    limits = median_limits([measure_limits(program, available_threads()) for _ in range(3)])
    print(
        f"int8 peak {limits.int8_peak} GOPS, {limits.int8_gops} in vectors; "
        f"reading {limits.read_gb_per_second} GB/s"
    )
    found = {}
    for name in WORKLOADS:
        found[name] = profile(model, name)
        show(name, sum(lengths_of(name)), found[name], limits)
    if options.json:
        content = {
            "date": datetime.now(timezone.utc).isoformat(timespec="minutes"),
            "hardware": hardware(),
            "versions": versions(["samesay", "numpy"]),
            "load_before": load_before,
            "limits": asdict(limits),
            "rounds": ROUNDS,
            "milliseconds": found,
        }
        write_result(options.json, content)
    if options.picture:
        draw(found, limits, options.picture)


if __name__ == "__main__":
    main()
