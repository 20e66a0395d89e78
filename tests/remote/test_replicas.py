"""Several endpoints with one model, of which some fail: no text is lost, no model is mixed with another."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from endpoint import WIDTH, Behaviour, Endpoint, Request, endpoint, vector_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import samesay
from samesay.errors import OverlengthError, RemoteAnswerError, RemoteError, ReplicaWarning
from samesay.remote.address import read_address
from samesay.remote.model import RemoteModel
from samesay.remote.settings import RemoteSettings

QUICK = {"backoff": 0.005, "read_timeout": 5.0, "total_timeout": 10.0, "silence": 0.3}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "SAMESAY_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def three() -> Iterator[list[Endpoint]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(endpoint()) for _ in range(3)]


@contextlib.contextmanager
def asking(replicas: Sequence[Endpoint], **changes: Any) -> Iterator[RemoteModel]:
    name = ",".join(one.url for one in replicas) + "#m"
    model = RemoteModel(read_address(name), RemoteSettings(**{**QUICK, **changes}))
    try:
        yield model
    finally:
        model.close()


def texts(count: int) -> list[str]:
    return [f"text {i} of 我们 {'x' * (i % 7)}" for i in range(count)]


def expected(given_texts: list[str]) -> NDArray[np.float32]:
    return np.stack([vector_of(text) for text in given_texts])


def seen(replica: Endpoint) -> list[list[str]]:
    """The requests that brought texts of a test."""
    with replica.lock:
        return [request for request in replica.seen if request[0].startswith("text ")]


def other_vector(text: str, width: int) -> NDArray[np.float32]:
    return vector_of("another model: " + text, width)


def eventually(holds: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


def encoded(model: RemoteModel, odd: Endpoint) -> NDArray[np.float32]:
    """Vectors, and time to find out about the odd replica: the others may answer before it does."""
    vectors = model.encode(texts(30))
    (place,) = [i for i, state in enumerate(model.replicas) if state.url == odd.url]
    assert eventually(lambda: "another model" in model.replicas[place].reason)
    model.encode("text")
    return vectors


class Load:
    """Texts asked for one after the other, by several threads, until told to stop."""

    def __init__(self, model: RemoteModel, threads: int = 6) -> None:
        self.model = model
        self.wrong: list[str] = []
        self.took: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(i,)) for i in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self, thread: int) -> None:
        number = 0
        while not self._over.is_set():
            text = f"text {thread}-{number}"
            begun = time.monotonic()
            try:
                if not np.array_equal(self.model.encode(text), vector_of(text)):
                    self.wrong.append(f"{text}: another vector")
            except Exception as error:
                self.wrong.append(f"{text}: {error!r}")
            self.took.append((begun, time.monotonic() - begun))
            number += 1

    def longest_after(self, moment: float) -> float:
        return max(seconds for begun, seconds in self.took if begun >= moment)


def test_texts_come_in_order_and_every_replica_gets_its_share(three: list[Endpoint]) -> None:
    for replica in three:
        replica.seconds = 0.2
    with asking(three, max_inputs=2) as model:
        model.encode("first")
        assert eventually(lambda: all(state.serving for state in model.replicas))
        assert np.array_equal(model.encode(texts(120)), expected(texts(120)))
        shares = [len(seen(replica)) for replica in three]
        assert sum(shares) == 60
        assert min(shares) >= 15
        # The limit is for each replica, and used; the next request may come before the last is noted.
        assert all(replica.busiest <= 6 for replica in three)
        assert max(replica.busiest for replica in three) >= 4
        assert sum(state.answered for state in model.replicas) == 61
        assert all(state.serving and not state.outstanding for state in model.replicas)


def test_a_slow_replica_gets_fewer_requests(three: list[Endpoint]) -> None:
    three[0].seconds, three[1].seconds, three[2].seconds = 0.1, 0.01, 0.01
    with asking(three, max_inputs=1, concurrency=2) as model:
        model.encode(texts(150))
        slow, *quick = (len(seen(replica)) for replica in three)
        assert slow < min(quick) / 2
        # Nobody waits at the slow one while others are free.
        assert three[0].busiest <= 3


@pytest.mark.parametrize("fault", ["killed", "hung", "500"])
def test_no_request_fails_when_a_replica_does_and_it_is_used_again_after(
    three: list[Endpoint], fault: str
) -> None:
    bad = three[0]
    for replica in three:
        replica.seconds = 0.01
    with asking(three) as model, Load(model) as load:
        assert eventually(lambda: min(len(seen(one)) for one in three) > 5)
        begun = time.monotonic()
        if fault == "killed":
            bad.dead = True
        elif fault == "hung":
            bad.silent.set()
        else:
            bad.always = lambda request: request.refuse(500, "out of memory")
        assert eventually(lambda: not model.replicas[0].serving)
        time.sleep(max(begun + 1.0 - time.monotonic(), 0.2))
        after = time.monotonic()
        time.sleep(0.3)
        bad.dead, bad.always = False, Request.well
        bad.silent.clear()
        assert eventually(lambda: model.replicas[0].serving)
        answered = model.replicas[0].answered
        assert eventually(lambda: model.replicas[0].answered > answered + 5)
    assert load.wrong == []
    # A second after the fault nobody waits for that replica, whose read would end after five.
    assert load.longest_after(after) < 3


@pytest.mark.parametrize(
    ("fault", "told"),
    [("killed", "the connection failed"), ("hung", "no sign of life"), ("500", "it answered 500: oh")],
)
def test_why_a_replica_is_left_out_is_told(three: list[Endpoint], fault: str, told: str) -> None:
    bad = three[1]
    bad.dead = fault == "killed"
    if fault == "hung":
        bad.silent.set()
    if fault == "500":
        bad.always = lambda request: request.refuse(500, "oh")
    with asking(three, max_inputs=1) as model:
        begun = time.monotonic()
        assert np.array_equal(model.encode(texts(30)), expected(texts(30)))
        assert time.monotonic() - begun < 20
        assert eventually(lambda: told in model.replicas[1].reason)
        assert [state.serving for state in model.replicas] == [True, False, True]
        assert seen(bad) == []


def test_a_replica_of_another_model_is_told_and_never_asked(three: list[Endpoint]) -> None:
    three[0].vector = other_vector
    with asking(three, max_inputs=1) as model:
        with pytest.warns(ReplicaWarning, match=rf"{three[0].url} is left out: .*another model.*cosine of"):
            vectors = encoded(model, three[0])
        assert np.array_equal(vectors, expected(texts(30)))
        assert seen(three[0]) == []


def test_a_replica_of_another_width_is_told_and_never_asked(three: list[Endpoint]) -> None:
    three[2].width = WIDTH + 1
    with asking(three, max_inputs=1) as model:
        with pytest.warns(ReplicaWarning, match="vectors of 9 dimensions instead of 8"):
            vectors = encoded(model, three[2])
        assert np.array_equal(vectors, expected(texts(30)))
        assert model.dimensions == WIDTH
        assert seen(three[2]) == []


def test_two_that_differ_are_refused_and_both_are_named(three: list[Endpoint]) -> None:
    three[0].width = WIDTH + 1
    with asking(three[:2]) as model:
        with pytest.raises(RemoteError, match="serve different models, and none is in the majority") as error:
            model.encode(texts(3))
        assert three[0].url in str(error.value)
        assert three[1].url in str(error.value)
        assert "8 dimensions instead of 9" in str(error.value)
        assert seen(three[0]) == seen(three[1]) == []


def test_nearly_the_same_vectors_are_the_same_model_as_far_as_asked(three: list[Endpoint]) -> None:
    def rounded(text: str, width: int) -> NDArray[np.float32]:
        near = np.round(vector_of(text, width), 2)
        unit: NDArray[np.float32] = (near / np.linalg.norm(near)).astype(np.float32)
        return unit

    three[0].vector = rounded
    with asking(three[:2]) as model:
        assert model.encode(texts(9)).shape == (9, WIDTH)
    with asking(three[:2], agreement=0.9999999) as model, pytest.raises(RemoteError, match="serve different"):
        model.encode(texts(9))


def test_a_replica_that_comes_back_with_another_model_is_never_believed(three: list[Endpoint]) -> None:
    with asking(three, max_inputs=1) as model:
        model.encode(texts(30))
        assert eventually(lambda: all(state.serving for state in model.replicas))
        # Between two calls, so that no request fails.
        three[1].restart()
        three[1].vector = other_vector
        with pytest.warns(ReplicaWarning, match=f"{three[1].url} is left out"):
            assert np.array_equal(model.encode(texts(90)), expected(texts(90)))
        assert not model.replicas[1].serving
        three[1].vector = vector_of
        assert eventually(lambda: (model.encode(texts(3)), model.replicas[1].serving)[1])


def test_all_down_is_one_error_that_names_each(three: list[Endpoint]) -> None:
    for replica in three:
        replica.dead = True
    with asking(three, attempts=3) as model:
        with pytest.raises(RemoteError, match="no replica of m answers: ") as error:
            model.encode(texts(5))
        assert all(f"{one.url}: the connection failed" in str(error.value) for one in three)
        for replica in three:
            replica.dead = False
        assert np.array_equal(model.encode(texts(5)), expected(texts(5)))


def test_all_that_go_down_under_load_are_asked_again_within_the_attempts(three: list[Endpoint]) -> None:
    # Waits are drawn from 0 on: enough of them that all together cannot be shorter than the fault.
    with asking(three, attempts=20, backoff=0.5) as model:
        model.encode(texts(30))
        for replica in three:
            replica.dead = True

        def back() -> None:
            for replica in three:
                replica.dead = False

        timer = threading.Timer(0.3, back)
        timer.start()
        assert np.array_equal(model.encode(texts(30)), expected(texts(30)))
        timer.join()


def test_what_no_replica_serves_is_told_without_waiting(three: list[Endpoint]) -> None:
    for replica in three:
        replica.always = lambda request: request.refuse(404, "no such model", param="model")
    with asking(three, backoff=50.0) as model:
        begun = time.monotonic()
        with pytest.raises(RemoteError, match=r"it refuses m \(404\): no such model"):
            model.encode("a")
        assert time.monotonic() - begun < 20


def test_a_text_that_is_refused_is_the_callers_and_blames_no_replica(three: list[Endpoint]) -> None:
    def strict(request: Request) -> None:
        if any(len(text) > 100 for text in request.texts):
            request.refuse(400, "too long: has 200 tokens; reads 100")
        else:
            request.well()

    for replica in three:
        replica.always = strict
    with asking(three) as model:
        with pytest.raises(OverlengthError, match="text 1 is too long"):
            model.encode(["text a", "text " + "b" * 200])
        model.encode(texts(10))
        assert eventually(lambda: all(state.serving for state in model.replicas))


def wrong(request: Request) -> None:
    answer = request.answer()
    answer["data"][0]["embedding"] = [0.0] * WIDTH
    request.json(200, answer)


def test_a_wrong_answer_of_one_replica_is_asked_for_elsewhere_and_of_all_is_an_error(
    three: list[Endpoint],
) -> None:
    def poisoned(request: Request) -> None:
        (wrong if "text poison" in request.texts else Request.well)(request)

    with asking(three, max_inputs=1) as model:
        model.encode(texts(9))
        assert eventually(lambda: all(state.serving for state in model.replicas))
        for replica in three:
            replica.always = poisoned
        with pytest.raises(RemoteAnswerError, match="all zeros, for text 0"):
            model.encode("text poison")
        assert all(state.serving for state in model.replicas)
        three[0].always = wrong
        assert np.array_equal(model.encode(texts(40)), expected(texts(40)))
        assert not model.replicas[0].serving


def test_one_request_that_fails_everywhere_takes_nobody_out(three: list[Endpoint]) -> None:
    def crashing(request: Request) -> None:
        if "text poison" in request.texts:
            request.refuse(500, "assertion failed")
        else:
            request.well()

    with asking(three, attempts=6) as model:
        model.encode(texts(9))
        assert eventually(lambda: all(state.serving for state in model.replicas))
        for replica in three:
            replica.always = crashing
        with pytest.raises(RemoteError, match="assertion failed"):
            model.encode("text poison")
        assert [seen(one).count(["text poison"]) for one in three] == [2, 2, 2]
        assert all(state.serving for state in model.replicas)


def test_a_busy_replica_is_spared_and_not_left_out(three: list[Endpoint]) -> None:
    with asking(three, max_inputs=1) as model:
        model.encode(texts(9))
        assert eventually(lambda: all(state.serving for state in model.replicas))
        three[0].always = lambda request: request.refuse(429, "slow down", [("Retry-After", "50")])
        before = len(seen(three[0]))
        begun = time.monotonic()
        assert np.array_equal(model.encode(texts(60)), expected(texts(60)))
        assert time.monotonic() - begun < 20
        # Those that were under way when it first said so, and none after.
        assert len(seen(three[0])) - before <= 4
        assert model.replicas[0].serving


WAYS: dict[str, Behaviour] = {
    "429": lambda request: request.refuse(429, "slow down"),
    "500": lambda request: request.refuse(500, "oh"),
    "503": lambda request: request.refuse(503, "later", [("Retry-After", "0.01")]),
    "cut": lambda request: request.cut_connection(),
    "half": lambda request: request.cut_connection(after=30),
    "well": Request.well,
}
FAILURES = st.lists(st.sampled_from(sorted(WAYS)), max_size=5)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 60), most=st.integers(1, 9), first=FAILURES, second=FAILURES, last=st.booleans())
def test_nothing_is_lost_or_doubled_whatever_two_of_three_do(
    three: list[Endpoint], count: int, most: int, first: list[str], second: list[str], last: bool
) -> None:
    for one in three:
        one.seen.clear()
    three[0].script = [WAYS[name] for name in first]
    three[1].script = [WAYS[name] for name in second]
    three[2].dead = last
    with asking(three, max_inputs=most, attempts=25, longest_wait=0.02) as model:
        given_texts = texts(count)
        steps = list(model.encode_steps(given_texts))
        assert np.array_equal(np.concatenate([rows for rows, _ in steps]), expected(given_texts))
        assert model.usage.texts == count
    arrived = Counter(text for one in three for request in seen(one) for text in request)
    assert set(arrived) == set(given_texts)


def test_a_collection_asks_all_and_finds_them_again(three: list[Endpoint], tmp_path: Path) -> None:
    documents = [samesay.Document(str(i), text) for i, text in enumerate(texts(40))]
    with asking(three, max_inputs=2) as model:
        with samesay.open(tmp_path / "kb", model) as built:
            built.add(documents)
        three[1].dead = True
        with samesay.open(tmp_path / "kb") as again:
            assert again.search(texts(40)[8], mode="semantic")[0].document_id == "8"
            assert again.model.reference == model.reference


def test_an_address_names_replicas_once_and_shows_no_password() -> None:
    found = read_address("http://a:8000/v1,https://b/x,y/v1/#m?concurrency=2")
    assert found.urls == ("http://a:8000/v1", "https://b/x,y/v1")
    assert [one.urls for one in found.replicas()] == [("http://a:8000/v1",), ("https://b/x,y/v1",)]
    assert (found.model, found.options) == ("m", (("concurrency", "2"),))
    with pytest.raises(RemoteError, match="http://a/v1 stands twice"):
        read_address("http://a/v1,http://a/v1/#m")
    with pytest.raises(RemoteError, match="must not hold a user or password"):
        read_address("http://a/v1,http://user:secret@b/v1#m")
    with pytest.raises(RemoteError, match="names no model") as error:
        read_address("http://a/v1,http://user:secret@b/v1")
    assert "secret" not in str(error.value)
