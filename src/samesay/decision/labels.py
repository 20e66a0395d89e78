"""Labels: which pairs match, and the scores that go with them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samesay.errors import CalibrationError

_YES = frozenset({"1", "true", "yes", "是"})
_NO = frozenset({"0", "false", "no", "否"})


@dataclass(frozen=True)
class LabelledPair:
    """Two texts, and whether they match.

    Args:
        text_a: The left text.
        text_b: The right text.
        match: What people say of them.
        place: Where the pair stands, for messages.
    """

    text_a: str
    text_b: str
    match: bool
    place: str = ""


@dataclass(frozen=True, eq=False)
class LabelledScores:
    """Scores of pairs, and whether each pair matches.

    Args:
        scores: Shape (n,), finite, from -1 to 1.
        matches: Shape (n,).
        data: SHA-256 of what was labelled.
    """

    scores: NDArray[np.float32]
    matches: NDArray[np.bool_]
    data: str

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def match_scores(self) -> NDArray[np.float32]:
        """The scores of the matches."""
        return self.scores[self.matches]

    @property
    def non_match_scores(self) -> NDArray[np.float32]:
        """The scores of the non-matches."""
        return self.scores[~self.matches]


def parse_label(value: object, cut: float | None, place: str) -> bool | None:
    """Give what a label says: match, no match, or None where there is no label.

    Args:
        value: 0, 1, true, false, yes, no, 是, 否; with ``cut`` a grade.
        cut: The grade from which on two texts match.
        place: Where it stands, for messages.

    Raises:
        CalibrationError: It is none of these.
    """
    if cut is not None and not math.isfinite(cut):
        raise CalibrationError(f"the grade from which on two texts match is {cut}; give a number, such as 4")
    word = "" if value is None else str(value).strip()
    if not word:
        return None
    if cut is None and word.lower() in _YES | _NO:
        return word.lower() in _YES
    try:
        grade = float(word)
    except ValueError:
        wanted = "a grade" if cut is not None else "0 or 1"
        raise CalibrationError(f"{place}: the label {word!r} is not {wanted}") from None
    if not math.isfinite(grade):
        raise CalibrationError(f"{place}: the label is {word}; leave it empty where there is none")
    if cut is not None:
        return grade >= cut
    if grade in (0, 1):
        return grade == 1
    raise CalibrationError(
        f"{place}: the label {word} is a grade; say from which grade on two texts match, "
        "such as cut=4 (--cut 4)"
    )


def distinct_pairs(pairs: Iterable[LabelledPair], *, symmetric: bool) -> list[LabelledPair]:
    """Give every pair once: a copy is no further evidence.

    Args:
        pairs: Labelled pairs.
        symmetric: Whether (a, b) and (b, a) are the same pair.

    Raises:
        CalibrationError: A pair is labelled both ways.
    """
    seen: dict[tuple[str, ...], LabelledPair] = {}
    contradictions: list[tuple[LabelledPair, LabelledPair]] = []
    for pair in pairs:
        sides = (pair.text_a, pair.text_b)
        first = seen.setdefault(tuple(sorted(sides)) if symmetric else sides, pair)
        if first.match != pair.match:
            contradictions.append((first, pair))
    if contradictions:
        first, second = contradictions[0]
        places = f"{first.place or 'one row'} and {second.place or 'another'}"
        more = f"; {len(contradictions) - 1} more are so" if len(contradictions) > 1 else ""
        raise CalibrationError(
            f"{places}: the same pair is labelled both as a match and as none ({first.text_a!r}, "
            f"{first.text_b!r}){more}; keep one of the labels"
        )
    return list(seen.values())


def label_scores(
    scores: ArrayLike,
    labels: Sequence[object] | NDArray[np.generic],
    *,
    cut: float | None = None,
    data: str | None = None,
) -> LabelledScores:
    """Check scores and their labels.

    Args:
        scores: n cosines, from -1 to 1.
        labels: n labels, each as ``parse_label`` takes it.
        cut: As for ``parse_label``.
        data: SHA-256 of what was labelled; by default of the scores and labels themselves.

    Raises:
        CalibrationError: They differ in number, a score is not a cosine, or a label is missing or unclear.
    """
    values = np.asarray(scores, np.float32)
    if values.ndim != 1 or len(values) != len(labels):
        raise CalibrationError(f"there are scores of shape {values.shape} and {len(labels)} labels")
    wrong = np.flatnonzero(~(np.abs(values) <= 1.001))  # NaN compares with nothing
    if len(wrong):
        raise CalibrationError(f"score {wrong[0]} is {values[wrong[0]]}; a score is a cosine, from -1 to 1")
    matches = np.zeros(len(values), bool)
    for place, label in enumerate(labels):
        known = label if isinstance(label, bool | np.bool_) else parse_label(label, cut, f"label {place}")
        if known is None:
            raise CalibrationError(f"label {place} is missing")
        matches[place] = known
    return LabelledScores(values, matches, data or _hash_of_scores(values, matches))


def hash_of_pairs(pairs: Iterable[LabelledPair]) -> str:
    """Give the SHA-256 of labelled pairs, whatever their order."""
    rows = sorted(f"{pair.text_a}\t{pair.text_b}\t{int(pair.match)}" for pair in pairs)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def _hash_of_scores(scores: NDArray[np.float32], matches: NDArray[np.bool_]) -> str:
    order = np.lexsort((matches, scores))
    state = hashlib.sha256(scores[order].astype("<f4").tobytes())
    state.update(matches[order].tobytes())
    return state.hexdigest()
