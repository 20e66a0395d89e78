"""Why two texts match or do not: what they share, what each says alone, and where they conflict."""

from samesay.decision.reasons.conflicts import find_conflicts
from samesay.decision.reasons.explaining import explain
from samesay.decision.reasons.policy import demote, parse_kinds
from samesay.decision.reasons.records import (
    CONFLICT_KINDS,
    AlignedSpans,
    Conflict,
    ConflictKind,
    Differs,
    LeftOut,
    Reasons,
    Shared,
    SharedTerm,
    Span,
)

__all__ = [
    "CONFLICT_KINDS",
    "AlignedSpans",
    "Conflict",
    "ConflictKind",
    "Differs",
    "LeftOut",
    "Reasons",
    "Shared",
    "SharedTerm",
    "Span",
    "demote",
    "explain",
    "find_conflicts",
    "parse_kinds",
]
