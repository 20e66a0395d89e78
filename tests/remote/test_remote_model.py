"""A model behind an endpoint that fails in every way: nothing is lost, nothing doubled, errors are clear."""

from __future__ import annotations

import base64
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest
from endpoint import WIDTH, Endpoint, Request, endpoint, vector_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import samesay
from samesay.errors import (
    DimensionsError,
    OverlengthError,
    RemoteAnswerError,
    RemoteError,
    TextError,
    TruncationWarning,
)
from samesay.remote.address import read_address
from samesay.remote.model import RemoteModel
from samesay.remote.settings import RemoteSettings

QUICK = {"backoff": 0.005, "read_timeout": 5.0, "total_timeout": 10.0, "attempts": 6}
KEY = "sk-not-to-be-shown-0123456789"


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    for name in ("OPENAI_API_KEY", "SAMESAY_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with endpoint() as one:
        yield one


def model(there: Endpoint, name: str = "some-model", **changes: Any) -> RemoteModel:
    asked = RemoteModel(read_address(f"{there.url}#{name}"), RemoteSettings(**{**QUICK, **changes}))
    there.closing.append(asked.close)
    return asked


def texts(count: int) -> list[str]:
    return [f"text {i} of 我们 {'x' * (i % 7)}" for i in range(count)]


def expected(given_texts: list[str]) -> NDArray[np.float32]:
    return np.stack([vector_of(text) for text in given_texts])


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_vectors_come_in_the_order_of_the_texts(there: Endpoint, encoding: str) -> None:
    asked = model(there, max_inputs=7, encoding=encoding)
    told: list[tuple[float, int]] = []
    vectors = asked.encode(texts(50), progress=lambda done, of: told.append((done, of)))
    assert np.array_equal(vectors, expected(texts(50)))
    assert Counter(text for request in there.seen for text in request) == Counter(texts(50))
    assert max(map(len, there.seen)) <= 7
    assert [int(number) for number in told[-1]] == [50, 50]
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    asked.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 60),
    most=st.integers(1, 9),
    failures=st.lists(st.sampled_from(["429", "500", "503", "cut", "half", "shuffled", "well"]), max_size=12),
)
def test_nothing_is_lost_or_doubled_whatever_fails(
    there: Endpoint, count: int, most: int, failures: list[str]
) -> None:
    def shuffled(request: Request) -> None:
        answer = request.answer()
        answer["data"].reverse()
        request.json(200, answer)

    ways = {
        "429": lambda request: request.refuse(429, "slow down"),
        "500": lambda request: request.refuse(500, "oh"),
        "503": lambda request: request.refuse(503, "later", [("Retry-After", "0.01")]),
        "cut": lambda request: request.cut_connection(),
        "half": lambda request: request.cut_connection(after=30),
        "shuffled": shuffled,
        "well": Request.well,
    }
    there.script = [ways[name] for name in failures]
    there.seen.clear()
    asked = model(there, max_inputs=most, attempts=len(failures) + 1)
    steps = list(asked.encode_steps(texts(count)))
    assert np.array_equal(np.concatenate([rows for rows, _ in steps]), expected(texts(count)))
    assert asked.usage.texts == count
    assert asked.usage.tokens == sum(len(text.split()) for text in texts(count))
    asked.close()


def test_retry_after_is_waited_for_in_seconds_and_as_a_date(there: Endpoint) -> None:
    date = datetime.now(timezone.utc) + timedelta(seconds=2)
    there.script = [lambda r: r.refuse(429, "slow down", [("Retry-After", "0.3")])]
    asked = model(there)
    began = time.monotonic()
    asked.encode("a")
    assert time.monotonic() - began >= 0.3
    there.script = [lambda r: r.refuse(503, "later", [("Retry-After", format_datetime(date, usegmt=True))])]
    began = time.monotonic()
    asked.encode("a")
    assert time.monotonic() - began >= 0.5  # the date has whole seconds
    assert asked.usage.retries == 2
    asked.close()


def test_an_endpoint_that_asks_for_an_hour_is_told_at_once(there: Endpoint) -> None:
    there.always = lambda r: r.refuse(429, "quota of the hour", [("Retry-After", "3600")])
    with pytest.raises(RemoteError, match=r"asks to wait 3600 s .*quota of the hour.*longest_wait"):
        model(there).encode("a")
    assert len(there.seen) == 1


def test_a_hanging_endpoint_times_out_and_is_asked_again(there: Endpoint) -> None:
    there.script = [there.hang]
    asked = model(there, read_timeout=0.2)
    assert np.array_equal(asked.encode("a"), vector_of("a"))
    there.always = there.hang
    with pytest.raises(RemoteError, match=r"was asked 2 times: not a byte within 0\.1 s"):
        model(there, read_timeout=0.1, attempts=2).encode("a")


def test_a_dripping_endpoint_ends_with_the_total_time(there: Endpoint) -> None:
    there.always = there.drip
    began = time.monotonic()
    with pytest.raises(RemoteError, match=r"no whole answer within 0\.3 s"):
        model(there, total_timeout=0.3, attempts=1).encode("a")
    assert time.monotonic() - began < 30


def test_nobody_at_the_address_is_told(there: Endpoint) -> None:
    asked = RemoteModel(read_address("http://127.0.0.1:9/v1#m"), RemoteSettings(attempts=2, backoff=0.001))
    with pytest.raises(RemoteError, match=r"127\.0\.0\.1:9/v1 was asked 2 times: the connection failed"):
        asked.encode("a")
    asked.close()


def broken(change: str) -> Any:
    def behave(request: Request) -> None:
        answer = request.answer()
        data = answer["data"]
        if change == "count":
            data.pop()
        elif change == "double":
            data[1]["index"] = 0
        elif change == "outside":
            data[0]["index"] = 99
        elif change == "width":
            data[0]["embedding"] = base64.b64encode(vector_of("x", WIDTH + 1).tobytes()).decode()
        elif change == "all widths":
            for entry in data:
                entry["embedding"] = vector_of("x", WIDTH + 1).astype(float).tolist()
        elif change == "truncated":
            data[0]["embedding"] = data[0]["embedding"][:-3]
        elif change == "bytes":
            data[0]["embedding"] = base64.b64encode(b"12345").decode()
        elif change == "nan":
            data[0]["embedding"] = [float("nan")] * WIDTH
        elif change == "nan bytes":
            data[0]["embedding"] = base64.b64encode(np.full(WIDTH, np.nan, np.float32).tobytes()).decode()
        elif change == "zeros":
            data[0]["embedding"] = [0.0] * WIDTH
        elif change == "huge":
            data[0]["embedding"] = [10**400] * WIDTH
        elif change == "words":
            data[0]["embedding"] = ["a"] * WIDTH
        elif change == "no data":
            del answer["data"]
        request.json(200, answer)

    return behave


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("count", "1 vectors for 2 texts"),
        ("double", "twice with index 0"),
        ("outside", "index 99 among 2 texts"),
        ("width", "vectors of 8 and 9 dimensions at once"),
        ("all widths", "9 dimensions, and before with 8"),
        ("truncated", "damaged base64 for text 0"),
        ("bytes", "5 bytes for text 0"),
        ("nan", "not finite numbers, for text 0"),
        ("nan bytes", "not finite, for text 0"),
        ("zeros", "all zeros, for text 0"),
        ("huge", "not finite numbers, for text 0"),
        ("words", "not finite numbers, for text 0"),
        ("no data", "without a list 'data'"),
    ],
)
def test_a_wrong_answer_is_an_error_that_says_what_is_wrong(there: Endpoint, change: str, told: str) -> None:
    asked = model(there)
    assert asked.dimensions == WIDTH
    there.seen.clear()
    there.always = broken(change)
    with pytest.raises(RemoteAnswerError, match=told):
        asked.encode(["a", "b"])
    assert len(there.seen) == 1  # a wrong answer is not asked for again
    asked.close()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<!DOCTYPE html><html><h1>Welcome</h1></html>", "a page of HTML instead of JSON: Welcome"),
        (b"", "nothing instead of JSON"),
        (b'{"data": [', "text instead of JSON"),
        (b"[" * 100_000, "text instead of JSON"),
    ],
)
def test_what_is_not_json_is_told(there: Endpoint, content: bytes, told: str) -> None:
    there.always = lambda request: request.send(200, content)
    with pytest.raises(RemoteAnswerError, match=told):
        model(there).encode("a")


def test_a_refused_key_is_told_without_the_key_and_not_tried_again(
    there: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.always = lambda request: request.refuse(401, "No key provided")
    with pytest.raises(RemoteError, match="wants a key: set SAMESAY_API_KEY") as missing:
        model(there).encode("a")
    monkeypatch.setenv("SAMESAY_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    asked = model(there)
    there.always = lambda request: request.refuse(401, f"Incorrect API key provided: {KEY}")
    with pytest.raises(RemoteError, match=r"refuses the key \(401\)") as refused:
        asked.encode("a")
    assert len(there.seen) == 2
    assert there.headers[1]["authorization"] == f"Bearer {KEY}"
    there.always = Request.well
    shown = f"{missing.value}{refused.value}{asked!r}{asked.identity!r}{asked.identity}{asked.reference}"
    shown += f"{asked.__dict__}{asked.address!r}{asked.settings!r}{asked.usage!r}"
    assert KEY not in shown
    assert "somebody" not in shown + str(there.headers)
    asked.close()


def test_the_openai_name_takes_its_address_and_key_from_the_environment(
    there: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_address("openai:text-embedding-3-small").url == "https://api.openai.com/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", there.url + "/")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    asked = samesay.load("openai:text-embedding-3-small?price_per_million_tokens=0.02&max_inputs=2")
    assert isinstance(asked, RemoteModel)
    vectors = asked.encode(["one two", "three", "four"])
    assert np.array_equal(vectors, expected(["one two", "three", "four"]))
    assert there.headers[0]["authorization"] == f"Bearer {KEY}"
    assert asked.usage.cost == pytest.approx(4 * 0.02 / 1e6)
    asked.close()


def test_requests_are_halved_until_the_endpoint_takes_them(there: Endpoint) -> None:
    def at_most_three(request: Request) -> None:
        if len(request.texts) > 3:
            request.json(413, {"error": "batch size 12 > maximum allowed batch size 3", "error_type": "v"})
        else:
            request.well()

    there.always = at_most_three
    asked = model(there, max_inputs=12, concurrency=1)
    assert np.array_equal(asked.encode(texts(60)), expected(texts(60)))
    refused = [one for one in there.seen if len(one) > 3]
    assert len(refused) <= 2  # what it does not take is remembered
    asked.close()


def limit_of(words: int) -> Any:
    def behave(request: Request) -> None:
        longest = max(len(text.split()) for text in request.texts)
        if longest > words:
            told = f"maximum context length is {words} tokens, you requested {longest} tokens"
            request.refuse(400, told, code="context_length_exceeded")
        else:
            request.well()

    return behave


def test_a_text_that_is_too_long_is_named_or_cut(there: Endpoint) -> None:
    there.always = limit_of(100)
    asked = model(there, "m", max_tokens=100)
    long = "word " * 250
    given_texts = ["a", "b", long, "c"]
    with pytest.raises(OverlengthError, match=r"text 2 is too long for m .*100 tokens"):
        asked.encode(given_texts)
    assert asked.too_long(given_texts).tolist() == [False, False, True, False]
    with pytest.raises(OverlengthError, match="text 2 is too long"):
        asked.check(given_texts)
    with pytest.warns(TruncationWarning, match="1 of 4 texts cut to 100 tokens"):
        vectors = asked.encode(given_texts, overlength="truncate")
    kept = [request[0] for request in there.seen if request[0].startswith("word")][-1]
    assert long.startswith(kept)
    assert 50 <= len(kept.split()) <= 100
    assert np.array_equal(vectors, expected(["a", "b", kept, "c"]))
    asked.close()


def test_a_text_that_is_refused_for_another_reason_is_named(there: Endpoint) -> None:
    def no_empty_text(request: Request) -> None:
        if "" in request.texts:
            request.refuse(400, "input cannot be empty")
        else:
            request.well()

    there.always = no_empty_text
    with pytest.raises(TextError, match=r"text 1 was refused by .*input cannot be empty"):
        model(there).encode(["a", "", "b"])
    with pytest.raises(TextError, match="text 0 is not valid Unicode"):
        model(there).encode(["\ud800"])
    with pytest.raises(TextError, match="text 1 is of type int"):
        model(there).encode(["a", 3])  # type: ignore[list-item]


def test_an_unknown_model_is_told_in_the_endpoints_words_once(there: Endpoint) -> None:
    there.always = lambda request: request.refuse(404, "no model some-model here", param="model")
    with pytest.raises(RemoteError, match=r"refuses some-model \(404\): no model some-model here"):
        model(there).encode(texts(40))
    assert len(there.seen) == 1


def test_an_endpoint_without_encodings_is_asked_without_them(there: Endpoint) -> None:
    def plain(request: Request) -> None:
        if "encoding_format" in request.body:
            request.refuse(422, "unknown field encoding_format")
        else:
            request.well()

    there.always = plain
    assert np.array_equal(model(there).encode(texts(5)), expected(texts(5)))


@pytest.mark.parametrize("count", [4, 9])
def test_requests_at_once_learn_each_that_there_are_no_encodings(there: Endpoint, count: int) -> None:
    together = threading.Barrier(4)

    def plain(request: Request) -> None:
        if "encoding_format" in request.body:
            # All are under way before the first is refused, and the last of them is a single text.
            together.wait(30)
            request.refuse(400, "unknown parameter encoding_format")
        else:
            request.well()

    there.always = plain
    asked = model(there, max_inputs=max(1, count // 4), concurrency=4, read_timeout=30.0, total_timeout=60.0)
    assert np.array_equal(asked.encode(texts(count)), expected(texts(count)))
    asked.close()


def test_dimensions_are_cut_there_or_here_and_an_endpoint_that_ignores_them_is_found_out(
    there: Endpoint,
) -> None:
    assert np.array_equal(model(there).encode("a", dimensions=4), vector_of("a", 4))

    def ignoring(request: Request) -> None:
        request.body.pop("dimensions", None)
        request.well()

    there.always = ignoring
    with pytest.raises(DimensionsError, match=r"asked for 4 dimensions and gave 8.*cut=here"):
        model(there).encode("a", dimensions=4)
    here = model(there, cut="here").encode("a", dimensions=4)
    np.testing.assert_allclose(here, vector_of("a")[:4] / np.linalg.norm(vector_of("a")[:4]), rtol=1e-6)
    with pytest.raises(DimensionsError, match="1 to 8 dimensions, not 9"):
        model(there).encode("a", dimensions=9)


def test_vectors_of_other_lengths_are_scaled_and_unit_ones_keep_their_bits(there: Endpoint) -> None:
    def longer(request: Request) -> None:
        answer = request.answer()
        answer["data"][0]["embedding"] = (3 * vector_of(request.texts[0]).astype(float)).tolist()
        request.json(200, answer)

    there.always = longer
    found = model(there).encode(["a", "b"])
    np.testing.assert_allclose(found[0], vector_of("a"), rtol=1e-6)
    assert np.array_equal(found[1], vector_of("b"))


def test_prompts_are_sent_as_text_by_the_models_name_or_as_the_user_says(there: Endpoint) -> None:
    qwen = model(there, "Qwen/Qwen3-Embedding-0.6B")
    qwen.encode("a", prompt="query", task="Find it in the books")
    qwen.encode("a", prompt="document")
    model(there, "mine", prompts="multilingual-e5-small").encode("a", prompt="document")
    model(there, "Qwen3-Embedding-8B", prompts="none").encode("a", prompt="query")
    sent = ["Instruct: Find it in the books\nQuery:a", "a", "passage: a", "a"]
    assert there.seen == [[text] for text in sent]


def test_a_failing_progress_ends_the_requests(there: Endpoint) -> None:
    class EnoughError(Exception):
        pass

    def stop(done: float, _: int) -> None:
        raise EnoughError

    asked = model(there, max_inputs=1, concurrency=1)
    with pytest.raises(EnoughError):
        asked.encode(texts(500), progress=stop)
    time.sleep(0.1)
    seen = len(there.seen)
    time.sleep(0.1)
    assert seen < 500
    assert len(there.seen) == seen
    asked.close()


def test_ctrl_c_ends_a_call_that_waits(there: Endpoint) -> None:
    there.always = there.hang
    asked = model(there)
    timer = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        asked.encode("a")
    assert time.monotonic() - began < 20
    timer.join()
    asked.close()


def test_threads_share_a_model(there: Endpoint) -> None:
    asked = model(there, max_inputs=3)
    found: dict[int, Any] = {}

    def work(number: int) -> None:
        found[number] = asked.encode([f"{number} {i}" for i in range(10)])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, vectors in found.items():
        assert np.array_equal(vectors, expected([f"{number} {i}" for i in range(10)]))
    assert len(found) == 6
    asked.close()


def test_threads_go_on_with_a_model_that_was_closed(there: Endpoint) -> None:
    # More requests than may be sent at a time, so that some wait for others.
    asked = model(there, max_inputs=1, concurrency=1)
    for _ in range(3):
        found: list[Any] = []

        def work(found: list[Any] = found) -> None:
            found.append(asked.encode(texts(6)))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert all(np.array_equal(vectors, expected(texts(6))) for vectors in found)
        asked.close()


def test_the_limit_comes_from_the_endpoints_list_of_models(there: Endpoint) -> None:
    assert model(there, "m").max_tokens == 512
    there.models = [{"id": "m", "max_model_len": 8192}, {"id": "n", "max_tokens": 256, "aliases": ["o"]}]
    assert model(there, "m").max_tokens == 8192
    assert model(there, "o").max_tokens == 256
    assert model(there, "o", max_tokens=99).max_tokens == 99


def test_identity_is_the_name_and_the_prompts_and_not_the_endpoint(there: Endpoint) -> None:
    with endpoint() as other:
        one, same = model(there, "m").identity, model(other, "m").identity
        assert one.fingerprint == same.fingerprint
    assert model(there, "n").identity.fingerprint != one.fingerprint
    assert model(there, "m", prompts="e5-small").identity.fingerprint != one.fingerprint
    assert model(there, "m").identity_at(4).fingerprint != one.fingerprint
    assert str(one).startswith("m, remote, 8 dimensions, ")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("openai:", "names no model"),
        ("http://127.0.0.1/v1", "names no model"),
        ("http://user:pass@host/v1#m", "must not hold a user or password"),
        ("http://host/v1?key=1#m", "options stand behind the model"),
        ("http://:80/v1#m", "must begin with http:// or https:// and a host"),
        ("http://host:99999/v1#m", "no sound address"),
        ("http://host/v1#m?colour=red", "'colour' is no option of an endpoint"),
        ("http://host/v1#m?concurrency=none", "concurrency must be a number"),
        ("http://host/v1#m?concurrency=0", "concurrency must be a whole number from 1 on"),
        ("http://host/v1#m?cut=maybe", "cut must be there or here"),
        ("http://host/v1#m?max_tokens", "name=value"),
        ("http://host/v1#m?prompts=unheard-of", "no prompts are known for 'unheard-of'"),
    ],
)
def test_a_name_that_is_no_endpoint_is_refused_with_the_mend(name: str, told: str) -> None:
    with pytest.raises(RemoteError, match=told) as error:
        samesay.load(name)
    assert "pass@" not in str(error.value)


def test_options_of_engines_are_refused_for_an_endpoint() -> None:
    with pytest.raises(RemoteError, match="precision and threads cannot be chosen"):
        samesay.load("http://host/v1#m", precision="fp32", threads=2)
