"""Texts and a model in, groups and pairs out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import samesay
from samesay.decision.calibration import Calibration
from samesay.decision.key import key_of
from samesay.decision.labels import label_scores
from samesay.duplicates.finding import group_vectors
from samesay.errors import CalibrationKeyError, DuplicatesError, OverlengthError
from samesay.model import EmbeddingModel, load

TEXTS = ["a cat", "pay the bill", "a cat", "a cat.", "the river is wide", "pay the bill now", "a cat"]


@pytest.fixture(scope="module")
def model(fixtures: Path) -> EmbeddingModel:
    return load(fixtures / "qwen3-gqa2", precision="fp32", threads=1)


@pytest.fixture(scope="module")
def calibration(model: EmbeddingModel) -> Calibration:
    generator = np.random.default_rng(0)
    scores = np.concatenate([generator.normal(0.9, 0.05, 200), generator.normal(0.5, 0.1, 200)])
    labels = [True] * 200 + [False] * 200
    return Calibration.fit_scores(label_scores(np.clip(scores, -1, 1), labels), key_of(model))


def test_scores_are_those_of_similarity_to_the_bit(model: EmbeddingModel) -> None:
    found = samesay.find_duplicates(model, TEXTS, threshold=-1.0, linkage="chain")
    (group,) = found.groups
    for one in group.members:
        (score,) = model.similarity(TEXTS[group.representative], TEXTS[one.row])
        assert np.float32(one.score) == (1 if one.exact else score)


def test_equal_texts_are_one_and_every_row_is_told(model: EmbeddingModel) -> None:
    found = samesay.find_duplicates(model, TEXTS, threshold=1.0)
    (group,) = found.groups
    assert [(one.row, one.score, one.exact, one.representative) for one in group.members] == [
        (0, 1.0, True, True),
        (2, 1.0, True, False),
        (6, 1.0, True, False),
    ]
    assert (found.texts, found.distinct, found.pairs) == (7, 5, 0)
    assert found.kept() == [0, 1, 3, 4, 5]


def test_the_order_of_texts_changes_no_score_and_no_group(model: EmbeddingModel) -> None:
    generator = np.random.default_rng(3)
    words = ["cat", "dog", "pays", "the", "bill", "river", "now"]
    texts = [" ".join(generator.choice(words, 4)) for _ in range(60)]
    order = generator.permutation(len(texts)).tolist()

    def pairs_of(given: list[str]) -> set[frozenset[str]]:
        vectors = model.encode(sorted(set(given)))
        assert len(vectors)
        found = samesay.find_duplicates(model, given, threshold=0.97, linkage="chain")
        return {frozenset(given[one.row] for one in group.members) for group in found.groups}

    assert pairs_of(texts) == pairs_of([texts[place] for place in order])


def test_the_certified_threshold_is_the_high_band_and_its_promises_come_along(
    model: EmbeddingModel, calibration: Calibration
) -> None:
    found = samesay.find_duplicates(model, TEXTS, calibration=calibration)
    assert found.threshold == calibration.bands.high
    assert found.certified
    assert found.certificates == calibration.certificates_at(found.threshold)
    assert found.key == calibration.key


def test_a_threshold_of_ones_own_is_certified_only_where_a_promise_covers_it(
    model: EmbeddingModel, calibration: Calibration
) -> None:
    assert calibration.bands.high is not None
    above = samesay.find_duplicates(model, TEXTS, calibration=calibration, threshold=0.99)
    below = samesay.find_duplicates(model, TEXTS, calibration=calibration, threshold=0.1)
    assert (above.certified, below.certified) == (True, False)
    assert not samesay.find_duplicates(model, TEXTS, threshold=0.99).certified


def test_what_cannot_be_is_refused(model: EmbeddingModel, calibration: Calibration) -> None:
    with pytest.raises(DuplicatesError, match=r"no calibration is for scores of qwen3-gqa2.*--threshold"):
        samesay.find_duplicates(model, TEXTS)
    with pytest.raises(CalibrationKeyError, match="mode"):
        samesay.find_duplicates(model, TEXTS, calibration=calibration, mode="plain")
    with pytest.raises(DuplicatesError, match="'symmetric' or 'plain'"):
        samesay.find_duplicates(model, TEXTS, threshold=0.9, mode="query-document")  # type: ignore[arg-type]
    with pytest.raises(DuplicatesError, match="from -1 to 1"):
        samesay.find_duplicates(model, TEXTS, threshold=float("nan"))
    with pytest.raises(DuplicatesError, match=r"(9|10) pairs score"):
        samesay.find_duplicates(model, TEXTS, threshold=-1.0, most_pairs=8)
    with pytest.raises(OverlengthError, match="text 3 has"):
        samesay.find_duplicates(model, ["a", "a", "b", "word " * 3000], threshold=0.9)
    without_high = calibration.with_bands(None, 0.5)
    with pytest.raises(DuplicatesError, match="has no high band"):
        samesay.find_duplicates(model, TEXTS, calibration=without_high)


@pytest.mark.parametrize("count", [0, 1])
def test_no_text_or_one_has_no_duplicates(model: EmbeddingModel, count: int) -> None:
    found = samesay.find_duplicates(model, TEXTS[:count], threshold=0.9)
    assert (found.groups, found.texts) == ((), count)
    assert found.kept() == list(range(count))


def test_vectors_of_a_model_give_the_groups_of_its_texts(model: EmbeddingModel) -> None:
    texts = list(dict.fromkeys(TEXTS))
    before = model.prompts.pair_prefixes("symmetric")[0]
    by_vectors = group_vectors(model.encode([before + text for text in texts]), 0.8)
    assert by_vectors.groups == samesay.find_duplicates(model, texts, threshold=0.8).groups
