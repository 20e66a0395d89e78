"""What stands in one text but not in the other, paired with what stands there in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Thing = TypeVar("Thing")


def paired(
    left: Sequence[Thing], right: Sequence[Thing], closeness: Callable[[Thing, Thing], int | None]
) -> Iterator[tuple[Thing, Thing]]:
    """Give pairs of a left and a right one, each in one pair at most, the closest first.

    Of equally close pairs those count first whose places in their texts are nearer to each other, then those
    nearer to the beginning.

    Args:
        left: Those of one text, in their order.
        right: Those of the other, in their order.
        closeness: How close two are; None where they cannot be a pair.
    """
    pairs = sorted(
        (-close, abs(place - other_place), place + other_place, place, other_place)
        for place, one in enumerate(left)
        for other_place, other in enumerate(right)
        if (close := closeness(one, other)) is not None
    )
    used: set[int] = set()
    used_others: set[int] = set()
    for *_, place, other_place in pairs:
        if place not in used and other_place not in used_others:
            used.add(place)
            used_others.add(other_place)
            yield left[place], right[other_place]
