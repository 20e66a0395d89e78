"""Groups of texts that say the same, and the text that stands for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samesay.comparing import warn_of_cuts
from samesay.decision.certificate import Certificate
from samesay.decision.key import Key, key_of
from samesay.duplicates.acceptance import acceptance
from samesay.duplicates.joining import MOST_PAIRS, pairs_above
from samesay.duplicates.linking import LINKAGES, Linkage, linked, medoid
from samesay.duplicates.scoring import Progress, checked_vectors, scores_of_pairs
from samesay.errors import DuplicatesError, TextError

if TYPE_CHECKING:
    from samesay.decision.calibration import Calibration
    from samesay.text_model import Overlength, TextModel

LikeMode = Literal["symmetric", "plain"]


@dataclass(frozen=True)
class DuplicateMember:
    """A text of a group.

    Args:
        row: Its place in the list of texts, from 0.
        score: Its cosine with the representative; 1 for the representative and its copies.
        exact: Whether it is the representative's text, letter by letter.
        representative: Whether it stands for the group.
    """

    row: int
    score: float
    exact: bool
    representative: bool


@dataclass(frozen=True)
class DuplicateGroup:
    """Texts that say the same.

    Args:
        representative: The row of the text that stands for them.
        members: All of them, the representative first, then by falling score, then by row.
    """

    representative: int
    members: tuple[DuplicateMember, ...]

    def __len__(self) -> int:
        return len(self.members)


@dataclass(frozen=True)
class Duplicates:
    """What was found.

    Args:
        groups: Groups of two texts or more, the largest first, then by representative.
        texts: How many texts there were.
        distinct: How many different ones.
        pairs: Pairs of different texts at or above the threshold.
        threshold: The lowest score that counted.
        linkage: What it took to belong together.
        certificates: The promises that the threshold stands under; none where it is uncertified.
        key: What the scores are of; None where vectors were given.
    """

    groups: tuple[DuplicateGroup, ...]
    texts: int
    distinct: int
    pairs: int
    threshold: float
    linkage: Linkage
    certificates: tuple[Certificate, ...] = ()
    key: Key | None = None

    @property
    def certified(self) -> bool:
        """Whether anything is promised of the threshold."""
        return bool(self.certificates)

    def kept(self) -> list[int]:
        """Give the rows that are left when only the representative of each group stays."""
        gone = {one.row for group in self.groups for one in group.members if not one.representative}
        return [row for row in range(self.texts) if row not in gone]


def find_duplicates(
    model: TextModel,
    texts: Sequence[str],
    *,
    calibration: Calibration | None = None,
    threshold: float | None = None,
    linkage: Linkage = "star",
    mode: LikeMode = "symmetric",
    task: str | None = None,
    dimensions: int | None = None,
    overlength: Overlength = "error",
    most_pairs: int = MOST_PAIRS,
    embedded: Callable[[float, int], object] | None = None,
    compared: Progress | None = None,
) -> Duplicates:
    """Find near-duplicates: every pair is compared, nothing is approximated.

    Equal texts are one before anything is embedded. Of n different texts it keeps their vectors and the
    pairs at or above the threshold, and not n² of anything.

    Args:
        model: The model.
        texts: n texts.
        calibration: From whose high band on two texts are the same; by default the calibration that comes
            with samesay, where it fits.
        threshold: A score of one's own instead; see ``Duplicates.certified``.
        linkage: ``"star"``: each member with the representative; ``"complete"``: each with each other;
            ``"chain"``: through any number of others.
        mode: ``"symmetric"`` or ``"plain"``, as for ``TextModel.similarity``.
        task: As for ``TextModel.similarity``.
        dimensions: As for ``TextModel.similarity``.
        overlength: As for ``TextModel.similarity``.
        most_pairs: The number of pairs above which it is refused.
        embedded: Called now and then with (texts embedded, different texts).
        compared: Called now and then with (comparisons done, comparisons).

    Raises:
        DuplicatesError: There is no threshold, or it yields too many pairs.
        CalibrationKeyError: The calibration is for other scores.
        SamesayError: As for ``TextModel.encode``.
    """
    check_like_mode(mode)
    _check_linkage(linkage)
    key = key_of(model, mode=mode, task=task, dimensions=dimensions)
    accepted = acceptance(key, calibration, threshold)
    _, places = distinct_texts(texts)
    vectors = vectors_of(model, texts, key, overlength, embedded)
    return _grouped(
        vectors,
        places,
        accepted.threshold,
        linkage,
        most_pairs,
        compared,
        accepted.certificates,
        key,
    )


def group_vectors(
    vectors: ArrayLike,
    threshold: float,
    *,
    linkage: Linkage = "star",
    most_pairs: int = MOST_PAIRS,
    compared: Progress | None = None,
) -> Duplicates:
    """Find near-duplicates among vectors that are there already, each a text of its own.

    Args:
        vectors: Rows of length 1, shape (n, width).
        threshold: The lowest cosine that counts.
        linkage: As for ``find_duplicates``.
        most_pairs: As for ``find_duplicates``.
        compared: As for ``find_duplicates``.

    Raises:
        DuplicatesError: A row is not finite or not of length 1, or there are too many pairs.
    """
    rows = checked_vectors(vectors)
    _check_linkage(linkage)
    if not -1 <= threshold <= 1:
        raise DuplicatesError(f"the threshold is {threshold}; a score is a cosine, from -1 to 1")
    places = [[row] for row in range(len(rows))]
    return _grouped(rows, places, threshold, linkage, most_pairs, compared, (), None)


def check_like_mode(mode: str) -> None:
    """Refuse a mode in which the sides differ.

    Raises:
        DuplicatesError: For such a mode.
    """
    if mode not in ("symmetric", "plain"):
        raise DuplicatesError(
            f"mode is {mode!r}; like is compared with like here: 'symmetric' or 'plain' (--prompt)"
        )


def distinct_texts(texts: Sequence[str]) -> tuple[list[str], list[list[int]]]:
    """Give each different text once, in order, and the rows where it stands."""
    places: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        places.setdefault(text, []).append(row)
    return list(places), list(places.values())


def vectors_of(
    model: TextModel,
    texts: Sequence[str],
    key: Key,
    overlength: Overlength,
    progress: Callable[[float, int], object] | None,
) -> NDArray[np.float32]:
    """Give the vectors that scores of a key are made of, each different text computed once.

    Returns:
        Shape (different texts, width), in the order of ``distinct_texts``.
    """
    distinct, _ = distinct_texts(texts)
    try:
        vectors, cut = model.embed_texts(
            distinct,
            key.left,
            dimensions=key.identity.dimensions,
            overlength=overlength,
            progress=progress,
        )
    except TextError:
        # Its message has the number among the different texts; people know the row.
        model.check([key.left + text for text in texts], overlength=overlength)
        raise
    warn_of_cuts(cut, model.max_tokens, calls=2)
    return vectors


def _check_linkage(linkage: str) -> None:
    if linkage not in LINKAGES:
        raise DuplicatesError(f"linkage is {linkage!r}; it must be one of {', '.join(LINKAGES)}")


def _grouped(
    vectors: NDArray[np.float32],
    places: list[list[int]],
    threshold: float,
    linkage: Linkage,
    most_pairs: int,
    compared: Progress | None,
    certificates: tuple[Certificate, ...],
    key: Key | None,
) -> Duplicates:
    pairs = pairs_above(vectors, threshold, most_pairs=most_pairs, progress=compared)
    copies = np.array([len(one) for one in places], np.int64)
    groups, grouped = [], np.zeros(len(places), np.bool_)
    for group, standing in linked(pairs, len(places), linkage):
        grouped[group] = True
        groups.append(_group(vectors, places, group, medoid(vectors, group, standing, copies)))
    for row in np.flatnonzero(~grouped & (copies > 1)).tolist():
        groups.append(_group(vectors, places, [row], row))
    groups.sort(key=lambda one: (-len(one), one.representative))
    return Duplicates(
        tuple(groups),
        int(copies.sum()),
        len(places),
        len(pairs),
        threshold,
        linkage,
        certificates,
        key,
    )


def _group(
    vectors: NDArray[np.float32], places: list[list[int]], group: list[int], chosen: int
) -> DuplicateGroup:
    others = np.array(group, np.int32)
    scores = scores_of_pairs(vectors, vectors, np.full(len(group), chosen, np.int32), others)
    members = [
        DuplicateMember(
            place,
            1.0 if row == chosen else float(str(score)),
            row == chosen,
            row == chosen and place == places[row][0],
        )
        for row, score in zip(group, scores, strict=True)
        for place in places[row]
    ]
    members.sort(key=lambda one: (not one.exact, -one.score, one.row))
    return DuplicateGroup(places[chosen][0], tuple(members))
