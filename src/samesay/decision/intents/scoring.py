"""Scores of texts for each intent, from -1 to 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samesay.decision.intents.bank import Bank, Vectors, relative_to
from samesay.decision.intents.settings import Method
from samesay.engine.row_products import pair_products, table_products

Scores = NDArray[np.float32]

# How much nearer an example must be to count e times as much. Chosen with the number of neighbours.
TEMPERATURE = 0.2
_AT_A_TIME = 256


def score_intents(
    bank: Bank, vectors: Vectors, method: Method, neighbours: int, temperature: float = TEMPERATURE
) -> Scores:
    """Give the score of each text for each intent, shape (m, K).

    ``"examples"``: the weights exp((cosine - 1) / 0.2) of an intent's nearest examples are summed; the score
    is the cosine at which all of ``neighbours`` examples would give that sum. An intent with fewer examples
    scores lower, as one of which fewer are near. ``"centroids"``: the cosine with the mean of an intent's
    examples. ``"both"``: the mean of the two. All cosines are of vectors relative to the mean of the bank.

    Args:
        bank: The examples.
        vectors: Of the texts, as the model gives them, shape (m, d).
        method: What a text is compared with.
        neighbours: Examples of an intent that are summed up.
        temperature: How much nearer an example must be to count e times as much.
    """
    scores = np.empty((len(vectors), len(bank.intents)), np.float32)
    centroids = bank.centroids
    for begin in range(0, len(vectors), _AT_A_TIME):
        block = relative_to(bank.mean, vectors[begin : begin + _AT_A_TIME])
        near = centre = None
        if method != "centroids":
            near = _summed(bank, table_products(block, bank.centred), neighbours, temperature)
        if method != "examples":
            centre = table_products(block, centroids)
        scores[begin : begin + len(block)] = _combined(near, centre)
    return scores


def score_left_out(bank: Bank, places: NDArray[np.int64], method: Method, neighbours: int) -> Scores:
    """Give the scores of examples for each intent as if each were not among the examples, shape (m, K).

    Only the mean of the bank keeps its part in it. An intent that has no other example scores -1.

    Args:
        bank: The examples.
        places: m places in the bank.
        method: As for ``score_intents``.
        neighbours: As for ``score_intents``.
    """
    scores = np.empty((len(places), len(bank.intents)), np.float32)
    centroids = bank.centroids
    for begin in range(0, len(places), _AT_A_TIME):
        chosen = places[begin : begin + _AT_A_TIME]
        rows, own = bank.centred[chosen], bank.labels[chosen]
        at = np.arange(len(chosen))
        near = centre = None
        if method != "centroids":
            cosines = table_products(rows, bank.centred)
            cosines[at, chosen] = -np.inf
            near = _summed(bank, cosines, neighbours, TEMPERATURE)
        if method != "examples":
            centre = table_products(rows, centroids)
            others = bank.sums[own] - rows
            lengths = np.sqrt(np.einsum("nd,nd->n", others, others))
            centre[at, own] = pair_products(rows, others) / np.maximum(lengths, 1e-6)
        combined = _combined(near, centre)
        combined[at[bank.sizes[own] == 1], own[bank.sizes[own] == 1]] = -1
        scores[begin : begin + len(chosen)] = combined
    return scores


def _summed(bank: Bank, cosines: Scores, neighbours: int, temperature: float) -> Scores:
    """Sum up the nearest examples of each intent and give the sum as a cosine."""
    scale = np.float32(temperature)
    sums = np.empty((len(cosines), len(bank.intents)), np.float32)
    for place in range(len(bank.intents)):
        own = cosines[:, bank.starts[place] : bank.starts[place + 1]]
        if own.shape[1] > neighbours:
            own = np.partition(own, own.shape[1] - neighbours, axis=1)[:, -neighbours:]
        weights = np.exp((np.sort(own, axis=1) - 1) / scale)
        sums[:, place] = weights.sum(axis=1)
    least = np.finfo(np.float32).tiny
    return np.asarray(1 + scale * np.log(np.maximum(sums / np.float32(neighbours), least)), np.float32)


def _combined(near: Scores | None, centre: Scores | None) -> Scores:
    if near is not None:
        near = near.clip(-1, 1)
    if centre is not None:
        centre = centre.clip(-1, 1)
    if near is None or centre is None:
        found = centre if near is None else near
        assert found is not None  # noqa: S101
        return found
    return np.asarray((near + centre) / np.float32(2), np.float32)
