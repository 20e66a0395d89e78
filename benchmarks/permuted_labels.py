"""What the measures give once labels are permuted: chance, whatever the model knows.

Scores stay as a model gave them, and labels, intents or documents change places. What the figure then is on
average is known exactly, so that a measure which gives more away is found out, for good models too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from samesay.comparison.data import DataSet, IntentSet, PairSet
from samesay.comparison.ranking import CUT
from samesay.comparison.resampling import on_the_data
from samesay.comparison.retrieval_folder import RetrievalSet
from samesay.comparison.scored import Scored, score_of_intents, score_of_pairs, score_of_retrieval

PERMUTATIONS = 200
# Standard errors of the mean: by chance alone beyond them in one of 100,000 sets.
_FURTHEST = 4.5
_ALPHA = 0.05


@dataclass(frozen=True)
class Permuted:
    """The main figure of a model on a set whose labels are permuted.

    Attributes:
        mean: Over the permutations.
        error: Standard error of that mean.
        chance: What it is on average, exactly.
    """

    mean: float
    error: float
    chance: float

    @property
    def at_chance(self) -> bool:
        """Whether the mean is where chance alone puts it."""
        return abs(self.mean - self.chance) <= _FURTHEST * self.error + 1e-6


def chance(data: DataSet) -> float:
    """Give what a figure is on average where nothing is known.

    It is the main figure, but of intents that of the nearest text alone, which is known exactly.
    """
    if isinstance(data, PairSet):
        return 0.0 if data.graded else 0.5
    if isinstance(data, IntentSet):
        counts = np.bincount(data.intents)
        return float((counts * (counts - 1)).sum() / (len(data) * (len(data) - 1)))
    discounts = 1 / np.log2(np.arange(2, CUT + 2))
    found = []
    for grades in data.relevance:
        ideal = np.sort(np.fromiter(grades.values(), float))[::-1][:CUT]
        # Every document stands at each rank with the same probability.
        shown = discounts[: len(data.documents)].sum() * sum(grades.values()) / len(data.documents)
        found.append(shown / (ideal @ discounts[: len(ideal)]))
    return float(np.mean(found))


def permuted(data: DataSet, scored: Scored, seed: int, permutations: int = PERMUTATIONS) -> Permuted:
    """Give the figure of ``chance`` for what a model gave, over permutations of the labels."""
    generator = np.random.default_rng(seed)
    figures = np.array([_figure(data, scored, generator) for _ in range(permutations)])
    error = float(figures.std(ddof=1) / np.sqrt(permutations))
    return Permuted(float(figures.mean()), error, chance(data))


def _figure(data: DataSet, scored: Scored, generator: np.random.Generator) -> float:
    if isinstance(data, RetrievalSet):
        assert scored.places is not None
        places = generator.permutation(len(data.documents))[scored.places]
        return on_the_data(score_of_retrieval(data, places).main, len(data))
    order = generator.permutation(len(data))
    if isinstance(data, IntentSet):
        assert scored.places is not None
        assert scored.scores is not None
        mixed = replace(data, intents=data.intents[order])
        found = score_of_intents(mixed, scored.places, scored.scores)
        return on_the_data(found.statistics["nearest_accuracy"], len(data))
    assert scored.scores is not None
    matches = None if data.matches is None else data.matches[order]
    mixed_pairs = replace(data, grades=data.grades[order], matches=matches)
    return on_the_data(score_of_pairs(mixed_pairs, scored.scores, _ALPHA).main, len(data))
