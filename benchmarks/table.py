"""The comparison as a table for people."""

from __future__ import annotations

from statistics import mean, median

from interleaved import Measured
from machine import Limits
from models import Model
from peers.registry import OURS
from workloads import Workload

# What the engine is to reach against the best peer of like fidelity.
GOALS = {"W1": 1.5, "W5": 1.5, "W6": 1.5, "W2": 1.35, "W3": 1.35}
ENCODER_GOAL = 1.5
LIKE_FIDELITY = 0.99


def markdown(workloads: list[Workload], measured: dict[str, Measured]) -> str:
    """One row an engine; in brackets how many times our time it takes."""
    header = ["engine", *(f"{one.name}, {_unit(one)}" for one in workloads)]
    header += ["cosine to fp32: mean / min", "peak MB", "start s (without interpreter)", "batch"]
    rows = [header, ["---"] * len(header)]
    for name, one in measured.items():
        rows.append(
            [
                name,
                *(_time(workload, one, measured.get(OURS)) for workload in workloads),
                f"{mean(one.fidelity):.4f} / {min(one.fidelity):.4f}" if one.fidelity else "–",
                f"{one.memory['peak']:.0f}" if one.memory else "–",
                _start(one),
                _batch(workloads, one),
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def best_peers(workloads: list[Workload], measured: dict[str, Measured]) -> dict[str, tuple[str, float]]:
    """The fastest peer of like fidelity in each workload, and its time over ours."""
    ours = measured.get(OURS)
    found = {}
    for workload in workloads:
        times = {
            name: seconds
            for name, one in measured.items()
            if not name.startswith(OURS)
            and one.fidelity
            and mean(one.fidelity) >= LIKE_FIDELITY
            and (seconds := one.seconds(workload.name)) is not None
        }
        own = ours.seconds(workload.name) if ours else None
        if times and own:
            name = min(times, key=lambda one: times[one])
            found[workload.name] = (name, times[name] / own)
    return found


def peak_shares(
    model: Model, workloads: list[Workload], measured: dict[str, Measured], limits: Limits
) -> dict[str, float]:
    """Our rate in operations of the linear layers over the whole pass, as a share of the dot products' peak.

    The time includes all that is not a linear layer, so the layers themselves run at more than this. Of the
    last layer only one row a text need be computed in full; it is counted as if all were. Tokens that are
    shared and kept are not counted.
    """
    ours = measured.get(OURS)
    if ours is None or limits.int8_gops is None:
        return {}
    shares = {}
    for workload in workloads:
        seconds = ours.seconds(workload.name)
        if seconds and workload.tokens and not workload.texts:
            tokens = (workload.tokens - workload.shared) * workload.items
            operations = 2.0 * model.linear_weights * tokens
            shares[workload.name] = operations / seconds / (limits.int8_gops * 1e9)
    return shares


def goal_lines(workloads: list[Workload], measured: dict[str, Measured]) -> list[str]:
    """Say for each workload how far ahead of the best peer we are, and what the goal is."""
    lines = []
    for name, (peer, ratio) in best_peers(workloads, measured).items():
        goal = GOALS.get(name, ENCODER_GOAL)
        verdict = "reached" if ratio >= goal else "MISSED"
        lines.append(f"{name}: {ratio:.2f} times as fast as {peer}; goal {goal}: {verdict}")
    return lines


def limit_line(limits: Limits, shares: dict[str, float]) -> str:
    """Say what the machine can do and how much of it we use."""
    if limits.int8_gops is None:
        return "limits of the machine: not measured"
    parts = [f"int8 {limits.int8_gops:.0f} GOPS"]
    parts += [f"int8 in tiles {limits.tiles_int8_gops:.0f} GOPS"] if limits.tiles_int8_gops else []
    parts += [f"bf16 {limits.bf16_gflops:.0f} GFLOPS"] if limits.bf16_gflops else []
    parts += [f"fp32 {limits.fp32_gflops:.0f} GFLOPS"] if limits.fp32_gflops else []
    parts += [f"read {limits.read_gb_per_second:.1f} GB/s"] if limits.read_gb_per_second else []
    used = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    told = f"; linear layers over the whole pass, of the peak of int8 dot products: {used}" if used else ""
    return "limits of the machine: " + ", ".join(parts) + told


def _unit(workload: Workload) -> str:
    return "ms" if workload.unit == "ms" else "sentences/s"


def _time(workload: Workload, one: Measured, ours: Measured | None) -> str:
    seconds = one.seconds(workload.name)
    if seconds is None:
        return "–"
    own = ours.seconds(workload.name) if ours else None
    ratio = f" ({seconds / own:.2f}×)" if own else ""
    if workload.unit == "ms":
        milliseconds = seconds * 1000
        return f"{milliseconds:.{2 if milliseconds < 10 else 1}f}{ratio}"
    return f"{workload.items / seconds:.1f}{ratio}"


def _start(one: Measured) -> str:
    if not one.starts:
        return "–"
    return f"{median(a for a, _ in one.starts):.2f} ({median(b for _, b in one.starts):.2f})"


def _batch(workloads: list[Workload], one: Measured) -> str:
    tried = [str(one.batch_size[w.name]) for w in workloads if w.items > 1 and w.name in one.batch_size]
    return ", ".join(tried)
