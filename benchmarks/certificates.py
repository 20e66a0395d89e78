"""Whether promises are kept: samples are drawn, and each certificate is held against the truth.

    python benchmarks/certificates.py --json benchmarks/results/certificates.json

Each set of labelled pairs stands for all pairs there are, so that the true rates are known. Samples are drawn
from it with replacement: n non-matches (and as many matches, which carry no promise) for a false-match rate,
n pairs as they come for a precision. A promise is broken where the certified threshold has a worse rate over
the whole set than was promised. Beside it stands the naive threshold: the lowest at which the sample itself
keeps the rate.

Of a false-match rate the probability of a broken promise follows from the set as well, without drawing: it is
broken where so few non-matches are drawn from the lowest scores at which the true rate is too high that the
rule allows them. So a count of draws that is above delta can be told from a promise that is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from machine import versions
from models import default_cache
from quality import DataMissingError
from result_file import write_result
from samesay.decision.binomial import allowed_errors, at_most, lower_bound, upper_bound
from samesay.decision.certificate import Certificate, NoCertificate
from samesay.decision.certifying import certify_false_match_rate, certify_precision
from samesay.decision.labels import LabelledScores
from scored_pairs import DATA, Scored, scored_sets

SIZES = (60, 100, 200, 500, 1000)
ALPHA = DELTA = 0.05


@dataclass(frozen=True)
class Cell:
    """What became of the draws of one set, kind and size.

    Attributes:
        draws: How many samples were drawn.
        issued: How many led to a certificate.
        broken: How many led to a certificate that the truth does not keep.
        broken_interval: The exact 95 % interval of the share of broken ones among all draws.
        mean_rate: The mean true rate at the certified thresholds.
        mean_recall: The mean share of true matches that they accept.
        naive_issued, naive_broken: The same counts for the naive threshold.
        exact: The probability of a broken promise, where it can be computed.
    """

    set: str
    kind: str
    target: float
    delta: float
    n: int
    draws: int
    issued: int
    broken: int
    broken_interval: tuple[float, float]
    mean_rate: float | None
    mean_recall: float | None
    naive_issued: int
    naive_broken: int
    exact: float | None


def main() -> int:
    """Run the simulation of the command line."""
    parser = argparse.ArgumentParser(description="Hold certificates against the truth.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        sets, identity = scored_sets(options.data, options.cache)
    except DataMissingError as error:
        print(error, file=sys.stderr)
        return 1
    cells = []
    print("| set | promise | n | issued | broken of all draws (95 %) | exact | recall | naive broken |")
    print("|---|---|---|---|---|---|---|---|")
    for scored in sets:
        for kind in (_false_match_rates, _precisions):
            for n in SIZES:
                cells.append(kind(scored, n, options.draws))
                print(_row(cells[-1]), flush=True)
    _conclude(cells)
    if options.json:
        result = {
            "date": datetime.now(timezone.utc).date().isoformat(),
            "identity": identity,
            "versions": versions(["samesay", "numpy", "scipy"]),
            "sets": [
                {
                    **asdict(one.pairs),
                    "pairs": len(one.scores),
                    "sha256": one.sha256,
                    "match_share": float(one.matches.mean()),
                }
                for one in sets
            ],
            "worst": _worst(cells),
            "cells": [asdict(cell) for cell in cells],
        }
        write_result(options.json, result)
    return 0


def _false_match_rates(scored: Scored, n: int, draws: int) -> Cell:
    matches, others = scored.scores[scored.matches], scored.scores[~scored.matches]
    labels = np.repeat([True, False], n)

    def draw(generator: np.random.Generator) -> LabelledScores:
        scores = np.concatenate([generator.choice(matches, n), generator.choice(others, n)])
        return LabelledScores(scores, labels, "")

    def rate(threshold: float) -> float:
        return float(np.mean(others >= np.float32(threshold)))

    return _simulate(
        scored,
        ("false-match-rate", ALPHA, n, draws),
        draw,
        lambda sample: certify_false_match_rate(sample, ALPHA, DELTA),
        lambda sample: _naive_false_match_rate(sample.non_match_scores, ALPHA),
        rate,
        lambda found: found > ALPHA,
    )


def _precisions(scored: Scored, n: int, draws: int) -> Cell:
    target = scored.pairs.precision

    def draw(generator: np.random.Generator) -> LabelledScores:
        places = generator.integers(0, len(scored.scores), n)
        return LabelledScores(scored.scores[places], scored.matches[places], "")

    def rate(threshold: float) -> float:
        return float(scored.matches[scored.scores >= np.float32(threshold)].mean())

    return _simulate(
        scored,
        ("precision", target, n, draws),
        draw,
        lambda sample: certify_precision(sample, target, DELTA),
        lambda sample: _naive_precision(sample, target),
        rate,
        lambda found: found < target,
    )


def _simulate(
    scored: Scored,
    what: tuple[str, float, int, int],
    draw: Callable[[np.random.Generator], LabelledScores],
    certify: Callable[[LabelledScores], Certificate | NoCertificate],
    naive: Callable[[LabelledScores], float | None],
    rate: Callable[[float], float],
    breaks: Callable[[float], bool],
) -> Cell:
    kind, target, n, draws = what
    generator = np.random.default_rng([crc32(scored.pairs.name.encode()), n, crc32(kind.encode())])
    matches = scored.scores[scored.matches]
    rates, recalls, naive_rates = [], [], []
    for _ in range(draws):
        sample = draw(generator)
        outcome = certify(sample)
        if isinstance(outcome, Certificate):
            rates.append(rate(outcome.threshold))
            recalls.append(float(np.mean(matches >= np.float32(outcome.threshold))))
        simple = naive(sample)
        if simple is not None:
            naive_rates.append(rate(simple))
    broken = sum(map(breaks, rates))
    return Cell(
        scored.pairs.name,
        kind,
        target,
        DELTA,
        n,
        draws,
        len(rates),
        broken,
        (lower_bound(broken, draws, 0.025) if broken else 0.0, upper_bound(broken, draws, 0.025)),
        float(np.mean(rates)) if rates else None,
        float(np.mean(recalls)) if recalls else None,
        len(naive_rates),
        sum(map(breaks, naive_rates)),
        _exact(scored, n) if kind == "false-match-rate" else None,
    )


def _exact(scored: Scored, n: int) -> float:
    """Give the probability that n drawn non-matches lead to a threshold that lets too many pass.

    That is where at most as many as the rule allows are drawn at or above the highest score whose true rate
    is above alpha. (Where no match reaches the threshold there is no certificate, so it may be less.)
    """
    others = np.sort(scored.scores[~scored.matches])
    rates = 1 - np.searchsorted(others, others) / len(others)
    too_high = float(rates[rates > ALPHA].min())
    allowed = allowed_errors(n, ALPHA, DELTA)
    return at_most(allowed, n, too_high) if allowed >= 0 else 0.0


def _worst(cells: list[Cell]) -> list[dict[str, Any]]:
    """Give the cell with the most broken promises of each kind and size, and the sums."""
    rows: list[dict[str, Any]] = []
    for kind in ("false-match-rate", "precision"):
        for n in SIZES:
            chosen = [cell for cell in cells if (cell.kind, cell.n) == (kind, n)]
            worst = max(chosen, key=lambda cell: cell.broken)
            exact = [cell.exact for cell in chosen if cell.exact is not None]
            rows.append(
                {
                    "kind": kind,
                    "n": n,
                    "draws": sum(cell.draws for cell in chosen),
                    "issued": sum(cell.issued for cell in chosen),
                    "broken": sum(cell.broken for cell in chosen),
                    "naive_issued": sum(cell.naive_issued for cell in chosen),
                    "naive_broken": sum(cell.naive_broken for cell in chosen),
                    "worst_set": worst.set,
                    "worst_broken": worst.broken,
                    "worst_interval": worst.broken_interval,
                    "highest_exact": max(exact) if exact else None,
                }
            )
    return rows


def _naive_false_match_rate(others: NDArray[np.float32], alpha: float) -> float:
    falling = np.sort(others)[::-1]
    return float(np.nextafter(falling[int(alpha * len(falling))], np.float32(np.inf)))


def _naive_precision(sample: LabelledScores, target: float) -> float | None:
    order = np.argsort(-sample.scores, kind="stable")
    right = np.cumsum(sample.matches[order]) / np.arange(1, len(order) + 1)
    ends = np.append(np.diff(sample.scores[order]) != 0, True)
    kept = np.flatnonzero(ends & (right >= target))
    return float(sample.scores[order][kept[-1]]) if len(kept) else None


def _row(cell: Cell) -> str:
    low, high = cell.broken_interval
    promise = f"{'rate ≤' if cell.kind == 'false-match-rate' else 'precision ≥'} {cell.target}"
    recall = "–" if cell.mean_recall is None else f"{cell.mean_recall:.2f}"
    exact = "–" if cell.exact is None else f"{cell.exact:.2%}"
    return (
        f"| {cell.set} | {promise} | {cell.n} | {cell.issued} | {cell.broken} ({low:.1%}–{high:.1%}) "
        f"| {exact} | {recall} | {cell.naive_broken} of {cell.naive_issued} |"
    )


def _conclude(cells: list[Cell]) -> None:
    for kind in ("false-match-rate", "precision"):
        chosen = [cell for cell in cells if cell.kind == kind]
        worst = max(chosen, key=lambda cell: cell.broken)
        broken, draws = sum(cell.broken for cell in chosen), sum(cell.draws for cell in chosen)
        issued = sum(cell.issued for cell in chosen)
        naive = sum(cell.naive_broken for cell in chosen) / sum(cell.naive_issued for cell in chosen)
        over = [cell for cell in chosen if cell.broken_interval[0] > cell.delta]
        print(
            f"{kind}: {broken} of {draws} draws broken ({issued} certificates); worst: {worst.broken} of "
            f"{worst.draws} ({worst.set}, n {worst.n}); intervals wholly above {DELTA}: {len(over)}; "
            f"naive: {naive:.1%} of its thresholds broken"
        )
    for row in _worst(cells):
        low, high = row["worst_interval"]
        exact = "" if row["highest_exact"] is None else f"exact at most {row['highest_exact']:.2%}; "
        print(
            f"{row['kind']}, n {row['n']}: {row['broken']} of {row['draws']} broken; worst "
            f"{row['worst_broken']} ({row['worst_set']}, {low:.1%}–{high:.1%}); {exact}"
            f"naive {row['naive_broken']} of {row['naive_issued']}"
        )


if __name__ == "__main__":
    sys.exit(main())
