"""A matcher without its model: examples as vectors, a threshold, and what is promised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.decision.certificate import Certificate, NoCertificate
from samesay.decision.intents.bank import Bank
from samesay.decision.intents.examples import Contradiction
from samesay.decision.intents.matching import IntentMatch, Threshold, matches_of
from samesay.decision.intents.scoring import Scores, score_intents
from samesay.decision.intents.settings import Method
from samesay.decision.key import Key


@dataclass(frozen=True)
class IntentsEvidence:
    """What a matcher rests on.

    Args:
        examples: Texts that are matched against.
        outside: Labelled out-of-scope texts.
        held_out: Labelled texts kept apart for a precision.
        repeated: Rows left out because they repeat another.
        left_out: Examples that were matched with the others.
        left_out_right: How many of them scored best with their own intent.
        data: SHA-256 of all labelled texts.
    """

    examples: int
    outside: int
    held_out: int
    repeated: int
    left_out: int
    left_out_right: int
    data: str


@dataclass(frozen=True, eq=False)
class FittedIntents:
    """From vectors of one key to intents.

    Args:
        key: What vectors it is for.
        bank: The examples.
        method: What a text is compared with.
        neighbours: How many examples of an intent are summed up.
        threshold: From which score on an intent is given.
        certificates: The promises that could be given.
        refused: Those that could not, and why.
        contradictions: Texts that stand under more than one intent.
        evidence: What it rests on.
        made: The day, YYYY-MM-DD.
        note: Where the examples come from, for people.
    """

    key: Key
    bank: Bank
    method: Method
    neighbours: int
    threshold: Threshold
    certificates: tuple[Certificate, ...]
    refused: tuple[NoCertificate, ...]
    contradictions: tuple[Contradiction, ...]
    evidence: IntentsEvidence
    made: str
    note: str = ""

    @property
    def intents(self) -> tuple[str, ...]:
        """The names of the intents, in the order of the examples."""
        return self.bank.intents

    @property
    def certificate(self) -> Certificate | None:
        """The promise that holds where an intent is given: of a precision if there is one, or of a rate."""
        found = self.certificates_at(self.threshold.high)
        return next((one for one in found if one.kind == "precision"), next(iter(found), None))

    def certificates_at(self, threshold: float | None) -> tuple[Certificate, ...]:
        """Give the promises that hold where intents are given from a threshold on."""
        if threshold is None:
            return ()
        return tuple(one for one in self.certificates if one.covers(threshold))

    def scores(self, vectors: NDArray[np.float32]) -> Scores:
        """Give the score of each vector for each intent, shape (m, K)."""
        return score_intents(self.bank, vectors, self.method, self.neighbours)

    def match_vectors(self, vectors: NDArray[np.float32], top: int = 3) -> list[IntentMatch]:
        """Give the answer about each vector; the caller vouches for the key."""
        return matches_of(self.scores(vectors), self.intents, self.threshold, self.certificate, top)
