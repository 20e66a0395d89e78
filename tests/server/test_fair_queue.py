"""The laws of the order in which texts go through the network."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesay.server.fair_queue import FairQueue, Item, Room

BATCH, QUEUE = 100, 10_000
ROOM = Room(BATCH, BATCH, BATCH)
# How many times its own tokens a request lets smaller ones go first.
HEAD_START = 32

Request = list[tuple[int, int, bytes | None]]

costs = st.integers(1, 2 * BATCH)
kinds = st.tuples(costs, st.just(8), st.none())
mixed_kinds = st.tuples(costs, st.sampled_from([8, 16]), st.sampled_from([None, b"a", b"b"]))


def items(ticket: int, request: Request) -> list[Item]:
    width = request[0][1]
    return [Item(ticket, index, tokens, width, prefix) for index, (tokens, _, prefix) in enumerate(request)]


def plain(ticket: int, *tokens: int) -> list[Item]:
    return [Item(ticket, index, count, 8) for index, count in enumerate(tokens)]


def emptied(queue: FairQueue) -> list[list[Item]]:
    batches = []
    while queue.requests:
        batches.append(queue.next_batch(ROOM))
    return batches


@given(st.lists(st.lists(mixed_kinds, min_size=1, max_size=6), min_size=1, max_size=12))
def test_every_text_goes_exactly_once_and_those_of_a_request_in_order(requests: list[Request]) -> None:
    queue = FairQueue(QUEUE)
    for ticket, request in enumerate(requests):
        queue.add(items(ticket, request))
    assert queue.tokens == sum(tokens for request in requests for tokens, _, _ in request)
    gone = [item for batch in emptied(queue) for item in batch]
    assert queue.tokens == 0
    for ticket, request in enumerate(requests):
        assert [item for item in gone if item.ticket == ticket] == items(ticket, request)
    assert queue.next_batch(ROOM) == []


@given(st.lists(st.lists(mixed_kinds, min_size=1, max_size=6), min_size=1, max_size=12))
def test_batch_fits_the_budget_or_is_one_text_and_has_one_width_and_prefix(requests: list[Request]) -> None:
    queue = FairQueue(QUEUE)
    for ticket, request in enumerate(requests):
        queue.add(items(ticket, request))
    for batch in emptied(queue):
        assert batch
        assert len(batch) == 1 or sum(item.tokens for item in batch) <= BATCH
        assert len({item.width for item in batch}) == 1
        assert len({item.prefix for item in batch} - {None}) <= 1


@given(
    st.lists(st.lists(st.integers(1, 60), min_size=1, max_size=6), min_size=1, max_size=30),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_short_text_never_waits_for_long_ones_that_fill_a_large_pass(
    requests: list[list[int]], times_short: int, times_long: int
) -> None:
    room = Room(mixed=BATCH, short=times_short * BATCH, long=times_long * BATCH)
    queue = FairQueue(QUEUE)
    for ticket, request in enumerate(requests):
        queue.add(plain(ticket, *request))
    while queue.requests:
        batch = queue.next_batch(room)
        ends = list(accumulate(item.tokens for item in batch))
        if batch[0].tokens > BATCH // 4:
            assert ends[-1] <= room.long
        else:
            assert ends[-1] <= room.short
            long_ones = [end for item, end in zip(batch, ends, strict=True) if item.tokens > BATCH // 4]
            assert all(end <= BATCH for end in long_ones)


def test_short_texts_fill_a_large_pass_and_long_ones_a_smaller_one() -> None:
    room = Room(mixed=BATCH, short=8 * BATCH, long=4 * BATCH)
    queue = FairQueue(QUEUE)
    for ticket in range(100):
        queue.add(plain(ticket, 20 if ticket < 50 else 50))
    sizes = []
    while queue.requests:
        sizes.append(Counter(item.tokens for item in queue.next_batch(room)))
    # Ten short ones are left after the first pass, and no long one finds room beside them.
    assert sizes == [{20: 40}, {20: 10}] + [{50: 8}] * 6 + [{50: 2}]


@given(st.lists(st.lists(mixed_kinds, min_size=1, max_size=6), min_size=1, max_size=12), st.data())
def test_next_batch_begins_with_the_request_of_least_mark(
    requests: list[Request], data: st.DataObject
) -> None:
    queue = FairQueue(QUEUE)
    served = 0
    marks: dict[int, int] = {}
    left: Counter[int] = Counter()
    for ticket, request in enumerate(requests):
        queue.add(items(ticket, request))
        marks[ticket] = served + min(HEAD_START * sum(tokens for tokens, _, _ in request), QUEUE)
        left[ticket] = len(request)
        if data.draw(st.booleans()):
            batch = queue.next_batch(ROOM)
            served += sum(item.tokens for item in batch)
            waiting = [ticket for ticket in marks if left[ticket]]
            assert batch[0].ticket == min(waiting, key=lambda ticket: (marks[ticket], ticket))
            left.subtract(item.ticket for item in batch)


@given(st.integers(BATCH, 5000), st.lists(st.integers(1, BATCH), min_size=1, max_size=30))
def test_short_request_overtakes_a_longer_one_that_still_waits(long: int, shorts: list[int]) -> None:
    queue = FairQueue(QUEUE)
    queue.add(plain(0, *[BATCH] * (1 + long // BATCH)))
    for ticket, tokens in enumerate(shorts, 1):
        queue.add(plain(ticket, tokens))
    gone = emptied(queue)
    heads = [batch[0].ticket for batch in gone]
    first_of_long = heads.index(0) if 0 in heads else len(heads)
    assert all(item.ticket == 0 for batch in gone[first_of_long:] for item in batch)


@given(
    st.integers(1, 3000),
    st.lists(st.integers(1, BATCH), max_size=20),
    st.lists(st.lists(st.integers(1, BATCH), min_size=1, max_size=4), max_size=200),
)
def test_long_request_waits_for_its_head_start_and_what_waits_at_most(
    long: int, before: list[int], stream: list[list[int]]
) -> None:
    """However many short requests come: each pass serves one batch, and then others come."""
    queue = FairQueue(QUEUE)
    for ticket, tokens in enumerate(before, 1):
        queue.add(plain(ticket, tokens))
    queue.add(plain(0, long))
    served, most_waiting = 0, queue.tokens
    ticket = len(before) + 1
    arriving = iter(stream)
    while True:
        for tokens in next(arriving, []):
            queue.add(plain(ticket, tokens))
            ticket += 1
        most_waiting = max(most_waiting, queue.tokens)
        batch = queue.next_batch(ROOM)
        if any(item.ticket == 0 for item in batch):
            break
        served += sum(item.tokens for item in batch)
    assert served <= min(HEAD_START * long, QUEUE) + most_waiting


@dataclass
class Simulation:
    """A queue of its own clock, which is the tokens that went through the network.

    Attributes:
        queue: The queue.
        batch: Tokens of a pass.
        clock: Tokens so far.
        waits: Of each request that is done, its tokens and how long it took.
    """

    queue: FairQueue
    batch: int = BATCH
    clock: int = 0
    waits: list[tuple[int, int]] = field(default_factory=list)
    _came: dict[int, tuple[int, int]] = field(default_factory=dict)
    _left: Counter[int] = field(default_factory=Counter)

    def ask(self, came: int, *tokens: int) -> None:
        ticket = len(self._came)
        self._came[ticket] = sum(tokens), came
        self._left[ticket] = len(tokens)
        self.queue.add(plain(ticket, *tokens))

    def run_a_pass(self) -> None:
        batch = self.queue.next_batch(Room(self.batch, self.batch, self.batch))
        self.clock += sum(item.tokens for item in batch)
        for item in batch:
            self._left[item.ticket] -= 1
            if not self._left[item.ticket]:
                tokens, came = self._came[item.ticket]
                self.waits.append((tokens, self.clock - came))


@pytest.mark.parametrize("longs", [2, 8, 30])
def test_short_request_among_long_ones_that_always_ask_again_waits_for_two_passes(longs: int) -> None:
    batch, short, texts = 512, 13, 8
    world = Simulation(FairQueue(131_072), batch)
    chance = random.Random(longs)
    for _ in range(longs):
        world.ask(0, *[batch] * texts)
    arrival, answered = 0.0, 0
    while len(world.waits) < 2000:
        while arrival <= world.clock:
            world.ask(int(arrival), short)
            arrival += chance.expovariate(0.05 / short)  # a twentieth of what the network can do
        world.run_a_pass()
        done = sum(tokens > short for tokens, _ in world.waits)
        for _ in range(done - answered):
            world.ask(world.clock, *[batch] * texts)
        answered = done
    shorts = [wait for tokens, wait in world.waits if tokens == short]
    documents = [wait for tokens, wait in world.waits if tokens > short]
    assert max(shorts) <= 2.5 * batch
    # In turns, and the twentieth beside: the long ones lose nothing else.
    assert max(documents) <= 1.15 * longs * texts * batch


def test_long_request_among_short_ones_beyond_what_the_network_can_do_is_done_in_bounded_time() -> None:
    world = Simulation(FairQueue(QUEUE))
    world.ask(0, *[BATCH] * 40)
    while not any(tokens > BATCH for tokens, _ in world.waits):
        for _ in range(2 * BATCH // 10):
            if world.queue.tokens + 10 <= QUEUE:
                world.ask(world.clock, 10)
        world.run_a_pass()
        assert world.clock <= 2 * QUEUE
    assert world.clock > QUEUE  # short ones did go first, for a while


@given(st.lists(st.lists(kinds, min_size=1, max_size=6), min_size=1, max_size=12), st.data())
def test_withdrawn_request_leaves_no_trace(requests: list[Request], data: st.DataObject) -> None:
    queue = FairQueue(QUEUE)
    for ticket, request in enumerate(requests):
        queue.add(items(ticket, request))
    started = {item.ticket for item in queue.next_batch(ROOM)}
    withdrawn = data.draw(st.sets(st.sampled_from(range(len(requests)))))
    for ticket in withdrawn:
        queue.withdraw(ticket)
        queue.withdraw(ticket)
    gone = [item for batch in emptied(queue) for item in batch]
    assert not withdrawn & {item.ticket for item in gone}
    assert set(range(len(requests))) - withdrawn <= started | {item.ticket for item in gone}
    assert (queue.requests, queue.tokens) == (0, 0)


def test_equal_requests_are_answered_one_after_the_other() -> None:
    queue = FairQueue(QUEUE)
    queue.add(plain(1, *[BATCH] * 3))
    queue.add(plain(2, *[BATCH] * 3))
    assert [batch[0].ticket for batch in emptied(queue)] == [1, 1, 1, 2, 2, 2]


def test_room_that_is_left_goes_to_whoever_fits() -> None:
    queue = FairQueue(QUEUE)
    queue.add(plain(1, 60))
    queue.add(plain(2, 70))
    queue.add(plain(3, 80))
    queue.add([Item(4, 0, 90, 8)])
    queue.add([Item(5, 0, 100, 8)])
    queue.add(plain(6, 101))
    queue.add([Item(7, 0, 150, 8), Item(7, 1, 5, 8)])
    queue.add([Item(8, 0, 40, 8), Item(8, 1, 500, 8)])
    first = queue.next_batch(ROOM)
    assert [(item.ticket, item.index) for item in first] == [(1, 0), (8, 0)]
