"""How far the words that two texts share go: what a model is measured against that should know nothing.

A network of random weights still maps like to like, so that texts with the same words lie nearer. On pairs
where shared words say something it is therefore not quite at chance; it must not know more than they say.
"""

from __future__ import annotations

import numpy as np

from samesay.collection.fulltext.tokens import tokens
from samesay.comparison.data import PairSet
from samesay.comparison.measures import area_under_curve, spearman
from samesay.comparison.resampling import on_the_data


def share_of_words(left: str, right: str) -> float:
    """Give the words that both have as a part of those that either has (Jaccard)."""
    a, b = set(tokens(left, "query")), set(tokens(right, "query"))
    return len(a & b) / max(len(a | b), 1)


def by_shared_words(data: PairSet) -> float:
    """Give the main measure of a set of pairs, scored by the words that they share."""
    pairs = zip(data.left, data.right, strict=True)
    scores = np.array([share_of_words(*pair) for pair in pairs], np.float32)
    if data.graded:
        statistic = spearman(scores, data.grades)
    else:
        assert data.matches is not None
        statistic = area_under_curve(scores, data.matches)
    return on_the_data(statistic, len(scores))
