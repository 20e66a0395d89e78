"""From what a model gave for a set to the statistics of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.comparison import measures, ranking
from samesay.comparison.data import DataSet, IntentSet, PairSet
from samesay.comparison.report import Certified, ComparedData, Histogram, Roc
from samesay.comparison.resampling import Statistic
from samesay.comparison.retrieval_folder import RetrievalSet
from samesay.decision.binomial import allowed_errors
from samesay.decision.certificate import Certificate
from samesay.decision.certifying import certify_false_match_rate
from samesay.decision.labels import LabelledScores

DELTA = 0.05
_BINS = 30
_ROC_POINTS = 120
_RECALLS = (1, 5, 10)


@dataclass(frozen=True, eq=False)
class Scored:
    """One model on one set.

    Args:
        statistics: The measures by name, the main one first.
        scores: Of pairs, shape (n,); of intents those of the nearest other texts, shape (n, k).
        places: Of the nearest other texts, shape (n, k); of retrieval the best documents, shape (n, k).
    """

    statistics: dict[str, Statistic]
    scores: NDArray[np.float32] | None = None
    places: NDArray[np.int64] | None = None

    @property
    def main(self) -> Statistic:
        """What models are compared by."""
        return next(iter(self.statistics.values()))


def about_data(data: DataSet) -> ComparedData:
    """Tell what a set is and how models are compared on it."""
    if isinstance(data, RetrievalSet):
        documents = len(data.documents)
        return ComparedData(
            data.name, "retrieval", len(data), data.whole, None, documents, None, data.sha256, "ndcg@10"
        )
    if isinstance(data, IntentSet):
        intents = int(data.intents.max()) + 1
        return ComparedData(
            data.name, "intents", len(data), data.whole, None, None, intents, data.sha256, "accuracy"
        )
    matches = None if data.matches is None else int(data.matches.sum())
    return ComparedData(
        data.name,
        "graded pairs" if data.graded else "labelled pairs",
        len(data),
        data.whole,
        matches,
        None,
        None,
        data.sha256,
        "spearman" if data.graded else "auroc",
    )


def strata(data: DataSet) -> NDArray[np.int64]:
    """Give the stratum of each item: matches and non-matches keep their numbers in every draw."""
    if isinstance(data, PairSet) and data.matches is not None:
        return data.matches.astype(np.int64)
    return np.zeros(len(data), np.int64)


def score_of_pairs(data: PairSet, scores: NDArray[np.float32], alpha: float) -> Scored:
    """Measure scores of pairs."""
    found: dict[str, Statistic] = {}
    if data.graded:
        found["spearman"] = measures.spearman(scores, data.grades)
        found["pearson"] = measures.pearson(scores, data.grades)
    if data.matches is not None:
        found["auroc"] = measures.area_under_curve(scores, data.matches)
        found["average_precision"] = measures.average_precision(scores, data.matches)
        found["mean_match"] = measures.mean_where(scores, data.matches)
        found["mean_non_match"] = measures.mean_where(scores, ~data.matches)
        found["best_f1"] = measures.best_f1(scores, data.matches)
        found["best_f1_threshold"] = measures.best_f1_threshold(scores, data.matches)
        allowed = allowed_errors(int((~data.matches).sum()), alpha, DELTA)
        if allowed >= 0:
            found["certified_recall"] = measures.recall_with_allowed(scores, data.matches, allowed)
    return Scored(found, scores)


def score_of_intents(data: IntentSet, places: NDArray[np.int64], scores: NDArray[np.float32]) -> Scored:
    """Measure whether the nearest other texts tell the intent."""
    right = ranking.voted_right(places, scores, data.intents)
    nearest = (data.intents[places[:, 0]] == data.intents).astype(np.float64)
    found = {"accuracy": measures.mean_of(right), "nearest_accuracy": measures.mean_of(nearest)}
    return Scored(found, scores, places)


def score_of_retrieval(data: RetrievalSet, places: NDArray[np.int64]) -> Scored:
    """Measure a ranking of documents."""
    found = {"ndcg@10": measures.mean_of(ranking.ndcg(places, data.relevance))}
    for cut in _RECALLS:
        found[f"recall@{cut}"] = measures.mean_of(ranking.recall(places, data.relevance, cut))
    found["mrr@10"] = measures.mean_of(ranking.reciprocal_rank(places, data.relevance))
    return Scored(found, places=places)


def certified(data: DataSet, scored: Scored, alpha: float) -> Certified | None:
    """Certify a threshold on labelled pairs; None where nothing says which pairs match."""
    if scored.scores is None or not isinstance(data, PairSet) or data.matches is None:
        return None
    labelled = LabelledScores(scored.scores, data.matches, data.sha256)
    outcome = certify_false_match_rate(labelled, alpha, DELTA)
    if isinstance(outcome, Certificate):
        return Certified(outcome.threshold, str(outcome))
    return Certified(None, outcome.message)


def histogram(data: DataSet, scored: Scored) -> Histogram | None:
    """Count the scores of both kinds in bins; graded pairs without a cut are parted at their middle grade."""
    if scored.scores is None or not isinstance(data, PairSet):
        return None
    scores = scored.scores
    matches = _higher(data.grades) if data.matches is None else data.matches
    low, high = float(scores.min()), float(scores.max())
    edges = np.linspace(low, high if high > low else low + 1e-3, _BINS + 1)
    counts = [np.histogram(scores[chosen], edges)[0] for chosen in (matches, ~matches)]
    shares = [tuple(np.round(count / max(count.sum(), 1), 5).tolist()) for count in counts]
    return Histogram(float(edges[0]), float(edges[-1]), shares[0], shares[1])


def _higher(grades: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Part grades at their middle, so that no side is empty where they differ."""
    middle = np.median(grades)
    # Where half of them are the highest there is, nothing lies above the middle.
    return np.asarray(grades > middle if middle < grades.max() else grades >= middle)


def roc(data: DataSet, scored: Scored) -> Roc | None:
    """Give the curve in few points; None where nothing says which pairs match."""
    if scored.scores is None or not isinstance(data, PairSet) or data.matches is None:
        return None
    wrong, right = measures.roc_points(scored.scores, data.matches)
    if len(wrong) > _ROC_POINTS:
        kept = np.unique(np.linspace(0, len(wrong) - 1, _ROC_POINTS).round().astype(int))
        wrong, right = wrong[kept], right[kept]
    return Roc(tuple(np.round(wrong, 5).tolist()), tuple(np.round(right, 5).tolist()))
