"""The blocked join and the neighbours are those of comparing every pair alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from samesay.duplicates.joining import pairs_above
from samesay.duplicates.neighbours import nearest_both_ways
from samesay.duplicates.scoring import checked_vectors, scores_of_pairs
from samesay.errors import DuplicatesError


def clustered(count: int, width: int, seed: int = 0, spread: float = 0.05) -> NDArray[np.float32]:
    """Rows of length 1 around a third as many centres, some of them equal."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(max(1, count // 3), width))
    rows = centres[generator.integers(0, len(centres), count)]
    rows = rows + generator.normal(size=rows.shape) * spread * generator.integers(0, 3, (count, 1))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def alone(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every pair scored in a call of its own."""
    scores = np.empty((len(left), len(right)), np.float32)
    for row in range(len(left)):
        for other in range(len(right)):
            pair = np.array([row], np.int32), np.array([other], np.int32)
            scores[row, other] = scores_of_pairs(left, right, *pair)[0]
    return scores


@pytest.mark.parametrize(("count", "width"), [(60, 33), (97, 384), (1, 8), (2, 1024)])
@pytest.mark.parametrize("block", [1, 7, 64, 2048])
def test_the_join_is_brute_force_whatever_the_block(count: int, width: int, block: int) -> None:
    vectors = clustered(count, width)
    scores = alone(vectors, vectors)
    above = [scores[row, other] for row in range(count) for other in range(row + 1, count)]
    for threshold in [0.9, *(float(one) for one in sorted(above)[-20:])]:
        found = pairs_above(vectors, threshold, block=block)
        rows, others = np.nonzero(np.triu(scores >= np.float32(threshold), 1))
        assert found.left.tolist() == rows.tolist()
        assert found.right.tolist() == others.tolist()
        assert found.scores.tobytes() == scores[rows, others].tobytes()


def test_a_score_equal_to_the_threshold_counts_and_the_next_number_below_does_not() -> None:
    vectors = clustered(40, 384)
    scores = pairs_above(vectors, 0.5).scores
    for score in np.unique(scores)[:20]:
        with_it = len(pairs_above(vectors, float(score)))
        assert with_it == int((scores >= score).sum())
        assert len(pairs_above(vectors, float(np.nextafter(score, np.float32(2))))) < with_it


def test_too_many_pairs_are_refused_with_their_number_before_they_are_kept() -> None:
    vectors = clustered(300, 16)
    with pytest.raises(DuplicatesError, match=r"after 100.0% of the comparisons.*1000 are allowed.*raise it"):
        pairs_above(vectors, -1.0, most_pairs=1000)
    assert len(pairs_above(vectors, -1.0, most_pairs=300 * 299 // 2)) == 300 * 299 // 2
    with pytest.raises(DuplicatesError, match="44850 pairs score"):
        pairs_above(vectors, -1.0, most_pairs=300 * 299 // 2 - 1)


def test_progress_ends_with_every_comparison_and_may_stop_the_work() -> None:
    told: list[tuple[int, int]] = []
    pairs_above(clustered(50, 8), 0.9, block=16, progress=lambda *now: told.append(now))
    assert told[-1] == (50 * 49 // 2, 50 * 49 // 2)
    assert [done for done, _ in told] == sorted({done for done, _ in told})

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pairs_above(clustered(50, 8), 0.9, block=16, progress=stop)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 2.0])
def test_rows_that_give_no_cosines_are_refused_with_their_number(wrong: float) -> None:
    vectors = clustered(20, 8)
    vectors[13, 2] = wrong
    with pytest.raises(DuplicatesError, match="row 13 of vectors is not finite or not of length 1"):
        checked_vectors(vectors)
    with pytest.raises(DuplicatesError, match=r"shape \(8,\)"):
        checked_vectors(vectors[0])


@pytest.mark.parametrize("block", [1, 9, 2048])
@pytest.mark.parametrize(("lefts", "rights", "count"), [(50, 70, 4), (70, 3, 4), (1, 1, 2), (64, 64, 1)])
def test_neighbours_are_brute_force_whatever_the_block(
    lefts: int, rights: int, count: int, block: int
) -> None:
    left, right = clustered(lefts, 96, 1), clustered(rights, 96, 2)
    right[: min(lefts, rights) // 2] = left[: min(lefts, rights) // 2]
    right[-1] = right[0]
    scores = alone(left, right)
    for found, wanted in zip(
        nearest_both_ways(left, right, count, block=block), (scores, scores.T), strict=True
    ):
        order = np.argsort(-wanted, axis=1, kind="stable")[:, :count]
        assert found.rows.tolist() == order.tolist()
        assert found.scores.tolist() == np.take_along_axis(wanted, order, 1).tolist()


def test_neighbours_among_many_equal_rows_are_the_first_ones() -> None:
    row = clustered(1, 40)
    left, right = np.repeat(row, 3, axis=0), np.repeat(row, 100, axis=0)
    found, back = nearest_both_ways(left, right, 4, block=16)
    assert found.rows.tolist() == [[0, 1, 2, 3]] * 3
    assert back.rows.tolist() == [[0, 1, 2]] * 100
