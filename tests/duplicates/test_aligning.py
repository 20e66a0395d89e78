from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import samesay
from samesay.duplicates.aligning import align_vectors
from samesay.errors import DuplicatesError
from samesay.model import EmbeddingModel, load


@pytest.fixture(scope="module")
def model(fixtures: Path) -> EmbeddingModel:
    return load(fixtures / "qwen3-gqa2", precision="fp32", threads=1)


def rows(count: int, seed: int, width: int = 24) -> NDArray[np.float32]:
    found = np.random.default_rng(seed).normal(size=(count, width)) + 0.7
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def textbook(left: NDArray[np.float32], right: NDArray[np.float32], k: int) -> list[tuple[int, int, float]]:
    """The paper's margin over the whole table, pairs that are best for each other among k nearest."""
    scores = np.einsum("id,jd->ij", left, right, dtype=np.float64)
    around_left = np.sort(scores, axis=1)[:, -k:].sum(axis=1) / (2 * min(k, scores.shape[1]))
    around_right = np.sort(scores, axis=0)[-k:].sum(axis=0) / (2 * min(k, scores.shape[0]))
    margins = scores / (around_left[:, None] + around_right)
    near = np.zeros(scores.shape, bool)
    near[np.arange(len(left))[:, None], np.argsort(-scores, axis=1)[:, :k]] = True
    near[np.argsort(-scores, axis=0)[:k], np.arange(len(right))] = True
    margins[~near] = -np.inf
    forth, back = margins.argmax(axis=1), margins.argmax(axis=0)
    return [
        (row, int(forth[row]), float(margins[row, forth[row]]))
        for row in range(len(left))
        if back[forth[row]] == row
    ]


@pytest.mark.parametrize(("lefts", "rights", "k"), [(40, 40, 4), (30, 50, 1), (5, 3, 4), (1, 1, 4)])
def test_pairs_and_margins_are_those_of_the_paper(lefts: int, rights: int, k: int) -> None:
    left, right = rows(lefts, 1), rows(rights, 2)
    found = align_vectors(left, right, neighbours=k)
    wanted = textbook(left, right, k)
    assert [(one.left, one.right) for one in found.pairs] == [(a, b) for a, b, _ in wanted]
    assert [one.margin for one in found.pairs] == pytest.approx([margin for *_, margin in wanted], abs=1e-5)


def test_texts_near_to_everything_take_fewer_counterparts_of_others_than_by_cosine() -> None:
    by_cosine = by_margin = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        own = generator.normal(size=(30, 16))
        # On the right some lie near the middle, and so near to everything: hubs.
        pull = generator.uniform(0.2, 1, (30, 1))
        left = 1 + own + generator.normal(size=(30, 16)) * 0.5
        right = 1 + own * pull + generator.normal(size=(30, 16)) * 0.5
        left, right = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (left, right))
        scores = left @ right.T
        forth, back = scores.argmax(axis=1), scores.argmax(axis=0)
        by_cosine += sum(int(forth[row]) == int(back[row]) == row for row in range(30))
        by_margin += sum(one.left == one.right for one in align_vectors(left, right).pairs)
    assert by_margin > by_cosine


def test_thresholds_leave_out_pairs_and_add_none() -> None:
    left, right = rows(40, 1), rows(40, 2)
    everything = align_vectors(left, right).pairs
    middle = sorted(one.margin for one in everything)[len(everything) // 2]
    assert align_vectors(left, right, margin=middle).pairs == tuple(
        one for one in everything if one.margin >= middle
    )
    score = sorted(one.score for one in everything)[3]
    found = align_vectors(left, right, threshold=score)
    assert found.pairs == tuple(one for one in everything if one.score >= score)
    assert not found.certified


def test_a_text_that_stands_several_times_is_aligned_once_with_all_its_rows(model: EmbeddingModel) -> None:
    found = samesay.align(model, ["a cat", "the river", "a cat"], ["the river", "a cat"])
    assert [(one.left_rows, one.right_rows) for one in found.pairs] == [((0, 2), (1,)), ((1,), (0,))]
    for one in found.pairs:
        assert one.score == pytest.approx(1, abs=1e-5)
        assert one.margin > 1
    assert (found.lefts, found.rights) == (3, 2)


def test_what_cannot_be_aligned_is_refused(model: EmbeddingModel) -> None:
    with pytest.raises(DuplicatesError, match="0 left texts and 1 right"):
        samesay.align(model, [], ["a"])
    with pytest.raises(DuplicatesError, match="neighbours is 0"):
        samesay.align(model, ["a"], ["a"], neighbours=0)
    for margin in (0.0, float("nan")):
        with pytest.raises(DuplicatesError, match="the margin is"):
            samesay.align(model, ["a"], ["a"], margin=margin)
    with pytest.raises(DuplicatesError, match="24 numbers a row and right 16"):
        align_vectors(rows(2, 0), rows(2, 0, 16))
    broken = rows(4, 0)
    broken[2] = np.nan
    with pytest.raises(DuplicatesError, match="row 2 of right"):
        align_vectors(rows(4, 1), broken)


def test_unlike_texts_with_no_neighbour_above_zero_are_not_paired() -> None:
    left = np.array([[1.0, 0.0]], np.float32)
    assert align_vectors(left, -left, margin=0.5).pairs == ()
