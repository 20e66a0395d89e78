"""What is promised, what it rests on, and what is told of odd examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from intent_samples import KEY, World

from samesay.decision.binomial import least_trials
from samesay.decision.intents.evaluating import evaluate_matches
from samesay.decision.intents.examples import IntentExample, as_examples, distinct_examples
from samesay.decision.intents.fitting import fit_intents, split
from samesay.decision.intents.settings import IntentSettings
from samesay.errors import IntentsError


def test_the_promise_about_out_of_scope_texts_is_broken_no_more_often_than_it_may() -> None:
    world = World(10, spread=0.4)
    examples = world.texts(25)
    fitted = world.fit(examples)
    everything = fitted.scores(world.encode([one.text for one in world.texts(0, 4000)])).max(axis=1)
    broken = draws = 0
    for _ in range(60):
        certificate = world.fit([*examples, *world.texts(0, 80)]).certificates[0]
        draws += 1
        broken += float((everything >= np.float32(certificate.threshold)).mean()) > 0.05
    assert draws == 60
    assert broken <= 8  # 3 are expected at most; 9 or more come in 1 of 300 runs at delta 0.05


def test_too_few_out_of_scope_texts_give_no_promise_and_say_how_many_more() -> None:
    world = World(11)
    fitted = world.fit(world.texts(10, 41))
    (refused,) = fitted.refused
    assert fitted.certificates == ()
    assert refused.further == least_trials(0, 0.05, 0.05) - 41 == 18
    assert "takes 59 labelled out-of-scope texts and there are 41: label 18 more" in refused.message
    assert fitted.threshold.basis == "examples"
    (match,) = fitted.match_vectors(world.encode([world.text("lost").text]))
    assert match.certificate is None
    assert match.basis == "examples"


def test_out_of_scope_texts_that_look_like_examples_cannot_be_promised_about() -> None:
    world = World(12, spread=0.3)
    inside = world.texts(20)
    outside = [IntentExample(world.text("lost").text, None) for _ in range(90)]
    (refused,) = world.fit([*inside, *outside], IntentSettings(alpha=0.01, delta=0.5)).refused
    assert refused.reason == "too few labels" or refused.further is None
    assert "out-of-scope texts" in refused.message


def test_a_certified_threshold_rejects_most_texts_of_other_things() -> None:
    world = World(13, spread=0.3)
    fitted = world.fit(world.texts(30, 200))
    assert fitted.threshold.basis == "certificate"
    labelled = world.texts(20, 300)
    matches = fitted.match_vectors(world.encode([one.text for one in labelled]))
    report = evaluate_matches(labelled, matches, fitted.intents, fitted.bank.texts)
    assert report.refused.count > 270
    assert report.best.value is not None
    assert report.best.value > 0.95
    given = [one for one in matches if one.intent is not None]
    assert given
    assert all(one.certificate == fitted.certificate and one.band == "high" for one in given)
    assert all(one.certificate is None for one in matches if one.intent is None)


def test_texts_kept_apart_for_a_precision_are_not_matched_against() -> None:
    world = World(14)
    examples = world.texts(60, 90)
    fitted = world.fit(examples, IntentSettings(precision=0.8))
    kinds = {one.kind for one in fitted.certificates}
    assert kinds == {"false-match-rate", "precision"}
    assert fitted.evidence.held_out == round(0.25 * len(examples))
    parts = split(examples, None, IntentSettings(precision=0.8))
    assert not {one.text for one in parts.held_out} & set(fitted.bank.texts)
    # With both promises the threshold is one that both were shown for.
    assert len(fitted.certificates_at(fitted.threshold.high)) == 2


def test_texts_held_out_that_are_examples_too_are_left_out_of_the_proof() -> None:
    world = World(15)
    examples = world.texts(5)
    parts = split(examples, [*examples[:3], *world.texts(2, 1)], IntentSettings(precision=0.9))
    assert len(parts.held_out) == 7
    assert parts.bank == tuple(examples)


def test_every_intent_keeps_an_example_however_small_it_is() -> None:
    world = World(16)
    examples = [*world.texts(20), IntentExample(world.text("lost").text, "single")]
    for seed in range(20):
        parts = split(examples, None, IntentSettings(precision=0.9, held_out=0.9, seed=seed))
        assert {one.intent for one in parts.bank} == {one.intent for one in examples}
        assert not {one.text for one in parts.bank} & {one.text for one in parts.held_out}


def test_copies_count_once_and_contradictions_are_told_with_their_places() -> None:
    world = World(17)
    examples = world.texts(3)
    first = examples[0]
    other = IntentExample(first.text, "transfer", "line 98")
    outside = IntentExample(examples[1].text, None, "line 99")
    fitted = world.fit([*examples, first, first, other, outside])
    assert fitted.evidence.repeated == 2
    told = {one.text: one for one in fitted.contradictions}
    assert told[first.text].intents == ("lost", "transfer")
    assert told[first.text].places == (first.place, "line 98")
    assert told[examples[1].text].intents == ("balance", None)
    assert "stands under lost (line 1) and transfer (line 98)" in str(told[first.text])
    distinct = distinct_examples([*examples, first])
    assert len(distinct.inside) == 9


def test_equal_scores_are_told_and_go_to_the_first_intent() -> None:
    world = World(18)
    text = world.text("lost")
    examples = [IntentExample(text.text, "a"), IntentExample(text.text, "b"), world.text("balance")]
    fitted = world.fit(examples)
    (match,) = fitted.match_vectors(world.encode([text.text]))
    assert match.tied == ("a", "b")
    assert match.intent == "a"
    assert [one.score for one in match.candidates[:2]] == [match.score] * 2


def test_a_threshold_of_the_users_is_used_and_is_called_certified_only_where_it_is() -> None:
    world = World(19, spread=0.3)
    examples = world.texts(20, 100)
    certified = world.fit(examples).threshold.high
    assert certified is not None
    above = world.fit(examples, IntentSettings(threshold=certified + 0.1))
    below = world.fit(examples, IntentSettings(threshold=certified - 0.1))
    assert above.threshold.basis == below.threshold.basis == "given"
    assert above.certificate is not None
    assert below.certificate is None


def test_without_a_threshold_every_text_gets_an_intent_and_no_band() -> None:
    world = World(20)
    fitted = world.fit([world.text("lost"), world.text("balance")])
    assert fitted.threshold.basis == "nothing"
    (match,) = fitted.match_vectors(world.encode([world.text(None).text]))
    assert match.intent in ("lost", "balance")
    assert match.band == "uncalibrated"
    assert match.certificate is None


def test_the_same_examples_make_the_same_matcher() -> None:
    world = World(21)
    examples = world.texts(20, 70)
    one, other = (world.fit(examples, IntentSettings(precision=0.7)) for _ in range(2))
    assert one.threshold == other.threshold
    assert one.evidence == other.evidence
    assert [c.threshold for c in one.certificates] == [c.threshold for c in other.certificates]


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        ([], "no examples of any intent"),
        ([(None, "only out of scope")], "no examples of any intent"),
        ([("a", "  ")], "example 0: the text is empty"),
        ([("a", 3)], "the text is empty"),
        ([("a", "b", "c")], "example 0 is not an intent and a text"),
        ([7], "example 0 is not an intent and a text"),
        ([("", "text")], "the intent has no name"),
    ],
)
def test_what_is_no_set_of_examples_is_refused(examples: Any, words: str) -> None:
    with pytest.raises(IntentsError, match=words):
        fit_intents(World().encode, KEY, as_examples(examples))


def test_labels_of_intents_that_nobody_knows_are_refused() -> None:
    world = World(22)
    with pytest.raises(IntentsError, match="line 3: the intent 'other' has no examples"):
        split(world.texts(2), [IntentExample("x", "other", "line 3")], IntentSettings(precision=0.9))
    fitted = world.fit(world.texts(2))
    text = world.text("lost")
    matches = fitted.match_vectors(world.encode([text.text]))
    with pytest.raises(IntentsError, match="line 9: the matcher has no intent 'other'"):
        evaluate_matches([IntentExample("x", "other", "line 9")], matches, fitted.intents, ())
    with pytest.raises(IntentsError, match="no labelled texts"):
        evaluate_matches([], [], fitted.intents, ())


@pytest.mark.parametrize(
    "changes",
    [
        {"alpha": 0.0},
        {"delta": 1.0},
        {"precision": 1.5},
        {"threshold": 2.0},
        {"neighbours": 0},
        {"method": "x"},
    ],
)
def test_settings_that_mean_nothing_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(IntentsError):
        IntentSettings(**changes)  # type: ignore[arg-type]


def test_a_report_counts_every_text_once() -> None:
    world = World(23, spread=0.9)
    fitted = world.fit(world.texts(20, 80))
    labelled = world.texts(30, 40)
    matches = fitted.match_vectors(world.encode([one.text for one in labelled]), 1)
    report = evaluate_matches(labelled, matches, fitted.intents, fitted.bank.texts)
    assert report.best.of == report.right.of == report.covered.of == 90
    assert report.refused.of == 40
    assert sum(one.texts for one in report.intents) == 90
    assert sum(one.right for one in report.intents) == report.right.count == report.precise.count
    assert sum(one.given for one in report.intents) == report.precise.of
    wrong = sum(one.texts for one in report.confusions)
    assert wrong == 130 - report.right.count - report.refused.count
    assert [one.texts for one in report.confusions] == sorted(
        (c.texts for c in report.confusions), reverse=True
    )
    assert report.repeated == 0
    again = evaluate_matches(labelled[:1], matches[:1], fitted.intents, [labelled[0].text])
    assert again.repeated == 1
    assert again.area is None
