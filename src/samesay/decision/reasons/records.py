"""What is said about why two texts match or do not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from samesay.decision.bands import Decision
from samesay.decision.certificate import Certificate

ConflictKind = Literal["number", "date", "negation", "antonym", "name"]
CONFLICT_KINDS: tuple[ConflictKind, ...] = ("number", "date", "negation", "antonym", "name")


@dataclass(frozen=True, order=True)
class Span:
    """A part of a text: ``source[begin:end] == text``, counted in characters."""

    begin: int
    end: int
    text: str

    def holds(self, other: Span) -> bool:
        """Whether the other span lies within this one."""
        return self.begin <= other.begin and other.end <= self.end


@dataclass(frozen=True)
class Conflict:
    """Two things that cannot both hold where the texts speak of the same.

    Args:
        kind: What they conflict in.
        a: Where the first text says its side.
        b: Where the second text says its own.
        value_a: What the first text says, normalised: ``"1500 m"``, ``"2024-05-03"``, ``"not open"``.
        value_b: The same of the second.
    """

    kind: ConflictKind
    a: Span
    b: Span
    value_a: str
    value_b: str

    def mirrored(self) -> Conflict:
        """Give the same conflict with the texts exchanged."""
        return Conflict(self.kind, self.b, self.a, self.value_b, self.value_a)

    def __str__(self) -> str:
        return f"{self.kind}: {self.value_a} / {self.value_b}"


@dataclass(frozen=True)
class AlignedSpans:
    """A part of each text that are best for each other; ``score`` is the cosine of the two."""

    a: Span
    b: Span
    score: float


@dataclass(frozen=True)
class SharedTerm:
    """A term that both texts have and few texts do.

    Args:
        term: The term as the first text has it.
        a: Its first place there.
        b: Its first place in the second text.
        rarity: Natural logarithm of the estimated rank of the term in a list by frequency.
    """

    term: str
    a: Span
    b: Span
    rarity: float


@dataclass(frozen=True)
class LeftOut:
    """What the score does without a part of one text.

    Args:
        span: The part.
        drop: The score of the whole texts less the score without the part. Negative: the part is what one
            text says alone, and without it they are more alike. Positive: the likeness rests on it.
    """

    span: Span
    drop: float


@dataclass(frozen=True)
class Shared:
    """What both texts say: aligned parts in the order of the first text, and rare terms, rarest first."""

    spans: tuple[AlignedSpans, ...]
    terms: tuple[SharedTerm, ...]


@dataclass(frozen=True)
class Differs:
    """What leaving out each part of a text does, in the order of the text; empty for a text of one part."""

    a: tuple[LeftOut, ...]
    b: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Reasons:
    """Why a pair of texts scores as it does, and what speaks against a match.

    Args:
        text_a: The first text; spans count its characters.
        text_b: The second.
        decision: What the score means: band and probability, or ``"uncalibrated"``.
        shared: What both say.
        differs: What each says alone.
        conflicts: What cannot both hold. They have changed neither score nor band; see ``demote``.
    """

    text_a: str
    text_b: str
    decision: Decision
    shared: Shared
    differs: Differs
    conflicts: tuple[Conflict, ...]

    @property
    def score(self) -> float:
        """The cosine of the two texts."""
        return self.decision.score

    @property
    def certificate(self) -> Certificate | None:
        """The promise that the decision stands under."""
        return self.decision.certificate

    def to_dict(self) -> dict[str, object]:
        """Give all of it as values for JSON; docs/reasons.md describes the names, which stay."""
        return {
            "text_a": self.text_a,
            "text_b": self.text_b,
            "score": float(str(self.decision.score)),
            "band": self.decision.band,
            "demoted_from": self.decision.demoted_from,
            "probability": self.decision.probability,
            "shared": asdict(self.shared),
            "differs": asdict(self.differs),
            "conflicts": [asdict(one) for one in self.conflicts],
            "certificate": None if self.certificate is None else asdict(self.certificate),
        }
