"""Translations found among all sentences of the other language: margin scoring against the plain cosine.

    python benchmarks/alignment.py --json benchmarks/results/alignment.json

Each sentence is to find its translation among all of the other side, both ways, with the bundled model. A
sentence that stands several times is one; any translation that a set gives for it is right. Intervals are
95 % of 2000 bootstrap draws of the sentences, the differences are paired. Then, as in mining, a random third
of each side loses its counterpart: of the pairs that are best for each other, how many are right and how
many of those there are, with no margin asked for and with several.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import samesay
from machine import versions
from quality import DataMissingError
from result_file import write_result
from samesay.duplicates.aligning import align_vectors
from samesay.duplicates.margins import NEIGHBOURS, Candidates, best_of, candidates
from samesay.duplicates.neighbours import Neighbours, nearest_both_ways
from scored_pairs import DATA

SETS = ("tatoeba_zh_en", "ntrex_zh_en", "k8s_glossary")
DRAWS = 2000
MARGINS = (None, 1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06)


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="Margin scoring against the plain cosine.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = samesay.load(options.model)
    print("| set | sentences | direction | cosine | margin | difference |")
    print("|---|---|---|---|---|---|")
    results = []
    for name in SETS:
        try:
            results.append(_judge(model, name, options.data, options.seed))
        except DataMissingError as error:
            print(error, file=sys.stderr)
            return 1
    print("| set | margin asked for | pairs | precision | recall |")
    print("|---|---|---|---|---|")
    for result in results:
        for row in result["mined"]:  # type: ignore[attr-defined]
            shares = f"{row['precision']:.3f} | {row['recall']:.3f}"
            print(f"| {result['set']} | {row['margin']} | {row['pairs']} | {shares} |")
    if options.json:
        content = {
            "date": datetime.now(timezone.utc).date().isoformat(),
            "identity": str(model.identity),
            "mode": "symmetric",
            "neighbours": NEIGHBOURS,
            "seed": options.seed,
            "versions": versions(["samesay", "numpy"]),
            "results": results,
        }
        write_result(options.json, content)
    return 0


def _judge(model: samesay.TextModel, name: str, data: Path, seed: int) -> dict[str, object]:
    path = data / name / "parallel.tsv"
    try:
        rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    except FileNotFoundError:
        raise DataMissingError(f"{path} is not there") from None
    sides = [list(dict.fromkeys(row[side] for row in rows)) for side in (0, 1)]
    places = [{text: place for place, text in enumerate(side)} for side in sides]
    gold = {(places[0][row[0]], places[1][row[1]]) for row in rows}
    before = model.prompts.pair_prefixes("symmetric")[0]
    english, chinese = (model.encode([before + text for text in side]) for side in sides)
    of_left, of_right = nearest_both_ways(english, chinese, NEIGHBOURS)
    found = candidates(of_left, of_right)
    generator = np.random.default_rng(seed)
    directions = {}
    for direction in ("en_zh", "zh_en"):
        cosine, margin = _right(direction, of_left, of_right, found, gold)
        directions[direction] = _accuracies(cosine, margin, generator)
        cells = [
            "{:.2%} ({:.2%}–{:.2%})".format(*directions[direction][one])
            for one in ("cosine", "margin", "difference")
        ]
        print(f"| {name} | {len(cosine)} | {direction} | {' | '.join(cells)} |", flush=True)
    return {
        "set": name,
        "rows": len(rows),
        "different": [len(side) for side in sides],
        "directions": directions,
        "mined": _mined(english, chinese, gold, generator),
    }


def _right(
    direction: str, of_left: Neighbours, of_right: Neighbours, found: Candidates, gold: set[tuple[int, int]]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    forth = direction == "en_zh"
    near = of_left if forth else of_right
    rows, others = (found.left, found.right) if forth else (found.right, found.left)
    best = best_of(rows, others, found.margins, len(near.rows))

    def right(row: int, other: int) -> bool:
        return ((row, other) if forth else (other, row)) in gold

    cosine = np.array([right(row, int(other)) for row, other in enumerate(near.rows[:, 0])])
    margin = np.array([right(int(rows[place]), int(others[place])) for place in best])
    return cosine, margin


def _accuracies(
    cosine: NDArray[np.bool_], margin: NDArray[np.bool_], generator: np.random.Generator
) -> dict[str, list[float]]:
    values = {"cosine": cosine, "margin": margin, "difference": margin.astype(int) - cosine.astype(int)}
    draws = generator.integers(0, len(cosine), (DRAWS, len(cosine)))
    found = {}
    for name, one in values.items():
        low, high = np.quantile(one[draws].mean(axis=1), (0.025, 0.975))
        found[name] = [float(one.mean()), float(low), float(high)]
    return found


def _mined(
    english: NDArray[np.float32],
    chinese: NDArray[np.float32],
    gold: set[tuple[int, int]],
    generator: np.random.Generator,
) -> list[dict[str, object]]:
    # A third has both sides, a third only the left, a third only the right.
    part = generator.integers(0, 3, len(english))
    keep_left = np.flatnonzero(part != 1)
    gone = {right for left, right in gold if part[left] == 2}
    keep_right = np.array([right for right in range(len(chinese)) if right not in gone])
    lefts, rights = set(keep_left.tolist()), set(keep_right.tolist())
    there = {pair for pair in gold if pair[0] in lefts and pair[1] in rights}
    rows: list[dict[str, object]] = []
    for margin in MARGINS:
        aligned = align_vectors(english[keep_left], chinese[keep_right], margin=margin)
        given = {(int(keep_left[one.left]), int(keep_right[one.right])) for one in aligned.pairs}
        right = len(given & gold)
        rows.append(
            {
                "margin": margin,
                "pairs": len(given),
                "precision": right / max(1, len(given)),
                "recall": right / max(1, len(there)),
            }
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())
