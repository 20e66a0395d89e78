"""What a score is, and what it does not depend on."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from intent_samples import INTENTS, World

from samesay.decision.intents.bank import bank_of, relative_to
from samesay.decision.intents.examples import IntentExample
from samesay.decision.intents.scoring import TEMPERATURE, score_intents, score_left_out
from samesay.decision.intents.settings import Method
from samesay.errors import IntentsError

METHODS = get_args(Method)


@pytest.mark.parametrize("method", METHODS)
def test_a_score_does_not_depend_on_the_texts_beside_it(method: Method) -> None:
    world = World()
    examples = world.texts(40)
    bank = bank_of(examples, world.encode([one.text for one in examples]))
    queries = world.encode([one.text for one in world.texts(9, 6)])
    together = score_intents(bank, queries, method, 10)
    alone = np.concatenate([score_intents(bank, row[None], method, 10) for row in queries])
    shuffled = score_intents(bank, queries[::-1].copy(), method, 10)[::-1]
    assert together.tobytes() == alone.tobytes()
    assert together.tobytes() == shuffled.tobytes()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("neighbours", [1, 3, 100])
def test_scores_are_those_of_the_definition(method: Method, neighbours: int) -> None:
    world = World(1)
    examples = world.texts(7)
    bank = bank_of(examples, world.encode([one.text for one in examples]))
    queries = world.encode([one.text for one in world.texts(3, 2)])
    found = score_intents(bank, queries, method, neighbours)
    cosines = relative_to(bank.mean, queries).astype(np.float64) @ bank.centred.astype(np.float64).T
    for row in range(len(queries)):
        for place in range(len(bank.intents)):
            own = np.sort(cosines[row, bank.labels == place])[::-1][:neighbours]
            near = 1 + TEMPERATURE * np.log(np.exp((own - 1) / TEMPERATURE).sum() / neighbours)
            mean = bank.centred[bank.labels == place].astype(np.float64).sum(0)
            centre = relative_to(bank.mean, queries[row : row + 1])[0] @ (mean / np.linalg.norm(mean))
            wanted = {"examples": max(near, -1), "centroids": centre, "both": (max(near, -1) + centre) / 2}
            assert found[row, place] == pytest.approx(wanted[method], abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_an_example_left_out_scores_as_if_it_had_never_been_there(method: Method) -> None:
    world = World(2)
    examples = world.texts(6)
    vectors = world.encode([one.text for one in examples])
    bank = bank_of(examples, vectors)
    left_out = score_left_out(bank, np.arange(len(bank)), method, 10)
    order = [next(p for p, one in enumerate(examples) if one.text == text) for text in bank.texts]
    for place in (0, 7, 17):
        kept = [other for other in range(len(bank)) if other != place]
        rest = bank_of([examples[order[k]] for k in kept], vectors[[order[k] for k in kept]])
        alone = score_intents(rest, vectors[order[place]][None], method, 10)[0]
        # The mean of the others is another by one part in so many.
        assert left_out[place] == pytest.approx(alone, abs=0.03)
        with_itself = score_intents(bank, vectors[order[place]][None], method, 10)[0]
        own = bank.labels[place]
        assert with_itself[own] > left_out[place][own] + 0.01


def test_the_only_example_of_an_intent_scores_nothing_without_itself() -> None:
    world = World(3)
    examples = [*world.texts(4), IntentExample(world.text(None).text, "alone")]
    bank = bank_of(examples, world.encode([one.text for one in examples]))
    place = bank.texts.index(examples[-1].text)
    scores = score_left_out(bank, np.array([place]), "both", 10)[0]
    assert scores[bank.intents.index("alone")] == -1


def test_a_direction_that_all_vectors_share_changes_little() -> None:
    near, far = World(4), World(4)
    far._shared = far._shared * 3  # cosines of any two texts are nearly 1 then
    for world in (near, far):
        examples = world.texts(30)
        bank = bank_of(examples, world.encode([one.text for one in examples]))
        queries = world.texts(20)
        scores = score_intents(bank, world.encode([one.text for one in queries]), "both", 10)
        right = [
            bank.intents[place] == one.intent for place, one in zip(scores.argmax(1), queries, strict=True)
        ]
        assert sum(right) >= 57
        assert np.ptp(scores) > 0.5


def test_one_example_of_one_intent_is_enough_to_score() -> None:
    world = World(5)
    example = world.text("lost")
    bank = bank_of([example], world.encode([example.text]))
    scores = score_intents(bank, world.encode([example.text, world.text(None).text]), "both", 1)
    assert scores[0, 0] == pytest.approx(1, abs=1e-5)
    assert scores[1, 0] < scores[0, 0]


def test_no_examples_are_refused() -> None:
    with pytest.raises(IntentsError, match="no examples of any intent"):
        bank_of([], np.empty((0, 4), np.float32))


def test_examples_lie_in_the_order_of_their_intents() -> None:
    world = World(6)
    examples = world.texts(3)
    bank = bank_of(examples, world.encode([one.text for one in examples]))
    assert bank.intents == INTENTS
    assert bank.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert np.array_equal(bank.vectors, world.encode(bank.texts))
    assert bank.sizes.tolist() == [3, 3, 3]
