"""What can be promised about the answers of a matcher, and which threshold follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from samesay.decision.certificate import Certificate, NoCertificate
from samesay.decision.certifying import certify_false_match_rate, certify_precision, shortest
from samesay.decision.intents.matching import Threshold
from samesay.decision.intents.settings import IntentSettings
from samesay.decision.labels import LabelledScores

# Fewer examples say nothing about the score that one in twenty of them stays below.
_LEAST_FOR_A_QUANTILE = 20


@dataclass(frozen=True, eq=False)
class ScoredTexts:
    """Texts with a known intent, or known to have none, and the best score of each.

    Args:
        scores: Shape (n,).
        right: Whether the intent that scores best is the text's own; never for a text without one.
        data: SHA-256 of the texts and their intents.
    """

    scores: NDArray[np.float32]
    right: NDArray[np.bool_]
    data: str

    def __len__(self) -> int:
        return len(self.scores)


def certify_outside(
    outside: ScoredTexts, examples: NDArray[np.float32], settings: IntentSettings, key: str, made: str
) -> Certificate | NoCertificate | None:
    """Promise that at most the share alpha of out-of-scope texts gets an intent.

    Args:
        outside: Out-of-scope texts, none of which is an example.
        examples: Scores of examples, each left out.
        settings: What is to be promised.
        key: What the certificate is for.
        made: The day.

    Raises:
        MissingExtraError: There are labels enough, and scipy is not installed.
    """
    alpha, delta = settings.alpha, settings.delta
    if alpha is None:
        return None
    m = len(outside)
    least = math.ceil(math.log(delta) / math.log1p(-alpha))
    asked = f"that at most {alpha:.4g} of out-of-scope texts get an intent, with {1 - delta:.4g} confidence"
    if m < least:
        message = f"to promise {asked}, takes {least} labelled out-of-scope texts and there are {m}: "
        message += f"label {least - m} more"
        return NoCertificate("false-match-rate", alpha, delta, "too few labels", message, least - m)
    # Where no example can be left out there is nothing that a threshold could be out of reach for.
    inside = examples if len(examples) else np.ones(1, np.float32)
    labelled = LabelledScores(
        np.concatenate([outside.scores, inside]),
        np.concatenate([np.zeros(m, np.bool_), np.ones(len(inside), np.bool_)]),
        outside.data,
    )
    found = certify_false_match_rate(labelled, alpha, delta, key=key, made=made)
    if isinstance(found, Certificate):
        return found
    message = f"to promise {asked}, takes a threshold that none of {len(inside)} examples reaches; "
    if found.further is None:
        message += "these out-of-scope texts score as high as the examples, and more labels will not help"
    else:
        message += f"with about {found.further} more labelled out-of-scope texts it may be lower"
    return replace(found, message=message)


def certify_given(
    held_out: ScoredTexts, settings: IntentSettings, key: str, made: str
) -> Certificate | NoCertificate | None:
    """Promise that at least the share ``settings.precision`` of the intents that are given is right.

    Args:
        held_out: Texts as they come, with and without an intent, none of which is an example.
        settings: What is to be promised.
        key: What the certificate is for.
        made: The day.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    if settings.precision is None:
        return None
    labelled = LabelledScores(held_out.scores, held_out.right, held_out.data)
    found = certify_precision(
        labelled, settings.precision, settings.delta, seed=settings.seed, key=key, made=made
    )
    if isinstance(found, Certificate):
        return found
    asked = f"that at least {settings.precision:.4g} of the given intents are right, "
    asked += f"with {1 - settings.delta:.4g} confidence"
    held = f"{len(held_out)} labelled texts kept apart, {int(held_out.right.sum())} of them answered right"
    if found.further is None:
        message = f"to promise {asked}, is out of reach with {held}"
    else:
        message = f"to promise {asked}, could not be done with {held}: about {found.further} more may do"
    return replace(found, message=message)


def threshold_for(
    certificates: Sequence[Certificate], examples: NDArray[np.float32], settings: IntentSettings
) -> Threshold:
    """Give the threshold: the user's, or the lowest certified one, or one that keeps most examples."""
    usual = usual_score(examples, settings.keep)
    high: float | None
    if settings.threshold is not None:
        high = shortest(np.float32(settings.threshold))
        return Threshold(high, usual if usual is not None and usual < high else None, "given")
    if certificates:
        high = _certified(certificates)
        return Threshold(high, usual if usual is not None and usual < high else None, "certificate")
    return Threshold(usual, None, "nothing" if usual is None else "examples")


def usual_score(examples: NDArray[np.float32], keep: float) -> float | None:
    """Give the score that the share ``keep`` of the examples reaches; None where they are too few."""
    if len(examples) < _LEAST_FOR_A_QUANTILE:
        return None
    rising = np.sort(examples)
    return shortest(rising[min(int((1 - keep) * len(rising)), len(rising) - 1)])


def _certified(certificates: Sequence[Certificate]) -> float:
    """Give the lowest threshold that all cover; a rate alone where a precision is not shown so high."""
    rates = [one.threshold for one in certificates if one.kind == "false-match-rate"]
    lowest = max(rates, default=-1.0)
    precise = [
        threshold
        for one in certificates
        if one.kind == "precision"
        for threshold in one.thresholds
        if threshold >= lowest
    ]
    return min(precise) if precise else lowest
