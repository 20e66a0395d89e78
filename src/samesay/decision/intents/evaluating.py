"""How well a matcher does on labelled texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.decision.intents.examples import IntentExample
from samesay.decision.intents.matching import IntentMatch
from samesay.decision.measures import area_under_curve
from samesay.errors import IntentsError


@dataclass(frozen=True)
class Share:
    """A count out of a number; ``value`` is None where there is nothing to count."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """The share."""
        return self.count / self.of if self.of else None


@dataclass(frozen=True)
class IntentFigures:
    """How one intent does.

    Args:
        intent: Its name.
        texts: Labelled texts that have it.
        right: How many of them get it.
        none: How many of them get no intent.
        given: How many labelled texts of any kind get it.
    """

    intent: str
    texts: int
    right: int
    none: int
    given: int


@dataclass(frozen=True)
class Confusion:
    """How often texts of one intent get another; None stands for out of scope."""

    own: str | None
    given: str | None
    texts: int


@dataclass(frozen=True)
class IntentsReport:
    """What a matcher makes of labelled texts.

    Args:
        best: Texts with an intent for which it scores best, whatever the threshold says.
        right: Texts with an intent that get it.
        covered: Texts with an intent that get any.
        precise: Of all that get an intent, those whose own it is.
        refused: Out-of-scope texts that get none: the recall of out-of-scope.
        area: The probability that a text with an intent scores above one without; None without either.
        intents: Each intent.
        confusions: Most frequent first.
        repeated: Texts that stand word for word among the examples; they make the rest look better.
    """

    best: Share
    right: Share
    covered: Share
    precise: Share
    refused: Share
    area: float | None
    intents: tuple[IntentFigures, ...]
    confusions: tuple[Confusion, ...]
    repeated: int


def evaluate_matches(
    labelled: Sequence[IntentExample],
    matches: Sequence[IntentMatch],
    intents: Sequence[str],
    known: Sequence[str],
) -> IntentsReport:
    """Compare answers with labels.

    Args:
        labelled: n texts and their intents.
        matches: The answer about each, with at least one candidate.
        intents: The intents of the matcher.
        known: The texts of its examples.

    Raises:
        IntentsError: There are no texts, or one is labelled with an intent that the matcher does not have.
    """
    if not labelled:
        raise IntentsError("there are no labelled texts to evaluate with")
    for one in labelled:
        if one.intent is not None and one.intent not in intents:
            raise IntentsError(
                f"{one.place or repr(one.text)}: the matcher has no intent {one.intent!r}; "
                "if the text is out of scope for it, leave its intent empty"
            )
    own = [one.intent for one in labelled]
    given = [one.intent for one in matches]
    best = [one.candidates[0].intent for one in matches]
    inside = [place for place, name in enumerate(own) if name is not None]
    outside = [place for place, name in enumerate(own) if name is None]
    accepted = [place for place, name in enumerate(given) if name is not None]
    examples = set(known)
    return IntentsReport(
        best=Share(sum(best[place] == own[place] for place in inside), len(inside)),
        right=Share(sum(given[place] == own[place] for place in inside), len(inside)),
        covered=Share(sum(given[place] is not None for place in inside), len(inside)),
        precise=Share(sum(given[place] == own[place] for place in accepted), len(accepted)),
        refused=Share(sum(given[place] is None for place in outside), len(outside)),
        area=_area(matches, np.array([name is not None for name in own])),
        intents=tuple(_figures(name, own, given) for name in intents),
        confusions=tuple(
            Confusion(a, b, texts)
            for (a, b), texts in Counter(zip(own, given, strict=True)).most_common()
            if a != b
        ),
        repeated=sum(one.text in examples for one in labelled),
    )


def _area(matches: Sequence[IntentMatch], inside: NDArray[np.bool_]) -> float | None:
    if inside.all() or not inside.any():
        return None
    return area_under_curve(np.array([one.score for one in matches]), inside)


def _figures(name: str, own: Sequence[str | None], given: Sequence[str | None]) -> IntentFigures:
    answers = [got for has, got in zip(own, given, strict=True) if has == name]
    return IntentFigures(
        name, len(answers), answers.count(name), answers.count(None), sum(got == name for got in given)
    )
