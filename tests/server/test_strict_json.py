"""JSON of strangers has one meaning or is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesay.server.problems import Problem
from samesay.server.strict_json import parse_object

numbers = st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), values, max_size=8), st.booleans())
@settings(max_examples=50)
def test_sound_objects_are_read_as_python_reads_them(value: dict[str, object], escaped: bool) -> None:
    assert parse_object(json.dumps(value, ensure_ascii=escaped).encode()) == value


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b'{"a":1,}', "JSON"),
        (b"[1]", "an array"),
        (b"null", "null"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":1e999}', "too large"),
        (b'{"a":' + b"9" * 5000 + b"}", "5000 digits"),
        (b'{"a":1,"a":1}', "'a' is there more than once"),
        (b'{"x":{"b":1,"b":2}}', "'b'"),
        (b'{"a":"\xff"}', "byte 6 is 0xff"),
        (b'\xef\xbb\xbf{"a":1}', "JSON"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":["x",{"b":"\\uDfff"}]}', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (b'{"\\ud83d":1,"\\ud83d":1}', "more than once"),
        (b'{"a":' + b"[" * 200_000 + b"}", "nested"),
        (b"{" + b",".join(b'"k%d":1' % i for i in range(100)) + b"}", "100 keys"),
    ],
)
def test_everything_else_is_refused_in_words(body: bytes, word: str) -> None:
    with pytest.raises(Problem, match=word) as caught:
        parse_object(body)
    assert caught.value.status == 400
    caught.value.message.encode()


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_bad_request(body: bytes) -> None:
    told: Problem | None = None
    try:
        assert isinstance(parse_object(body), dict)
    except Problem as problem:
        told = problem
    if told is not None:
        assert told.response().status_code == 400
