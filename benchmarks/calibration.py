"""How well probabilities fit, before and after calibration, on pairs that were not used for it.

    python benchmarks/calibration.py --json benchmarks/results/calibration.json

Each set is halved at random. Curves are fitted to the first half, or to 100 pairs of it, and judged on the
second. Before calibration the cosine itself is taken for a probability, as thresholds on it tacitly do; the
share of matches in the first half, for every pair, is what a curve that knows nothing would say. Intervals
are 95 % of 1000 bootstrap draws of the judged pairs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from machine import versions
from models import default_cache
from quality import DataMissingError
from result_file import write_result
from samesay.decision.choosing import choose, compare_curves
from samesay.decision.fitting import FITTERS
from samesay.decision.labels import LabelledScores
from samesay.decision.measures import brier_score, calibration_error, log_loss
from scored_pairs import DATA, Scored, scored_sets

FEW = 100
DRAWS = 1000
MEASURES: Mapping[str, Callable[[NDArray[np.float64], NDArray[np.bool_]], float]] = {
    "calibration_error": calibration_error,
    "log_loss": log_loss,
    "brier": brier_score,
}


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="Probabilities before and after calibration.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        sets, identity = scored_sets(options.data, options.cache)
    except DataMissingError as error:
        print(error, file=sys.stderr)
        return 1
    print("| set | fitted to | curve | ECE before | after | log loss before | after | Brier before | after |")
    print("|---|---|---|---|---|---|---|---|---|")
    results = []
    for scored in sets:
        for limit in (FEW, None):
            results.append(_judge(scored, limit, options.seed))
            print(_row(results[-1]), flush=True)
    if options.json:
        result = {
            "date": datetime.now(timezone.utc).date().isoformat(),
            "identity": identity,
            "seed": options.seed,
            "versions": versions(["samesay", "numpy", "scipy"]),
            "results": results,
        }
        write_result(options.json, result)
    return 0


def _judge(scored: Scored, limit: int | None, seed: int) -> dict[str, object]:
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(scored.scores))
    half = len(order) // 2
    fitted, judged = order[:half][:limit], order[half:]
    sample = LabelledScores(scored.scores[fitted], scored.matches[fitted], "")
    chosen = choose(compare_curves(sample, seed)).method
    scores, matches = scored.scores[judged], scored.matches[judged]
    given = {
        "cosine": np.clip(scores.astype(np.float64), 0, 1),
        "share_of_matches": np.full(len(judged), sample.matches.mean()),
        **{
            method: fit(sample.scores, sample.matches).probabilities(scores)
            for method, fit in FITTERS.items()
        },
    }
    draws = [generator.integers(0, len(judged), len(judged)) for _ in range(DRAWS)]
    return {
        "set": scored.pairs.name,
        "fitted": len(fitted),
        "judged": len(judged),
        "chosen": chosen,
        "measured": {
            name: {
                measure: _interval(take, given[name], matches, draws) for measure, take in MEASURES.items()
            }
            for name in given
        },
        "set_about": asdict(scored.pairs),
    }


def _interval(
    take: Callable[[NDArray[np.float64], NDArray[np.bool_]], float],
    probabilities: NDArray[np.float64],
    matches: NDArray[np.bool_],
    draws: list[NDArray[np.int64]],
) -> list[float]:
    drawn = [take(probabilities[places], matches[places]) for places in draws]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return [take(probabilities, matches), float(low), float(high)]


def _row(result: dict[str, object]) -> str:
    measured = result["measured"]
    assert isinstance(measured, dict)
    cells = [
        "{:.3f} ({:.3f}–{:.3f})".format(*measured[name][measure])
        for measure in MEASURES
        for name in ("cosine", result["chosen"])
    ]
    return f"| {result['set']} | {result['fitted']} | {result['chosen']} | {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
