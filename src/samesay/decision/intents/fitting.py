"""Making a matcher: examples, vectors, certificates, threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesay.checkpoint.fingerprint import digest
from samesay.decision.certificate import Certificate, NoCertificate
from samesay.decision.certifying import today
from samesay.decision.intents.bank import Bank, bank_of
from samesay.decision.intents.examples import (
    DistinctExamples,
    IntentExample,
    as_examples,
    distinct_examples,
    hash_of_examples,
)
from samesay.decision.intents.fitted import FittedIntents, IntentsEvidence
from samesay.decision.intents.promising import ScoredTexts, certify_given, certify_outside, threshold_for
from samesay.decision.intents.scoring import score_intents, score_left_out
from samesay.decision.intents.settings import IntentSettings
from samesay.decision.key import Key
from samesay.errors import IntentsError

Vectors = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Vectors]

# Leaving out each of n examples costs n² products; so many say enough.
_MOST_LEFT_OUT = 4000


@dataclass(frozen=True)
class Parts:
    """Labelled texts by what they are for.

    No text of the bank is anywhere else; out-of-scope texts may serve for both promises.

    Args:
        bank: Examples that are matched against.
        outside: Out-of-scope texts.
        held_out: Texts as they come, kept apart for a precision.
        distinct: What they were taken from.
    """

    bank: tuple[IntentExample, ...]
    outside: tuple[IntentExample, ...]
    held_out: tuple[IntentExample, ...]
    distinct: DistinctExamples


def fit_intents(
    encode: Encode,
    key: Key,
    examples: Iterable[IntentExample | tuple[str | None, str]],
    settings: IntentSettings | None = None,
    held_out: Iterable[IntentExample | tuple[str | None, str]] | None = None,
) -> FittedIntents:
    """Make a matcher; see ``IntentMatcher.fit``.

    Raises:
        IntentsError: There are no examples of an intent, or one is no example.
        MissingExtraError: Something is to be certified, and scipy is not installed.
        SamesayError: As for ``encode``.
    """
    settings = settings or IntentSettings()
    parts = split(as_examples(examples), None if held_out is None else as_examples(held_out), settings)
    texts = [one.text for part in (parts.bank, parts.outside, parts.held_out) for one in part]
    distinct = list(dict.fromkeys(texts))
    rows = dict(zip(distinct, range(len(distinct)), strict=True))
    vectors = encode(distinct)

    def of(part: Sequence[IntentExample]) -> Vectors:
        return vectors[[rows[one.text] for one in part]] if part else vectors[:0]

    bank = bank_of(parts.bank, of(parts.bank))
    return _fitted(bank, parts, of(parts.outside), of(parts.held_out), key, settings)


def split(
    examples: Sequence[IntentExample], held_out: Sequence[IntentExample] | None, settings: IntentSettings
) -> Parts:
    """Say which labelled text is for what.

    Where a precision is asked for and no texts are held out for it, a part is taken by lot, one of each
    intent excepted.

    Raises:
        IntentsError: There are no examples of an intent; a text held out has an intent without examples.
    """
    distinct = distinct_examples(examples)
    if not distinct.inside:
        raise IntentsError("there are no examples of any intent; a row is an intent and an example of it")
    if held_out is not None:
        known = {one.text for one in distinct.inside}
        names = {one.intent for one in distinct.inside}
        for one in held_out:
            if one.intent is not None and one.intent not in names:
                raise IntentsError(
                    f"{one.place or 'a text held out'}: the intent {one.intent!r} has no examples"
                )
        others = distinct_examples(held_out)
        kept = [one for one in (*others.inside, *others.outside) if one.text not in known]
        outside = {one.text: one for one in (*distinct.outside, *(o for o in kept if o.intent is None))}
        return Parts(distinct.inside, tuple(outside.values()), tuple(kept), distinct)
    if settings.precision is None:
        return Parts(distinct.inside, distinct.outside, (), distinct)
    return _drawn(distinct, settings)


def _drawn(distinct: DistinctExamples, settings: IntentSettings) -> Parts:
    generator = np.random.default_rng(settings.seed)
    everything = (*distinct.inside, *distinct.outside)
    order = generator.permutation(len(everything))
    wanted = round(settings.held_out * len(everything))
    left: dict[str | None, int] = {}
    for one in distinct.inside:
        left[one.intent] = left.get(one.intent, 0) + 1
    apart: set[int] = set()
    for place in order:
        intent = everything[place].intent
        if len(apart) == wanted:
            break
        if intent is None or left[intent] > 1:
            apart.add(int(place))
            left[intent] = left.get(intent, 0) - 1
    # A text under two intents must not be matched with itself.
    texts = {everything[place].text for place in apart}
    bank = tuple(one for one in distinct.inside if one.text not in texts)
    missing = {one.intent for one in distinct.inside} - {one.intent for one in bank}
    bank += tuple(one for one in distinct.inside if one.intent in missing)
    known = {one.text for one in bank}
    held = tuple(everything[place] for place in sorted(apart) if everything[place].text not in known)
    return Parts(bank, distinct.outside, held, distinct)


def _fitted(
    bank: Bank, parts: Parts, outside: Vectors, held: Vectors, key: Key, settings: IntentSettings
) -> FittedIntents:
    examples, right = _left_out(bank, settings)
    made = today()
    certified_for = digest([key.digest, hash_of_examples(parts.bank), settings.method, settings.neighbours])
    outcomes: list[Certificate | NoCertificate | None] = [
        certify_outside(
            scored_texts(bank, parts.outside, outside, settings), examples, settings, certified_for, made
        ),
        certify_given(scored_texts(bank, parts.held_out, held, settings), settings, certified_for, made),
    ]
    certificates = tuple(one for one in outcomes if isinstance(one, Certificate))
    return FittedIntents(
        key=key,
        bank=bank,
        method=settings.method,
        neighbours=settings.neighbours,
        threshold=threshold_for(certificates, examples, settings),
        certificates=certificates,
        refused=tuple(one for one in outcomes if isinstance(one, NoCertificate)),
        contradictions=parts.distinct.contradictions,
        evidence=IntentsEvidence(
            examples=len(bank),
            outside=len(parts.outside),
            held_out=len(parts.held_out),
            repeated=parts.distinct.repeated,
            left_out=len(examples),
            left_out_right=int(right.sum()),
            data=hash_of_examples([*parts.bank, *parts.outside, *parts.held_out]),
        ),
        made=made,
        note=settings.note,
    )


def scored_texts(
    bank: Bank, texts: Sequence[IntentExample], vectors: Vectors, settings: IntentSettings
) -> ScoredTexts:
    """Give the best score of each text, and whether it is that of the text's own intent."""
    scores = score_intents(bank, vectors, settings.method, settings.neighbours)
    places = {name: place for place, name in enumerate(bank.intents)}
    own = np.array([places[one.intent] if one.intent is not None else -1 for one in texts], np.int64)
    if not len(texts):
        return ScoredTexts(np.empty(0, np.float32), np.empty(0, np.bool_), hash_of_examples(texts))
    return ScoredTexts(scores.max(axis=1), scores.argmax(axis=1) == own, hash_of_examples(texts))


def _left_out(bank: Bank, settings: IntentSettings) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Match examples with the others; those that are the only one of their intent say nothing."""
    places = np.flatnonzero(bank.sizes[bank.labels] > 1)
    if len(places) > _MOST_LEFT_OUT:
        chosen = np.random.default_rng(settings.seed).permutation(len(places))[:_MOST_LEFT_OUT]
        places = np.sort(places[chosen])
    if not len(places):
        return np.empty(0, np.float32), np.empty(0, np.bool_)
    scores = score_left_out(bank, places, settings.method, settings.neighbours)
    return scores.max(axis=1), scores.argmax(axis=1) == bank.labels[places]
