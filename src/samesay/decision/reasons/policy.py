"""What a conflict does to a band, where a user asks for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from samesay.decision.bands import Band, Decision
from samesay.decision.reasons.records import CONFLICT_KINDS, Conflict, ConflictKind, Reasons
from samesay.errors import ReasonsError

_LOWER: dict[Band, Band] = {"high": "middle", "middle": "low", "low": "low", "uncalibrated": "uncalibrated"}


def demote(
    decision: Decision, conflicts: Reasons | Iterable[Conflict], kinds: Collection[ConflictKind]
) -> Decision:
    """Give the decision one band lower where there is a conflict of one of these kinds, else as it is.

    Score and probability stay, and ``demoted_from`` says which band it was. The certificate speaks of the
    high band and goes with it. An uncalibrated decision has no band to lower.

    Args:
        decision: The decision.
        conflicts: What ``find_conflicts`` or ``explain`` gave for the pair.
        kinds: The kinds that count; none of them: nothing changes.
    """
    found = conflicts.conflicts if isinstance(conflicts, Reasons) else conflicts
    if not any(one.kind in kinds for one in found):
        return decision
    band = _LOWER[decision.band]
    if band == decision.band:
        return decision
    return replace(decision, band=band, certificate=None, demoted_from=decision.demoted_from or decision.band)


def parse_kinds(words: str) -> tuple[ConflictKind, ...]:
    """Read ``"number,negation"``; ``"all"`` is every kind.

    Raises:
        ReasonsError: A word names no kind.
    """
    if words.strip() == "all":
        return CONFLICT_KINDS
    asked = [word.strip() for word in words.split(",") if word.strip()]
    for word in asked:
        if word not in CONFLICT_KINDS:
            raise ReasonsError(
                f"no kind of conflict is named {word!r}; it is {', '.join(CONFLICT_KINDS)}, or all"
            )
    if not asked:
        raise ReasonsError(f"no kind of conflict is named; it is {', '.join(CONFLICT_KINDS)}, or all")
    return tuple(kind for kind in CONFLICT_KINDS if kind in asked)
