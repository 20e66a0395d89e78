"""What an endpoint was asked for so far, and what that cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Usage:
    """Totals of one model since it was loaded.

    Attributes:
        requests: Requests sent, those sent again included.
        retries: Requests sent again.
        texts: Texts whose vectors arrived.
        tokens: Tokens that the endpoint says it read for them.
        unknown: Answers that did not say how many tokens they took.
        price_per_million_tokens: The price, where one was given.
    """

    requests: int
    retries: int
    texts: int
    tokens: int
    unknown: int
    price_per_million_tokens: float | None

    @property
    def cost(self) -> float | None:
        """What the tokens cost; None without a price, or where an answer did not say its tokens."""
        if self.price_per_million_tokens is None or self.unknown:
            return None
        return self.tokens * self.price_per_million_tokens / 1e6
