"""Which texts go through the network next: a fair order, without threads or time.

Every request has a mark: the tokens that were served when it came, plus the head start that it gives others,
which is 32 times its own tokens, but never more than the queue holds. The one with the least mark is next. So
a short request overtakes a longer one that came before it, until as many tokens were served meanwhile as the
longer one's head start: from then on everything that comes is behind it. A request of n tokens waits for
min(32 n, queue) tokens at most until then, and for what waits at that moment, which is at most a queue.

The factor is for short requests among a few long ones that always ask again. With their own tokens as head
start, one of eight long requests would have the least mark after seven others, however short the requests
are that have come since.

Marks count whole requests, as an answer is of use only when all its texts are done: of two equal requests the
first is answered at half the time, and the second no later than if they took turns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

# How many times its own tokens a request lets later and smaller ones go first.
_HEAD_START = 32


@dataclass(frozen=True)
class Item:
    """One text that waits.

    Attributes:
        ticket: The request it belongs to.
        index: Its number in that request.
        tokens: What it costs: the tokens that the network computes for it.
        width: The width of vector that is wanted; a pass gives one width.
        prefix: The prefix that it shares with others, if it does; a pass shares at most one.
    """

    ticket: int
    index: int
    tokens: int
    width: int
    prefix: bytes | None = None


@dataclass(frozen=True)
class Room:
    """How many tokens may go through the network together.

    Many short texts gain from each other's company, long ones hardly, and a short one among long ones has to
    wait for them.

    Attributes:
        mixed: Where the first text is short and a long one would join it. A text is short that has a quarter
            of that at most.
        short: Where the first text is short, for further short ones.
        long: Where the first text is long.
    """

    mixed: int
    short: int
    long: int

    def beside(self, first: Item, item: Item) -> int:
        """Give how many tokens a pass that begins with a text may have together with another one."""
        if not self._is_short(first):
            return self.long
        return self.short if self._is_short(item) else self.mixed

    def _is_short(self, item: Item) -> bool:
        return 4 * item.tokens <= self.mixed


@dataclass
class _Waiting:
    mark: int
    items: deque[Item]


class FairQueue:
    """The texts that wait for one model.

    Args:
        queue_tokens: Tokens that may wait, which bounds the head start of long requests. The queue does not
            refuse more: that is its owner's part.
    """

    def __init__(self, queue_tokens: int) -> None:
        self._most_head_start = queue_tokens
        self._waiting: dict[int, _Waiting] = {}
        self._served = 0
        self._tokens = 0

    @property
    def requests(self) -> int:
        """Requests with a text that waits."""
        return len(self._waiting)

    @property
    def tokens(self) -> int:
        """Tokens of all texts that wait."""
        return self._tokens

    def add(self, items: Sequence[Item]) -> None:
        """Add the texts of one request."""
        cost = sum(item.tokens for item in items)
        self._tokens += cost
        mark = self._served + min(_HEAD_START * cost, self._most_head_start)
        self._waiting[items[0].ticket] = _Waiting(mark, deque(items))

    def withdraw(self, ticket: int) -> None:
        """Forget what still waits of a request, if anything does."""
        waiting = self._waiting.pop(ticket, None)
        if waiting:
            self._tokens -= sum(item.tokens for item in waiting.items)

    def next_batch(self, room: Room) -> list[Item]:
        """Take what goes through the network next.

        The first text of the request with the least mark always goes. What room is left goes to the texts
        after it, request by request in the order of marks, as far as they fit and can share the pass.

        Args:
            room: How many tokens may go together; a longer text goes alone.

        Returns:
            At least one text, if any waits; of each request its first ones.
        """
        batch: list[Item] = []
        prefix: bytes | None = None
        taken = 0
        for waiting in self._in_order():
            while waiting.items:
                item = waiting.items[0]
                if batch and not (
                    taken + item.tokens <= room.beside(batch[0], item)
                    and _can_share(item, batch[0].width, prefix)
                ):
                    break
                batch.append(waiting.items.popleft())
                taken += item.tokens
                prefix = prefix or item.prefix
            if not waiting.items:
                del self._waiting[batch[-1].ticket]
            if taken >= max(room.short, room.long):
                break
        self._tokens -= taken
        self._served += taken
        return batch

    def _in_order(self) -> Iterator[_Waiting]:
        # Python's sort keeps the order of arrival among equal marks.
        return iter(sorted(self._waiting.values(), key=attrgetter("mark")))


def _can_share(item: Item, width: int, prefix: bytes | None) -> bool:
    return item.width == width and (item.prefix is None or prefix is None or item.prefix == prefix)
