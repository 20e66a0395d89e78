"""Texts in, vectors out: every text becomes a vector of length 1 or a clear error; nothing is cut unasked."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import samesay
from samesay.checkpoint.prompts import TASKS
from samesay.errors import (
    DimensionsError,
    OverlengthError,
    PromptError,
    SamesayError,
    TextError,
    TokenError,
    TruncationWarning,
)

Copy = Callable[[str], Path]
Load = Callable[[str], samesay.EmbeddingModel]

DECODERS = ("qwen3-gqa2", "mistral-gqa4", "mistral-gqa1")
ENCODERS = ("bert-mean", "bert-cls", "xlm-roberta-mean")
MODELS = DECODERS + ENCODERS
RETRIEVAL = "Given a web search query, retrieve relevant passages that answer the query"

ODD_TEXTS = {
    "one letter": "a",
    "empty": "",
    "spaces": "   ",
    "white space": " \t\n\r\u00a0\u3000\u2028",
    "emoji": "🙂👍🚀",
    "one family": "👩‍👩‍👧‍👦",
    "NUL": "\0",
    "NUL inside": "before\0after",
    "control characters": "".join(map(chr, range(32))),
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "byte order mark": "\ufeffa",
    "right to left": "הגשר סגור עד הבוקר. الجسر مغلق حتى الصباح.",
    "overrides": "\u202eabc\u202c\u200f",
    "combining": "e" + "\u0301" * 60,
    "Chinese": "桥要等水退了才会开放，我们明天再来。",
    "unassigned": "\u0378\U000e0fff",
    "long word": "x" * 200,
    "special tokens spelt": "<|endoftext|></s>[SEP]<s>[CLS]<pad>",
}


@pytest.fixture(scope="session")
def load(fixtures: Path) -> Load:
    """Loads each committed checkpoint once, in the precision of the reference."""
    loaded: dict[str, samesay.EmbeddingModel] = {}

    def get(name: str) -> samesay.EmbeddingModel:
        if name not in loaded:
            loaded[name] = samesay.load(fixtures / name, precision="fp32", threads=2)
        return loaded[name]

    return get


def lengths(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    norms: NDArray[np.float64] = np.linalg.norm(vectors.astype(np.float64), axis=-1)
    return norms


def assert_unit(vectors: NDArray[np.float32]) -> None:
    assert vectors.dtype == np.float32
    assert np.abs(lengths(vectors) - 1).max(initial=0) < 1e-5


# Every text


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ODD_TEXTS)
def test_odd_texts_have_vectors_that_no_neighbour_changes(name: str, kind: str, load: Load) -> None:
    model, text = load(name), ODD_TEXTS[kind]
    alone = model.encode(text)
    assert alone.shape == (model.dimensions,)
    assert_unit(alone)
    together = model.encode(["the river", text, "", text])
    assert together[1].tobytes() == together[3].tobytes() == alone.tobytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=40), max_size=6), name=st.sampled_from(MODELS))
def test_any_unicode_is_encoded_and_any_other_string_is_named(
    texts: list[str], name: str, load: Load
) -> None:
    model = load(name)
    surrogates = [i for i, text in enumerate(texts) if any("\ud800" <= c <= "\udfff" for c in text)]
    if surrogates:
        with pytest.raises(TextError, match=f"text {surrogates[0]} .*lone surrogate"):
            model.encode(texts)
        return
    vectors = model.encode(texts)
    assert vectors.shape == (len(texts), model.dimensions)
    assert_unit(vectors)
    assert vectors.tobytes() == model.encode_tokens(model.tokenize(texts)).tobytes()


@pytest.mark.parametrize("prompt", [None, "query", "document"])
def test_a_lone_surrogate_is_named_by_its_place_in_the_text_and_the_list(
    prompt: Literal["query", "document"] | None, load: Load
) -> None:
    texts = ["a"] * 2000 + ["abc\udcff", "\ud800"]
    for call in (load("qwen3-gqa2").encode, load("qwen3-gqa2").tokenize, load("qwen3-gqa2").count_tokens):
        with pytest.raises(TextError, match=r"text 2000 .*\\udcff' at character 3"):
            call(texts, prompt=prompt)


@pytest.mark.parametrize("value", [None, 5, 1.5, b"abc", ("a", "b"), ["a", "b"], {"a": 1}, float("nan")])
def test_what_is_no_string_is_named_by_its_place(value: Any, load: Load) -> None:
    with pytest.raises(TextError, match=rf"text 1500 is of type {type(value).__name__}"):
        load("bert-mean").encode(["a"] * 1500 + [value])


@pytest.mark.parametrize("value", [None, 5, 1.5, object()])
def test_what_is_neither_a_text_nor_texts_is_refused(value: Any, load: Load) -> None:
    model = load("bert-mean")
    for call in (model.encode, model.tokenize, model.count_tokens, model.similarity_matrix):
        with pytest.raises(TextError, match=type(value).__name__):
            call(value)


def test_one_string_gives_a_row_and_a_list_a_table(load: Load) -> None:
    model = load("bert-mean")
    assert model.encode("abc").shape == (36,)
    assert model.encode(["abc"]).shape == (1, 36)
    assert model.encode(["abc"])[0].tobytes() == model.encode("abc").tobytes()
    assert model.encode(("a", "b")).shape == (2, 36)
    assert model.encode(np.array(["a", "b"])).tobytes() == model.encode(["a", "b"]).tobytes()  # type: ignore[arg-type]


def test_no_texts_give_no_rows(load: Load) -> None:
    model = load("qwen3-gqa2")
    assert model.encode([]).shape == (0, 64)
    assert model.encode([], dimensions=32).shape == (0, 32)
    assert model.encode_tokens([]).shape == (0, 64)
    assert model.count_tokens([]).shape == (0,)
    assert len(model.tokenize([])) == 0
    assert model.similarity([], []).shape == (0,)
    assert model.similarity_matrix([], ["a"]).shape == (0, 1)
    assert model.similarity_matrix(["a"], []).shape == (1, 0)


def test_ten_thousand_texts_come_out_in_their_order(load: Load) -> None:
    model = load("bert-cls")
    texts = [f"item {number} of {number % 7}" for number in range(10_000)]
    done: list[tuple[float, int]] = []
    vectors = model.encode(texts, progress=lambda count, total: done.append((count, total)))
    assert vectors.shape == (10_000, 48)
    assert_unit(vectors)
    for number in (0, 1, 1023, 1024, 1025, 5000, 9999):
        assert vectors[number].tobytes() == model.encode(texts[number]).tobytes()
    counts = [count for count, _ in done]
    assert counts == sorted(counts)
    assert counts[-1] == 10_000
    assert {total for _, total in done} == {10_000}


# Length


@pytest.mark.parametrize("count", [0, 1, 1023, 1024, 1025, 2500])
def test_a_stream_gives_the_bits_of_a_list_and_takes_texts_as_it_needs_them(count: int, load: Load) -> None:
    model = load("bert-mean")
    texts = [f"text {i} of {'我们 ' * (i % 5)}" for i in range(count)]
    taken = 0

    def source() -> Iterator[str]:
        nonlocal taken
        for text in texts:
            taken += 1
            yield text

    blocks = []
    for block in model.encode_stream(source(), dimensions=None):
        blocks.append(block)
        assert len(block) <= 1024
        # One block is computed and the next is tokenized; no more are in memory.
        assert taken <= 1024 * (len(blocks) + 1)
    streamed = np.concatenate([block for block in blocks if len(block)] or [model.encode([])])
    assert streamed.tobytes() == model.encode(texts).tobytes()
    assert len(streamed) == count


def test_a_stream_says_which_text_is_wrong_and_cuts_where_asked(load: Load) -> None:
    model = load("bert-mean")
    texts: list[Any] = ["short"] * 1500
    texts[1300] = 7
    with pytest.raises(TextError, match="text 1300"):
        list(model.encode_stream(iter(texts)))
    texts[1300] = "long " * 5000
    with pytest.raises(OverlengthError, match="text 1300"):
        list(model.encode_stream(iter(texts)))
    with pytest.warns(TruncationWarning):
        assert sum(len(block) for block in model.encode_stream(iter(texts), overlength="truncate")) == 1500


@pytest.mark.parametrize("name", MODELS)
def test_a_text_far_too_long_is_an_error_with_both_numbers(name: str, load: Load) -> None:
    model = load(name)
    text = "word " * 20_000
    assert len(text) == 100_000
    [tokens] = model.count_tokens([text])
    assert tokens > 20_000
    for call in (model.encode, model.tokenize):
        with pytest.raises(OverlengthError, match=rf"text 1 has {tokens} tokens.*{model.max_tokens}"):
            call(["a", text, text])


@pytest.mark.parametrize("name", MODELS)
def test_the_limit_itself_still_fits(name: str, load: Load) -> None:
    model = load(name)
    around = int(model.count_tokens([""])[0])
    one = int(model.count_tokens(["a"])[0]) - around
    letters = " a" if model.count_tokens([" a a"])[0] == 2 * one + around else "a "
    text = letters * ((model.max_tokens - around) // one)
    while model.count_tokens([text])[0] > model.max_tokens:
        text = text[: -len(letters)]
    longer = text
    while model.count_tokens([longer])[0] <= model.max_tokens:
        text, longer = longer, longer + letters
    assert_unit(model.encode(text))
    with pytest.raises(OverlengthError):
        model.encode(longer)


@pytest.mark.parametrize("name", MODELS)
def test_cutting_keeps_the_end_token_and_counts_what_it_cut(name: str, load: Load) -> None:
    model = load(name)
    short, long = "the river is high", "the river is high and the bridge is closed " * 200
    full = model.checkpoint.tokenizer.encode([long])[0]
    limit = model.max_tokens
    assert len(full) > limit
    tokens = model.tokenize([short, long], overlength="truncate")
    assert tokens.cut.tolist() == [0, len(full) - limit]
    assert tokens.lengths.tolist() == [int(model.count_tokens([short])[0]), limit]
    kept = tokens.token_ids[tokens.offsets[1] :].tolist()
    trailing = model.checkpoint.tokenizer.special_tokens.trailing
    assert len(trailing) == 1
    assert kept == [*full[: limit - 1], *trailing]
    assert kept[-1] == full[-1]


def test_cutting_warns_once_with_the_counts_and_points_at_the_caller(load: Load) -> None:
    model = load("bert-mean")
    long = "the river " * 3000
    texts = [long] * 3 + ["a"] * 2000 + [long]
    lost = 4 * int(model.count_tokens([long])[0] - model.max_tokens)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vectors = model.encode(texts, overlength="truncate")
    assert [warning.category for warning in caught] == [TruncationWarning]
    assert caught[0].filename == __file__
    message = str(caught[0].message)
    assert all(str(number) in message for number in (4, 2004, 640, lost)), message
    assert vectors[0].tobytes() == vectors[2003].tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.encode(["a"], overlength="truncate")


@pytest.mark.parametrize("method", ["similarity", "similarity_matrix"])
def test_a_comparison_that_cuts_warns_once_and_points_at_the_caller(method: str, load: Load) -> None:
    model = load("bert-mean")
    long = "the river " * 3000
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(model, method)([long, "a"], ["b", long], overlength="truncate")
    assert [warning.category for warning in caught] == [TruncationWarning]
    assert caught[0].filename == __file__
    assert "2 of 4" in str(caught[0].message)


def test_what_was_cut_has_the_vector_of_the_cut_ids(load: Load) -> None:
    model = load("mistral-gqa4")
    long = "the river is high " * 900
    tokens = model.tokenize([long], overlength="truncate")
    with pytest.warns(TruncationWarning):
        vector = model.encode([long], overlength="truncate")
    assert vector.tobytes() == model.encode_tokens(tokens).tobytes()
    assert tokens.token_ids[-1] == 2


@pytest.mark.parametrize("value", ["cut", "", None, True, "Truncate"])
def test_another_way_with_long_texts_is_refused(value: Any, load: Load) -> None:
    with pytest.raises(PromptError, match=r"'error' or 'truncate'"):
        load("bert-mean").encode("a", overlength=value)


def test_a_tokenizer_that_adds_nothing_gives_an_empty_text_no_vector(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-mean")
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    tokenizer["post_processor"] = None
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    model = samesay.load(folder, precision="fp32")
    assert_unit(model.encode("a"))
    for empty in ("", "  "):
        with pytest.raises(TextError, match="text 1 has no tokens"):
            model.encode(["a", empty])


# Token ids


@pytest.mark.parametrize("name", MODELS)
def test_texts_and_their_ids_give_the_same_bits(name: str, load: Load) -> None:
    model = load(name)
    texts = list(ODD_TEXTS.values())
    tokens = model.tokenize(texts)
    sequences = [
        tokens.token_ids[begin:end].tolist()
        for begin, end in zip(tokens.offsets, tokens.offsets[1:], strict=False)
    ]
    want = model.encode(texts).tobytes()
    assert model.encode_tokens(tokens).tobytes() == want
    assert model.encode_tokens(sequences).tobytes() == want
    assert model.encode_tokens([tuple(ids) for ids in sequences]).tobytes() == want
    assert model.encode_tokens([np.array(ids) for ids in sequences]).tobytes() == want  # type: ignore[misc]
    assert model.count_tokens(texts).tolist() == tokens.lengths.tolist() == [len(ids) for ids in sequences]
    assert tokens.token_ids.dtype == np.int32
    assert tokens.offsets.dtype == tokens.cut.dtype == np.int64
    assert not tokens.cut.any()


def test_the_mistral_end_token_is_there_without_being_asked_for(load: Load) -> None:
    for name in ("mistral-gqa4", "mistral-gqa1"):
        tokens = load(name).tokenize(["", "a", "the river"], prompt="query")
        assert tokens.token_ids[tokens.offsets[1:] - 1].tolist() == [2, 2, 2]
        assert tokens.token_ids[tokens.offsets[:-1]].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([[1], [2, 464]], "sequence 1 .*464.*0 to 463"),
        ([[1], [2], [-1, 5]], "sequence 2 .*-1.*0 to 463"),
        ([[2**31 - 1]], "2147483647"),
        ([[2**31]], "below 2\\^31"),
        ([[-(2**31) - 1]], "below 2\\^31"),
        ([[10**30]], "below 2\\^31"),
        ([[1], []], "sequence 1 has no tokens"),
        ([[]], "sequence 0 has no tokens"),
        ([[1], [1] * 2049], "sequence 1 has 2049 tokens.*2048"),
        ([[1.0, 2.0]], "whole numbers"),
        ([[1, 2.5]], "whole numbers"),
        ([["1"]], "whole numbers"),
        (["12"], "whole numbers"),
        ("12", "whole numbers"),
        ([[None]], "whole numbers"),
        ([[[1]]], "whole numbers"),
        ([1, 2], "sequences of whole numbers"),
        (5, "sequences of whole numbers"),
        (None, "sequences of whole numbers"),
        ([None], "sequences of whole numbers"),
        ([np.array([1.0])], "whole numbers"),
        ([{1.5: 2}], "whole numbers"),
    ],
)
def test_ids_that_are_none_are_named_by_their_sequence(ids: Any, words: str, load: Load) -> None:
    with pytest.raises(TokenError, match=words):
        load("qwen3-gqa2").encode_tokens(ids)


def test_a_wrong_id_is_named_by_its_sequence_however_many_passes_there_are(load: Load) -> None:
    model = load("qwen3-gqa2")
    sequences: list[list[int]] = [[1] * 2000] * 9
    for wrong, words in (([5, 464], "464"), ([], "no tokens"), ([1] * 2049, "2049")):
        with pytest.raises(TokenError, match=f"sequence 9 .*{words}"):
            model.encode_tokens([*sequences, wrong])


def test_tokenized_texts_that_contradict_themselves_are_refused(load: Load) -> None:
    model = load("qwen3-gqa2")
    ids = np.arange(6, dtype=np.int32)
    for offsets in ([0, 7], [0, 5], [1, 6], [0, 4, 2, 6], [0, 0, 6], [-2, 6], [0, 6, 6]):
        count = len(offsets) - 1
        tokens = samesay.TokenizedTexts(ids, np.array(offsets, np.int64), np.zeros(count, np.int64))
        with pytest.raises(TokenError):
            model.encode_tokens(tokens)


# Prompts


@pytest.mark.parametrize(
    ("name", "query", "document"),
    [
        ("qwen3-gqa2", f"Instruct: {RETRIEVAL}\nQuery:", ""),
        ("mistral-gqa4", f"Instruct: {RETRIEVAL}\nQuery: ", ""),
        ("mistral-gqa1", f"Instruct: {RETRIEVAL}\nQuery: ", ""),
        ("xlm-roberta-mean", "query: ", "passage: "),
        ("bert-mean", "", ""),
    ],
)
def test_a_prompt_reads_as_the_joined_string(name: str, query: str, document: str, load: Load) -> None:
    model = load(name)
    texts = [text for kind, text in ODD_TEXTS.items() if kind != "control characters"]
    prompts: tuple[tuple[Literal["query", "document"] | None, str], ...] = (
        ("query", query),
        ("document", document),
        (None, ""),
    )
    for prompt, prefix in prompts:
        joined = [prefix + text for text in texts]
        got, want = model.tokenize(texts, prompt=prompt), model.tokenize(joined)
        assert got.token_ids.tolist() == want.token_ids.tolist()
        assert got.offsets.tolist() == want.offsets.tolist()
        assert model.encode(texts, prompt=prompt).tobytes() == model.encode(joined).tobytes()
        assert model.count_tokens(texts, prompt=prompt).tolist() == want.lengths.tolist()


def test_a_task_by_name_and_in_words_is_the_same_instruction(load: Load) -> None:
    model = load("qwen3-gqa2")
    for name, words in TASKS.items():
        by_name = model.encode("a", prompt="query", task=name)
        assert by_name.tobytes() == model.encode("a", prompt="query", task=words).tobytes()
        assert by_name.tobytes() == model.encode(f"Instruct: {words}\nQuery:a").tobytes()
    free = model.encode("a", prompt="query", task="找出意思相同的句子")
    assert free.tobytes() == model.encode("Instruct: 找出意思相同的句子\nQuery:a").tobytes()


def test_prompts_and_tasks_that_a_model_does_not_take_are_refused(load: Load) -> None:
    qwen, bert = load("qwen3-gqa2"), load("bert-mean")
    for call in (bert.encode, bert.tokenize, bert.count_tokens):
        with pytest.raises(PromptError, match="takes no task"):
            call(["a"], prompt="query", task="bitext")
    with pytest.raises(PromptError, match="prompt='query'"):
        qwen.encode("a", task="bitext")
    with pytest.raises(PromptError, match="prompt='query'"):
        qwen.encode("a", prompt="document", task="bitext")
    with pytest.raises(PromptError, match="named tasks"):
        qwen.encode("a", prompt="query", task="bitex")
    with pytest.raises(PromptError, match="passage"):
        qwen.encode("a", prompt="passage")  # type: ignore[arg-type]
    with pytest.raises(PromptError, match="Unicode"):
        qwen.encode("a", prompt="query", task="words with \ud800")
    with pytest.raises(PromptError, match="mode"):
        qwen.similarity("a", "b", mode="both")  # type: ignore[arg-type]
    with pytest.raises(PromptError, match="task"):
        qwen.similarity("a", "b", mode="plain", task="bitext")


# Widths


@pytest.mark.parametrize("width", [32, 33, 47, 63, 64])
def test_a_cut_vector_is_the_beginning_of_the_whole_one_made_length_one_again(width: int, load: Load) -> None:
    model = load("qwen3-gqa2")
    texts = list(ODD_TEXTS.values())
    whole = model.encode(texts).astype(np.float64)[:, :width]
    want = whole / np.linalg.norm(whole, axis=1, keepdims=True)
    got = model.encode(texts, dimensions=width)
    assert got.shape == (len(texts), width)
    assert np.abs(got - want).max() < 1e-6
    assert_unit(got)
    assert got.tobytes() == model.encode_tokens(model.tokenize(texts), dimensions=width).tobytes()
    left, right = got[:-1], got[1:]
    scores = model.similarity(texts[:-1], texts[1:], mode="plain", dimensions=width)
    assert np.abs(scores - (left * right).sum(axis=1)).max() < 1e-6


@pytest.mark.parametrize("width", [0, 1, 31, 65, -1, 10**30, True, False, 32.0, "32", [32]])
def test_a_width_that_the_model_does_not_give_is_refused_before_any_work(width: Any, load: Load) -> None:
    model = load("qwen3-gqa2")
    for call in (
        lambda: model.encode(["a"], dimensions=width),
        lambda: model.encode([], dimensions=width),
        lambda: model.encode_tokens([[5]], dimensions=width),
        lambda: model.similarity("a", "b", dimensions=width),
        lambda: model.similarity_matrix(["a"], dimensions=width),
        lambda: model.identity_at(width),
    ):
        with pytest.raises(DimensionsError):
            call()


@pytest.mark.parametrize("name", ["bert-mean", "xlm-roberta-cls", "mistral-gqa4"])
def test_a_model_that_was_not_trained_to_be_cut_is_not_cut(name: str, load: Load) -> None:
    model = load(name)
    with pytest.raises(DimensionsError, match="not trained"):
        model.encode("a", dimensions=32 if model.dimensions > 32 else 16)
    assert model.encode("a", dimensions=model.dimensions).tobytes() == model.encode("a").tobytes()


def test_a_numpy_width_is_a_width(load: Load) -> None:
    model = load("qwen3-gqa2")
    width: Any = np.int64(32)
    assert model.encode("a", dimensions=width).tobytes() == model.encode("a", dimensions=32).tobytes()


# Similarity

LEFT = ["the river is high", "the bank is closed", "", "桥"]
RIGHT = ["the water is high", "a", "the bridge", "桥要等水退了才会开放"]


@pytest.mark.parametrize("name", MODELS)
def test_similarity_is_the_cosine_of_the_vectors_in_every_mode(name: str, load: Load) -> None:
    model = load(name)
    modes: tuple[Literal["symmetric", "query-document", "plain"], ...] = (
        "symmetric",
        "query-document",
        "plain",
    )
    for mode in modes:
        left, right = model.prompts.pair_prefixes(mode)
        a = model.encode([left + text for text in LEFT])
        b = model.encode([right + text for text in RIGHT])
        pairs = model.similarity(LEFT, RIGHT, mode=mode)
        table = model.similarity_matrix(LEFT, RIGHT, mode=mode)
        assert pairs.shape == (4,)
        assert table.shape == (4, 4)
        assert pairs.dtype == table.dtype == np.float32
        assert np.abs(pairs - (a * b).sum(axis=1)).max() < 1e-6
        assert np.abs(table - a @ b.T).max() < 1e-6
        assert np.array_equal(np.diag(table), pairs)
        for row, text in zip(table, LEFT, strict=True):
            assert np.array_equal(model.similarity_matrix([text], RIGHT[::-1], mode=mode)[0, ::-1], row)
        assert np.abs(pairs).max() <= 1


def test_symmetric_is_symmetric_and_a_text_is_like_itself(load: Load) -> None:
    for name in MODELS:
        model = load(name)
        assert model.similarity(LEFT, RIGHT).tobytes() == model.similarity(RIGHT, LEFT).tobytes()
        assert np.abs(model.similarity(LEFT, LEFT) - 1).max() < 1e-6
        table = model.similarity_matrix(LEFT)
        assert np.array_equal(table, table.T)
        assert np.array_equal(table, model.similarity_matrix(LEFT, LEFT))
        assert table.max() <= 1


def test_all_with_all_in_query_document_mode_tells_the_sides_apart(load: Load) -> None:
    model = load("qwen3-gqa2")
    table = model.similarity_matrix(LEFT, mode="query-document")
    assert np.array_equal(table, model.similarity_matrix(LEFT, LEFT, mode="query-document"))
    assert np.abs(table - table.T).max() > 1e-4


def test_single_strings_are_a_pair(load: Load) -> None:
    model = load("bert-cls")
    assert model.similarity("a", "b").shape == (1,)
    assert model.similarity("a", "b")[0] == model.similarity(["a"], ["b"])[0]


def test_sides_of_different_length_are_no_pairs(load: Load) -> None:
    with pytest.raises(TextError, match="2 and 1"):
        load("bert-cls").similarity(["a", "b"], ["c"])
    with pytest.raises(TextError, match="1 and 2"):
        load("bert-cls").similarity("ab", ["c", "d"])


# The model itself


def test_a_model_says_what_it_is(load: Load, fixtures: Path) -> None:
    model = load("qwen3-gqa2")
    assert (model.name, model.folder, model.dimensions, model.max_tokens) == (
        "qwen3-gqa2",
        fixtures / "qwen3-gqa2",
        64,
        2048,
    )
    assert "qwen3-gqa2" in repr(model)
    assert "fp32" in repr(model)


def test_whether_vectors_may_be_cut_can_be_told(fixtures: Path) -> None:
    told = samesay.load(fixtures / "mistral-gqa4", precision="fp32", matryoshka=True)
    assert told.encode("a", dimensions=40).shape == (40,)
    untold = samesay.load(fixtures / "qwen3-gqa2", precision="fp32", matryoshka=False)
    with pytest.raises(DimensionsError):
        untold.encode("a", dimensions=40)


def test_every_error_of_a_call_leaves_the_model_as_it_was(load: Load) -> None:
    model = load("qwen3-gqa2")
    want = model.encode(LEFT).tobytes()
    calls: tuple[Callable[[], object], ...] = (
        lambda: model.encode("\ud800"),
        lambda: model.encode("word " * 20_000),
        lambda: model.encode_tokens([[464]]),
        lambda: model.encode("a", dimensions=1),
    )
    for call in calls:
        with pytest.raises(SamesayError):
            call()
        assert model.encode(LEFT).tobytes() == want
