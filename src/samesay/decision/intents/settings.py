"""How intents are matched, and what is to be promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from samesay.errors import IntentsError

Method = Literal["both", "examples", "centroids"]

# Chosen on validation data, never on test data: docs/intents.md says how.
NEIGHBOURS = 5


@dataclass(frozen=True)
class IntentSettings:
    """How intents are matched, and what is to be promised about the answers.

    Args:
        method: Whether a text is compared with the nearest examples of an intent, with the centre of all
            its examples, or with both.
        neighbours: How many examples of each intent are summed up, at most.
        alpha: The highest share of out-of-scope texts that get an intent; None asks for no such certificate.
        precision: The lowest share of given intents that is right; None asks for no such certificate.
        delta: The probability that a promise is broken; each certificate has its own.
        threshold: The lowest score that gets an intent, instead of the one that follows from the rest.
        keep: Where nothing is certified, the share of the examples that the threshold keeps, each matched
            with the others.
        held_out: The share of the labelled texts that is kept apart for a precision where none are given.
        seed: Which of them.
        note: Where the examples come from; kept with the matcher.
    """

    method: Method = "both"
    neighbours: int = NEIGHBOURS
    alpha: float | None = 0.05
    precision: float | None = None
    delta: float = 0.05
    threshold: float | None = None
    keep: float = 0.95
    held_out: float = 0.25
    seed: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise IntentsError(f"the method is {self.method!r}; it is one of {', '.join(get_args(Method))}")
        if self.neighbours < 1:
            raise IntentsError(f"{self.neighbours} neighbours cannot be summed up; 1 is the least")
        if self.threshold is not None and not -1 <= self.threshold <= 1:
            raise IntentsError(f"the threshold is {self.threshold}; a score is from -1 to 1")
        shares = {
            "alpha": self.alpha,
            "the precision": self.precision,
            "delta": self.delta,
            "the share of examples kept": self.keep,
            "the share held out": self.held_out,
        }
        for name, share in shares.items():
            if share is not None and not 0 < share < 1:
                raise IntentsError(f"{name} must be between 0 and 1, such as 0.05; it is {share}")
