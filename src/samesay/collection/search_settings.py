"""How to search, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from samesay.collection.arguments import real_number, whole_number
from samesay.collection.filters import Filter, check_filter
from samesay.collection.fusion import K
from samesay.errors import SearchError

Mode = Literal["semantic", "text", "hybrid"]
Level = Literal["segments", "documents", "both"]
Order = Literal["adjusted", "cosine"]

# Documents of each ranking that hybrid search fuses: ranks below count next to nothing.
_FUSED_AT_LEAST = 100
MOST_HITS = 10_000


@dataclass(frozen=True)
class SearchSettings:
    """How to search.

    Args:
        top_k: Documents to give for each query, at most.
        mode: ``semantic`` compares vectors, ``text`` words, ``hybrid`` fuses both rankings.
        where: A filter; see ``filters``.
        min_score: Of those documents, leave out what has a lower score.
        level: Compare a query with ``segments``, with ``documents`` as wholes, or with ``both``, where a
            document's score is the mean of its own and that of its best segment.
        rank_constant: The constant of reciprocal rank fusion.
        exact: Compare with every vector even where there is an index.
        order: By what vectors rank: ``cosine``, or ``adjusted`` for passages that are near to any question
            and for documents of many segments; see ``generic``. Scores are cosines in both.

    Raises:
        SearchError: For what is none of these.
        FilterError: For a filter that is none.
    """

    top_k: int = 3
    mode: Mode = "semantic"
    where: Filter | None = None
    min_score: float | None = None
    level: Level = "segments"
    rank_constant: float = K
    exact: bool = False
    order: Order = "adjusted"

    @property
    def depth(self) -> int:
        """How many documents of each ranking are wanted."""
        return max(_FUSED_AT_LEAST, 4 * self.top_k) if self.mode == "hybrid" else self.top_k

    def __post_init__(self) -> None:
        top_k = whole_number(self.top_k)
        if top_k is None or not 1 <= top_k <= MOST_HITS:
            raise SearchError(f"top_k is {self.top_k!r}; it must be a whole number from 1 to {MOST_HITS}")
        object.__setattr__(self, "top_k", top_k)
        for name, value, known in (
            ("mode", self.mode, get_args(Mode)),
            ("level", self.level, get_args(Level)),
            ("order", self.order, get_args(Order)),
        ):
            if value not in known:
                raise SearchError(f"{name} is {value!r}; it must be one of {', '.join(known)}")
        constant = real_number(self.rank_constant)
        if constant is None or not constant > 0:
            raise SearchError(f"rank_constant is {self.rank_constant!r}; it must be a number above 0")
        object.__setattr__(self, "rank_constant", constant)
        if self.min_score is not None and real_number(self.min_score) is None:
            raise SearchError(f"min_score is {self.min_score!r}; it must be a number")
        if self.where is not None:
            check_filter(self.where)
