"""From pairs to groups: what it takes to belong together."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from samesay.duplicates.joining import Pairs

Linkage = Literal["star", "complete", "chain"]
LINKAGES: tuple[Linkage, ...] = ("star", "complete", "chain")

Group = list[int]

# Rows in double precision at a time.
_CHUNK = 4096


def linked(pairs: Pairs, count: int, linkage: Linkage) -> list[tuple[Group, Group]]:
    """Give groups of at least two rows, and for each the rows that may stand for it.

    ``star``: all members are at or above the threshold with the row that stands for the group. The row with
    the most neighbours that are not in a group yet takes these, again and again; of equal ones the first.
    ``complete``: every member is so with every other (complete linkage, cut at the threshold).
    ``chain``: what is connected through any number of others (single linkage): its ends may be unlike.

    Args:
        pairs: The pairs at or above the threshold.
        count: Rows that there are.
        linkage: What it takes to belong together.
    """
    if linkage == "chain":
        return [(group, group) for group in _chains(pairs, count)]
    if linkage == "complete":
        return [(group, group) for group in _complete(pairs, count)]
    return _stars(pairs, count)


def _stars(pairs: Pairs, count: int) -> list[tuple[Group, Group]]:
    neighbours = _neighbours(pairs, count)
    degrees = [len(row) for row in neighbours]
    free = [True] * count
    queue = [(-degree, row) for row, degree in enumerate(degrees) if degree]
    heapq.heapify(queue)
    found = []
    while queue:
        degree, centre = heapq.heappop(queue)
        if not free[centre] or not degrees[centre]:
            continue
        if degrees[centre] != -degree:  # neighbours of it were taken since
            heapq.heappush(queue, (-degrees[centre], centre))
            continue
        group = [centre, *(row for row in neighbours[centre] if free[row])]
        for row in group:
            free[row] = False
        for row in group:
            for other in neighbours[row]:
                degrees[other] -= 1
        group.sort()
        members = set(group)
        standing = [
            row for row in group if sum(other in members for other in neighbours[row]) == len(group) - 1
        ]
        found.append((group, standing))
    return found


def _neighbours(pairs: Pairs, count: int) -> list[Sequence[int]]:
    both = np.concatenate([pairs.left, pairs.right]), np.concatenate([pairs.right, pairs.left])
    order = np.lexsort((both[1], both[0]))
    ends = np.cumsum(np.bincount(both[0], minlength=count))
    others: list[int] = both[1][order].tolist()
    begins = [0, *ends.tolist()]
    return [others[begins[row] : begins[row + 1]] for row in range(count)]


def _complete(pairs: Pairs, count: int) -> list[Group]:
    """Merge where all pairs across are there; falling scores make that complete linkage."""
    order = np.lexsort((pairs.right, pairs.left, -pairs.scores))
    of: list[int] = list(range(count))
    members: dict[int, Group] = {}
    across: dict[int, dict[int, int]] = {}
    for left, right in zip(pairs.left[order].tolist(), pairs.right[order].tolist(), strict=True):
        a, b = of[left], of[right]
        for one in (a, b):
            members.setdefault(one, [one])
            across.setdefault(one, {})
        known = across[a].get(b, 0) + 1
        across[a][b] = across[b][a] = known
        if known == len(members[a]) * len(members[b]):
            _merge(a, b, of, members, across)
    return [sorted(group) for group in members.values() if len(group) > 1]


def _merge(
    a: int, b: int, of: list[int], members: dict[int, Group], across: dict[int, dict[int, int]]
) -> None:
    if len(across[a]) + len(members[a]) < len(across[b]) + len(members[b]):
        a, b = b, a
    for row in members[b]:
        of[row] = a
    members[a] += members.pop(b)
    del across[a][b]
    for other, known in across.pop(b).items():
        if other != a:
            del across[other][b]
            across[a][other] = across[other][a] = across[a].get(other, 0) + known


def _chains(pairs: Pairs, count: int) -> list[Group]:
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for left, right in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        a, b = root(left), root(right)
        if a != b:
            parent[max(a, b)] = min(a, b)
    groups: dict[int, Group] = {}
    for row in np.unique(np.concatenate([pairs.left, pairs.right])).tolist():
        groups.setdefault(root(row), []).append(row)
    return list(groups.values())


def medoid(vectors: NDArray[np.float32], group: Group, standing: Group, copies: NDArray[np.int64]) -> int:
    """Give the row that is nearest to the whole group on average, copies counted; of equal ones the first.

    Args:
        vectors: All rows.
        group: The group's rows.
        standing: Those of them that may stand for it.
        copies: How often each row's text is there.
    """
    if len(standing) == 1:
        return standing[0]
    weights = copies[group].astype(np.float64)
    whole = np.zeros(vectors.shape[1])
    for begin in range(0, len(group), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        whole += weights[part] @ vectors[group[part]].astype(np.float64)
    means = np.empty(len(standing))
    for begin in range(0, len(standing), _CHUNK):
        chosen = standing[begin : begin + _CHUNK]
        rows = vectors[chosen].astype(np.float64)
        own = copies[chosen] * (1 - np.einsum("nd,nd->n", rows, rows))  # a text is at 1 with itself
        means[begin : begin + len(chosen)] = (rows @ whole + own) / weights.sum()
    # Below this a difference is rounding, and would decide between equals.
    return standing[int(np.round(means, 6).argmax())]
