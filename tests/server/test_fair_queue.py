"""The laws of the order in which texts go through the network."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from samesay.server.fair_queue import FairQueue, Item

BATCH = 100

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
        batches.append(queue.next_batch())
    return batches


@given(st.lists(st.lists(mixed_kinds, min_size=1, max_size=6), min_size=1, max_size=12))
def test_every_text_goes_exactly_once_and_those_of_a_request_in_order(requests: list[Request]) -> None:
    queue = FairQueue(BATCH, QUEUE)
    for ticket, request in enumerate(requests):
        queue.add(items(ticket, request))
    assert queue.tokens == sum(tokens for request in requests for tokens, _, _ in request)
    gone = [item for batch in emptied(queue) for item in batch]
    assert queue.tokens == 0
    for ticket, request in enumerate(requests):
        assert [item for item in gone if item.ticket == ticket] == items(ticket, request)
    assert queue.next_batch() == []


@given(st.lists(st.lists(mixed_kinds, min_size=1, max_size=6), min_size=1, max_size=12))
def test_batch_fits_the_budget_or_is_one_text_and_has_one_width_and_prefix(requests: list[Request]) -> None:
    queue = FairQueue(BATCH, QUEUE)
    for ticket, request in enumerate(requests):
        queue.add(items(ticket, request))
    for batch in emptied(queue):
        assert batch
        assert len(batch) == 1 or sum(item.tokens for item in batch) <= BATCH
        assert len({item.width for item in batch}) == 1
        assert len({item.prefix for item in batch} - {None}) <= 1


@given(st.lists(st.lists(mixed_kinds, min_size=1, max_size=6), min_size=1, max_size=12), st.data())
def test_next_batch_begins_with_the_request_of_least_mark(
    requests: list[Request], data: st.DataObject
) -> None:
    queue = FairQueue(BATCH, QUEUE)
    served = 0
    marks: dict[int, int] = {}
    left: Counter[int] = Counter()
    for ticket, request in enumerate(requests):
        queue.add(items(ticket, request))
        marks[ticket] = served + sum(tokens for tokens, _, _ in request)
        left[ticket] = len(request)
        if data.draw(st.booleans()):
            batch = queue.next_batch()
            served += sum(item.tokens for item in batch)
            waiting = [ticket for ticket in marks if left[ticket]]
            assert batch[0].ticket == min(waiting, key=lambda ticket: (marks[ticket], ticket))
            left.subtract(item.ticket for item in batch)


@given(st.integers(BATCH, 5000), st.lists(st.integers(1, BATCH), min_size=1, max_size=30))
def test_short_request_overtakes_a_longer_one_that_still_waits(long: int, shorts: list[int]) -> None:
    queue = FairQueue(BATCH, QUEUE)
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
def test_long_request_waits_for_its_own_size_and_what_was_there_at_most(
    long: int, before: list[int], stream: list[list[int]]
) -> None:
    """However many short requests come: each pass serves one batch, and then others come."""
    queue = FairQueue(BATCH, QUEUE)
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
        batch = queue.next_batch()
        if any(item.ticket == 0 for item in batch):
            break
        served += sum(item.tokens for item in batch)
    assert served <= long + most_waiting


@given(st.lists(st.lists(kinds, min_size=1, max_size=6), min_size=1, max_size=12), st.data())
def test_withdrawn_request_leaves_no_trace(requests: list[Request], data: st.DataObject) -> None:
    queue = FairQueue(BATCH, QUEUE)
    for ticket, request in enumerate(requests):
        queue.add(items(ticket, request))
    started = {item.ticket for item in queue.next_batch()}
    withdrawn = data.draw(st.sets(st.sampled_from(range(len(requests)))))
    for ticket in withdrawn:
        queue.withdraw(ticket)
        queue.withdraw(ticket)
    gone = [item for batch in emptied(queue) for item in batch]
    assert not withdrawn & {item.ticket for item in gone}
    assert set(range(len(requests))) - withdrawn <= started | {item.ticket for item in gone}
    assert (queue.requests, queue.tokens) == (0, 0)


def test_equal_requests_are_answered_one_after_the_other() -> None:
    queue = FairQueue(BATCH, QUEUE)
    queue.add(plain(1, *[BATCH] * 3))
    queue.add(plain(2, *[BATCH] * 3))
    assert [batch[0].ticket for batch in emptied(queue)] == [1, 1, 1, 2, 2, 2]


def test_room_that_is_left_goes_to_whoever_fits() -> None:
    queue = FairQueue(BATCH, QUEUE)
    queue.add(plain(1, 60))
    queue.add(plain(2, 70))
    queue.add(plain(3, 80))
    queue.add([Item(4, 0, 90, 8)])
    queue.add([Item(5, 0, 100, 8)])
    queue.add(plain(6, 101))
    queue.add([Item(7, 0, 150, 8), Item(7, 1, 5, 8)])
    queue.add([Item(8, 0, 40, 8), Item(8, 1, 500, 8)])
    first = queue.next_batch()
    assert [(item.ticket, item.index) for item in first] == [(1, 0), (8, 0)]
