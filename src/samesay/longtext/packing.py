"""Units to groups of about one size, cut where the document itself is parted most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from samesay.longtext.blocks import APART, BLOCK
from samesay.longtext.fitting import Unit

Group = tuple[int, int]

# Sections with less than this share of the target are joined with their neighbours; larger ones stand alone.
_SMALL_SECTION = 1 / 4
# What is left over with less than this share is joined even where that exceeds the target.
_LEFT_OVER = 1 / 6


class Packing:
    """Packs units into groups.

    What fits the target as a whole is one group. What does not is cut at its strongest gaps; then neighbours
    are joined again up to the target: blocks under one heading freely, sections only where they are small.

    Args:
        units: The units in order.
        target: The size that groups should have, in tokens of the embedded text.
        limit: The size that they may have.
    """

    def __init__(self, units: Sequence[Unit], target: int, limit: int) -> None:
        self._gaps = [unit.gap for unit in units]
        self._before = [unit.before for unit in units]
        self._sums = [0, *accumulate(unit.tokens for unit in units)]
        self._target = target
        self._limit = limit

    def groups(self) -> list[Group]:
        """Give the groups, as begin and end among the units."""
        return self._pack(0, len(self._gaps)) if self._gaps else []

    def _size(self, begin: int, end: int) -> int:
        return self._before[begin] + self._sums[end] - self._sums[begin]

    def _pack(self, begin: int, end: int) -> list[Group]:
        # Every call has weaker gaps than its caller, of which there are some dozens.
        if end - begin == 1:
            return [(begin, end)]
        strongest = max(self._gaps[begin + 1 : end])
        if strongest < APART and self._size(begin, end) <= self._target:
            return [(begin, end)]
        groups: list[Group] = []
        for first, last in self._parts(begin, end, strongest):
            groups.extend(self._pack(first, last))
        if strongest >= APART:
            return groups
        if strongest > BLOCK:
            return self._join_small(groups, int(self._target * _SMALL_SECTION), self._target)
        groups = self._join_evenly(groups)
        return self._join_small(groups, int(self._target * _LEFT_OVER), self._limit)

    def _parts(self, begin: int, end: int, gap: int) -> Iterator[Group]:
        first = begin
        for index in range(begin + 1, end):
            if self._gaps[index] == gap:
                yield first, index
                first = index
        yield first, end

    def _join_evenly(self, groups: list[Group]) -> list[Group]:
        """Join neighbours to groups of nearly one size, none above the target that was not before."""
        total = self._sums[groups[-1][1]] - self._sums[groups[0][0]]
        room = max(self._target - self._before[groups[0][0]], 1)
        even = total / max(-(-total // room), 1)
        joined = [groups[0]]
        for begin, end in groups[1:]:
            first = joined[-1][0]
            size = self._sums[begin] - self._sums[first]
            added = self._sums[end] - self._sums[begin]
            if self._size(first, end) <= self._target and size + added / 2 <= even:
                joined[-1] = (first, end)
            else:
                joined.append((begin, end))
        return joined

    def _join_small(self, groups: list[Group], small: int, most: int) -> list[Group]:
        """Join each small group with the neighbour that is less apart from it, where both together fit."""
        joined: list[Group] = []
        waiting: Group | None = None  # a small group that the next one takes in
        for index, group in enumerate(groups):
            if waiting:
                group = (waiting[0], group[1])
                waiting = None
            begin, end = group
            if self._sums[end] - self._sums[begin] < small:
                before = self._gaps[begin] if joined else APART
                following = groups[index + 1] if index + 1 < len(groups) else None
                after = self._gaps[end] if following else APART
                if following and after <= before and self._size(begin, following[1]) <= most:
                    waiting = group
                    continue
                if joined and self._size(joined[-1][0], end) <= most:
                    joined[-1] = (joined[-1][0], end)
                    continue
                if following and self._size(begin, following[1]) <= most:
                    waiting = group
                    continue
            joined.append(group)
        return joined
