"""Score the pairs of examples/pairs.tsv with the bundled model and say how to read the scores.

Run it with ``make demo``, or with ``python examples/demo.py`` where ``samesay[bundled]`` is installed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import samesay

PAIRS = Path(__file__).with_name("pairs.tsv")
MATCHING = (
    "everyday paraphrase",
    "technical synonymy",
    "Chinese and English",
    "logical equivalence",
    "long detailed sentences",
)
UNRELATED = "unrelated"


@dataclass(frozen=True)
class Pair:
    """A row of ``pairs.tsv``."""

    kind: str
    text_a: str
    text_b: str


@dataclass(frozen=True)
class ScoredPair:
    """A pair and the cosine of its two vectors."""

    pair: Pair
    score: float


def read_pairs(path: Path) -> list[Pair]:
    """Read the pairs; the first line names the columns."""
    _, *rows = path.read_text("utf-8").splitlines()
    return [Pair(*row.split("\t")) for row in rows]


def score_pairs(model: samesay.EmbeddingModel, pairs: Sequence[Pair]) -> list[ScoredPair]:
    """Compare the two texts of each pair."""
    scores = model.similarity([pair.text_a for pair in pairs], [pair.text_b for pair in pairs])
    return [ScoredPair(pair, float(score)) for pair, score in zip(pairs, scores, strict=True)]


def print_pairs(console: Console, scored: Sequence[ScoredPair]) -> None:
    """Print the pairs by kind, the highest score of each kind first."""
    highest_first = sorted(scored, key=lambda one: -one.score)
    for kind in dict.fromkeys(one.pair.kind for one in scored):
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for one in highest_first:
            if one.pair.kind == kind:
                table.add_row(f"{one.score:.3f}", Text(f"{one.pair.text_a}\n{one.pair.text_b}"))
        console.print(Text(kind[0].upper() + kind[1:], style="bold"))
        console.print(Padding(table, (0, 0, 1, 2)))


def print_reading(console: Console, model: samesay.EmbeddingModel, scored: Sequence[ScoredPair]) -> None:
    """Say on which scale these scores lie, from these pairs and from all their texts crossed."""
    matching = [one.score for one in scored if one.pair.kind in MATCHING]
    unrelated = [one.score for one in scored if one.pair.kind == UNRELATED]
    above = sum(score > max(unrelated) for score in matching)
    console.print(Text("How to read these scores", style="bold"))
    say(
        console,
        f"{above} of the {len(matching)} matching pairs score above all {len(unrelated)} unrelated ones: "
        f"matching {min(matching):.3f} to {max(matching):.3f}, "
        f"unrelated {min(unrelated):.3f} to {max(unrelated):.3f}.",
    )
    say(
        console,
        "The scale does not begin at 0, and where it begins depends on the languages compared. Every text "
        "of the matching and unrelated pairs against every other but its match, so nearly all unrelated:",
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    for column in ("pairs", "median", "90 % lie in"):
        table.add_column(column, justify="right")
    for languages, values in crossed_scores(model, [one.pair for one in scored]).items():
        low, middle, high = np.percentile(values, (5, 50, 95))
        table.add_row(languages, f"{len(values)}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}")
    console.print(Padding(table, (0, 0, 0, 2)))
    say(
        console,
        "So 0.87 is a match between Chinese and English and nothing between two Chinese texts: compare "
        "scores of one model, one prompt mode and one pair of languages only.",
    )
    say(
        console,
        "The score says how alike two texts are, not whether one is true when the other is: opposites in "
        "similar words score as high as paraphrases.",
    )


def crossed_scores(model: samesay.EmbeddingModel, pairs: Iterable[Pair]) -> dict[str, list[float]]:
    """Score all texts of matching and unrelated pairs with each other, by language, without the matches."""
    kept = [pair for pair in pairs if pair.kind in (*MATCHING, UNRELATED)]
    matches = {frozenset((pair.text_a, pair.text_b)) for pair in kept if pair.kind != UNRELATED}
    texts = list(dict.fromkeys(text for pair in kept for text in (pair.text_a, pair.text_b)))
    names = ("English with English", "Chinese with English", "Chinese with Chinese")
    scores: dict[str, list[float]] = {name: [] for name in names}
    matrix = model.similarity_matrix(texts)
    for i, j in combinations(range(len(texts)), 2):
        if frozenset((texts[i], texts[j])) not in matches:
            scores[names[is_chinese(texts[i]) + is_chinese(texts[j])]].append(float(matrix[i, j]))
    return scores


def is_chinese(text: str) -> bool:
    """Whether a text has a Chinese character."""
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def say(console: Console, text: str) -> None:
    """Print a paragraph below a heading."""
    console.print(Padding(Text(text), (0, 0, 0, 2)))


def main() -> None:
    """Print everything."""
    console = Console(highlight=False)
    begin = time.perf_counter()
    model = samesay.load("bundled", notice=lambda line: console.print(Text(line)))
    loading = time.perf_counter() - begin
    pairs = read_pairs(PAIRS)
    begin = time.perf_counter()
    scored = score_pairs(model, pairs)
    scoring = time.perf_counter() - begin
    sentences = 2 * len(pairs)
    tokens = sum(int(model.count_tokens([pair.text_a, pair.text_b]).sum()) for pair in pairs)

    print_pairs(console, scored)
    print_reading(console, model, scored)
    console.print()
    console.print(
        Text(
            f"Model {model.identity}. Loaded in {loading:.1f} s; {sentences} sentences of {tokens} tokens "
            f"embedded in {scoring:.2f} s, {1000 * scoring / sentences:.1f} ms a sentence."
        )
    )


if __name__ == "__main__":
    main()
