from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from samesay.duplicates.finding import group_vectors
from samesay.duplicates.joining import Pairs, pairs_above
from samesay.duplicates.linking import Linkage, linked, medoid
from samesay.errors import DuplicatesError


def pairs_of(scores: Mapping[tuple[int, int], float]) -> Pairs:
    rows = sorted(scores)
    left, right = np.array(rows, np.int32).T
    return Pairs(left, right, np.array([scores[one] for one in rows], np.float32))


def groups_of(scores: Mapping[tuple[int, int], float], count: int, linkage: Linkage) -> list[list[int]]:
    return sorted(group for group, _ in linked(pairs_of(scores), count, linkage))


def drawn(seed: int, count: int = 60, width: int = 6) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, width)) + 1
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


CHAIN = {(0, 1): 0.9, (1, 2): 0.91, (2, 3): 0.92, (3, 4): 0.9}


def test_a_chain_is_one_group_only_where_that_was_asked_for() -> None:
    assert groups_of(CHAIN, 5, "chain") == [[0, 1, 2, 3, 4]]
    assert groups_of(CHAIN, 5, "star") == [[0, 1, 2], [3, 4]]
    assert groups_of(CHAIN, 5, "complete") == [[0, 1], [2, 3]]


def test_rows_that_all_pair_are_one_group_whatever_the_linkage() -> None:
    scores = dict.fromkeys(itertools.combinations((1, 3, 4, 6), 2), 0.95)
    for linkage in ("star", "complete", "chain"):
        assert linked(pairs_of(scores), 8, linkage) == [([1, 3, 4, 6], [1, 3, 4, 6])]


def test_without_pairs_there_are_no_groups() -> None:
    nothing = pairs_above(drawn(0), 1.0)
    assert [linked(nothing, 60, linkage) for linkage in ("star", "complete", "chain")] == [[], [], []]


@pytest.mark.parametrize("seed", range(6))
def test_every_member_is_linked_as_the_linkage_says_and_in_one_group_only(seed: int) -> None:
    vectors = drawn(seed)
    pairs = pairs_above(vectors, 0.9)
    known = set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    near = known | {(b, a) for a, b in known}
    for linkage in ("star", "complete", "chain"):
        found = linked(pairs, len(vectors), linkage)
        rows = [row for group, _ in found for row in group]
        assert len(rows) == len(set(rows))
        for group, standing in found:
            assert standing
            for row in standing if linkage == "star" else group if linkage == "complete" else []:
                assert all((row, other) in near for other in group if other != row)
        if linkage != "complete":  # nothing that has a neighbour is left over, but by a star that took it
            alone = set(range(len(vectors))) - set(rows)
            assert not any((a, b) in near for a in alone for b in alone)


@pytest.mark.parametrize("seed", range(4))
def test_complete_is_the_complete_linkage_of_a_textbook(seed: int) -> None:
    vectors = drawn(seed, 25)
    pairs = pairs_above(vectors, 0.85)
    table = np.full((25, 25), -np.inf)
    for left, right, score in zip(pairs.left, pairs.right, pairs.scores, strict=True):
        table[left, right] = table[right, left] = score
    clusters = [[row] for row in range(25)]
    while True:
        best = max(
            ((min(table[a, b] for a in one for b in other), one, other))
            for one, other in itertools.combinations(clusters, 2)
        )
        if best[0] == -np.inf:
            break
        clusters = [one for one in clusters if one is not best[1] and one is not best[2]]
        clusters.append(sorted(best[1] + best[2]))
    wanted = sorted(one for one in clusters if len(one) > 1)
    assert sorted(group for group, _ in linked(pairs, 25, "complete")) == wanted


def test_the_medoid_is_nearest_to_all_on_average_and_copies_count() -> None:
    angles = np.array([0.0, 0.1, 0.12, 0.3])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    group = [0, 1, 2, 3]
    means = (vectors @ vectors.T).mean(axis=1)
    assert medoid(vectors, group, group, np.ones(4, np.int64)) == int(means.argmax()) == 2
    assert medoid(vectors, group, group, np.array([9, 1, 1, 1])) == 0
    assert medoid(vectors, group, [0, 3], np.ones(4, np.int64)) == 0
    assert medoid(vectors, [1, 3], [1, 3], np.ones(4, np.int64)) == 1  # of two, the first


@pytest.mark.parametrize("seed", range(3))
def test_the_representative_of_a_star_is_at_the_threshold_with_every_member(seed: int) -> None:
    vectors = drawn(seed)
    found = group_vectors(vectors, 0.9)
    assert found.groups
    for group in found.groups:
        assert group.members[0].row == group.representative
        assert min(one.score for one in group.members) >= np.float32(0.9)
    assert [len(group) for group in found.groups] == sorted(map(len, found.groups), reverse=True)
    members = sum(map(len, found.groups))
    assert len(found.kept()) == len(vectors) - members + len(found.groups)


def test_vectors_and_settings_that_cannot_be_are_refused() -> None:
    vectors = drawn(0)
    with pytest.raises(DuplicatesError, match="linkage is 'single'"):
        group_vectors(vectors, 0.9, linkage="single")  # type: ignore[arg-type]
    for threshold in (1.5, float("nan")):
        with pytest.raises(DuplicatesError, match="from -1 to 1"):
            group_vectors(vectors, threshold)
    vectors[7] = np.nan
    with pytest.raises(DuplicatesError, match="row 7 of vectors"):
        group_vectors(vectors, 0.9)
    assert group_vectors(np.empty((0, 4), np.float32), 0.9).groups == ()
