"""The pairs between two lists of texts that say the same, such as a text and its translation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samesay.decision.certificate import Certificate
from samesay.decision.key import Key, key_of
from samesay.duplicates.acceptance import acceptance
from samesay.duplicates.finding import LikeMode, check_like_mode, distinct_texts, vectors_of
from samesay.duplicates.margins import NEIGHBOURS, candidates, mutual
from samesay.duplicates.neighbours import nearest_both_ways
from samesay.duplicates.scoring import Progress, checked_vectors
from samesay.errors import DuplicatesError

if TYPE_CHECKING:
    from samesay.decision.calibration import Calibration
    from samesay.text_model import Overlength, TextModel


@dataclass(frozen=True)
class AlignedPair:
    """Two texts that are best for each other.

    Args:
        left: The row of the left text where it stands first, from 0.
        right: The same of the right text.
        margin: How much nearer they are to each other than to their neighbours; 1 is no nearer.
        score: Their cosine.
        left_rows: All rows where the left text stands.
        right_rows: The same of the right text.
    """

    left: int
    right: int
    margin: float
    score: float
    left_rows: tuple[int, ...]
    right_rows: tuple[int, ...]


@dataclass(frozen=True)
class Alignment:
    """What was found.

    Args:
        pairs: In the order of the left texts; every text is in one at most.
        lefts: How many left texts there were.
        rights: How many right ones.
        neighbours: k of the margin.
        margin: The lowest margin that counted, or None.
        threshold: The lowest cosine that counted, or None.
        certificates: The promises that the threshold stands under; none where it is uncertified.
        key: What the scores are of; None where vectors were given.
    """

    pairs: tuple[AlignedPair, ...]
    lefts: int
    rights: int
    neighbours: int
    margin: float | None
    threshold: float | None
    certificates: tuple[Certificate, ...] = ()
    key: Key | None = None

    @property
    def certified(self) -> bool:
        """Whether anything is promised of the threshold."""
        return bool(self.certificates)


def align(
    model: TextModel,
    left: Sequence[str],
    right: Sequence[str],
    *,
    margin: float | None = None,
    neighbours: int = NEIGHBOURS,
    calibration: Calibration | None = None,
    threshold: float | None = None,
    mode: LikeMode = "symmetric",
    task: str | None = None,
    dimensions: int | None = None,
    overlength: Overlength = "error",
    embedded: Callable[[float, int], object] | None = None,
    compared: Progress | None = None,
) -> Alignment:
    """Find the pairs of a left and a right text that are best for each other by ratio margin.

    See ``margins`` for the method. Without ``margin``, ``calibration`` and ``threshold`` every such pair is
    given, also where a text has no counterpart at all.

    Args:
        model: The model.
        left: n texts.
        right: m texts, in the same language or another.
        margin: Leave out pairs with a lower margin.
        neighbours: k: with how many texts of the other side each is compared.
        calibration: Leave out pairs below its high band.
        threshold: Leave out pairs with a lower cosine.
        mode: As for ``find_duplicates``.
        task: As for ``TextModel.similarity``.
        dimensions: As for ``TextModel.similarity``.
        overlength: As for ``TextModel.similarity``.
        embedded: Called now and then with (texts embedded, different texts of both sides).
        compared: Called now and then with (comparisons done, comparisons).

    Raises:
        DuplicatesError: A side is empty, or a setting is not one.
        CalibrationKeyError: The calibration is for other scores.
        SamesayError: As for ``TextModel.encode``.
    """
    check_like_mode(mode)
    _check(len(left), len(right), neighbours, margin)
    key = key_of(model, mode=mode, task=task, dimensions=dimensions)
    lowest: float | None = None
    certificates: tuple[Certificate, ...] = ()
    if calibration is not None or threshold is not None:
        accepted = acceptance(key, calibration, threshold)
        lowest, certificates = accepted.threshold, accepted.certificates
    _, left_places = distinct_texts(left)
    _, right_places = distinct_texts(right)
    total = len(left_places) + len(right_places)

    def told(before: int) -> Callable[[float, int], object] | None:
        return embedded and (lambda done, _: embedded(before + done, total))

    left_vectors = vectors_of(model, left, key, overlength, told(0))
    right_vectors = vectors_of(model, right, key, overlength, told(len(left_places)))
    pairs = _pairs(
        left_vectors, right_vectors, left_places, right_places, neighbours, margin, lowest, compared
    )
    return Alignment(pairs, len(left), len(right), neighbours, margin, lowest, certificates, key)


def align_vectors(
    left: ArrayLike,
    right: ArrayLike,
    *,
    margin: float | None = None,
    neighbours: int = NEIGHBOURS,
    threshold: float | None = None,
    compared: Progress | None = None,
) -> Alignment:
    """Align vectors that are there already, each a text of its own; see ``align``.

    Raises:
        DuplicatesError: A row is not finite or not of length 1, a side is empty, or they differ in width.
    """
    left_rows, right_rows = checked_vectors(left, "left"), checked_vectors(right, "right")
    _check(len(left_rows), len(right_rows), neighbours, margin)
    if left_rows.shape[1] != right_rows.shape[1]:
        raise DuplicatesError(
            f"left has {left_rows.shape[1]} numbers a row and right {right_rows.shape[1]}; they must be of "
            "one model and width"
        )
    left_places, right_places = ([[row] for row in range(len(rows))] for rows in (left_rows, right_rows))
    pairs = _pairs(left_rows, right_rows, left_places, right_places, neighbours, margin, threshold, compared)
    return Alignment(pairs, len(left_rows), len(right_rows), neighbours, margin, threshold)


def _check(lefts: int, rights: int, neighbours: int, margin: float | None) -> None:
    if not lefts or not rights:
        raise DuplicatesError(f"there are {lefts} left texts and {rights} right ones; each side needs one")
    if neighbours < 1:
        raise DuplicatesError(f"neighbours is {neighbours}; a margin needs one at least")
    if margin is not None and not margin > 0:
        raise DuplicatesError(f"the margin is {margin}; it must be above 0, and 1 is no nearer than others")


def _pairs(
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    left_places: list[list[int]],
    right_places: list[list[int]],
    neighbours: int,
    margin: float | None,
    threshold: float | None,
    compared: Progress | None,
) -> tuple[AlignedPair, ...]:
    found = candidates(*nearest_both_ways(left, right, neighbours, progress=compared))
    chosen = mutual(found, len(left), len(right))
    if margin is not None:
        chosen = chosen[found.margins[chosen] >= margin]
    if threshold is not None:
        chosen = chosen[found.scores[chosen] >= np.float32(threshold)]
    pairs = []
    for place in chosen.tolist():
        lefts, rights = left_places[found.left[place]], right_places[found.right[place]]
        score = float(str(found.scores[place]))
        pairs.append(
            AlignedPair(lefts[0], rights[0], float(found.margins[place]), score, tuple(lefts), tuple(rights))
        )
    return tuple(sorted(pairs, key=lambda one: one.left))
