"""Examples: texts and the intent of each, or none; what is wrong with a set of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from samesay.errors import IntentsError

NONE = "none"
"""What people write where a text has none of the intents."""


@dataclass(frozen=True)
class IntentExample:
    """A text, and what people say it wants.

    Args:
        text: The text.
        intent: The name of its intent; None where it has none of them: it is out of scope.
        place: Where it stands, for messages.
    """

    text: str
    intent: str | None
    place: str = ""


@dataclass(frozen=True)
class Contradiction:
    """A text that stands under more than one intent.

    Args:
        text: The text.
        intents: The intents, in the order in which they came; None for out of scope.
        places: Where it stands, in the same order.
    """

    text: str
    intents: tuple[str | None, ...]
    places: tuple[str, ...]

    def __str__(self) -> str:
        stands = " and ".join(
            f"{intent or NONE}{f' ({place})' if place else ''}"
            for intent, place in zip(self.intents, self.places, strict=True)
        )
        return f"{self.text!r} stands under {stands}"


@dataclass(frozen=True)
class DistinctExamples:
    """Every text once under each of its intents.

    Args:
        inside: Those with an intent.
        outside: Those without one.
        repeated: How many rows were left out as copies.
        contradictions: Texts under more than one intent; they are kept under each.
    """

    inside: tuple[IntentExample, ...]
    outside: tuple[IntentExample, ...]
    repeated: int
    contradictions: tuple[Contradiction, ...]


def as_examples(given: Iterable[IntentExample | tuple[str | None, str]]) -> list[IntentExample]:
    """Give examples as examples; a pair is (intent, text).

    Raises:
        IntentsError: Something is neither, a text or the name of an intent is empty or no string.
    """
    found = []
    for number, one in enumerate(given):
        if isinstance(one, IntentExample):
            example = one
        else:
            try:
                intent, text = one
            except (TypeError, ValueError):
                raise IntentsError(f"example {number} is not an intent and a text: {one!r}") from None
            example = IntentExample(text, intent, f"example {number}")
        found.append(_checked(example))
    return found


def distinct_examples(examples: Iterable[IntentExample]) -> DistinctExamples:
    """Give every text once under each of its intents: a copy says nothing more."""
    rows = 0
    by_text: dict[str, dict[str | None, IntentExample]] = {}
    for example in examples:
        rows += 1
        by_text.setdefault(example.text, {}).setdefault(example.intent, example)
    kept = [example for under in by_text.values() for example in under.values()]
    return DistinctExamples(
        inside=tuple(one for one in kept if one.intent is not None),
        outside=tuple(one for one in kept if one.intent is None),
        repeated=rows - len(kept),
        contradictions=tuple(
            Contradiction(text, tuple(under), tuple(one.place for one in under.values()))
            for text, under in by_text.items()
            if len(under) > 1
        ),
    )


def hash_of_examples(examples: Sequence[IntentExample]) -> str:
    """Give the SHA-256 of labelled texts, whatever their order."""
    rows = sorted(f"{one.intent if one.intent is not None else ''}\t{one.text}" for one in examples)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def _checked(example: IntentExample) -> IntentExample:
    where = example.place or "an example"
    if not isinstance(example.text, str) or not example.text.strip():
        raise IntentsError(f"{where}: the text is empty; leave the row out")
    if example.intent is not None and (not isinstance(example.intent, str) or not example.intent.strip()):
        raise IntentsError(f"{where}: the intent has no name; None says that a text has no intent")
    return example
