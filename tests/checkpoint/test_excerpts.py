"""Ids read with an excerpt of a vocabulary are those of the whole, for any text."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from test_words import library, random_text, read
from tokenizers import Tokenizer

from samesay.checkpoint import excerpts, stored_vocabulary, tokenizer
from samesay.checkpoint.fingerprint import file_stamp, is_settled
from samesay.checkpoint.tokenizer import TextTokenizer
from samesay.errors import CheckpointError, TextError

READ_IN_PARTS = ("qwen3-gqa2", "mistral-gqa4", "xlm-roberta-mean", "xlm-roberta-cls")

pytestmark = pytest.mark.usefixtures("isolated_cache")


@pytest.fixture(autouse=True)
def small_files_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "SMALLEST_FILE", 0)


@pytest.fixture
def without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excerpts, "ALLOWANCE", 1 << 40)


def second_start(folder: Path) -> TextTokenizer:
    """Read it once, so that its vocabulary is stored, and again."""
    first = read(folder)
    assert is_whole(first)
    return read(folder)


def is_whole(one: TextTokenizer) -> bool:
    return one._whole is not None


def ids_of(library: Tokenizer, texts: list[str], one: TextTokenizer) -> list[list[int]]:
    return [[*encoding.ids, *one._appended] for encoding in library.encode_batch(texts)]


@pytest.mark.usefixtures("without_end")
@pytest.mark.parametrize("name", READ_IN_PARTS)
def test_ids_are_those_of_the_library_for_any_text(name: str, fixtures: Path) -> None:
    tokenizer, plain = second_start(fixtures / name), library(fixtures / name)
    added = [token.content for token in plain.get_added_tokens_decoder().values()]
    rng = random.Random(name)
    for _ in range(400):
        texts = [random_text(rng) for _ in range(3)]
        if any(token in text for text in texts for token in added):
            continue
        assert tokenizer.encode(texts) == ids_of(plain, texts, tokenizer)
        assert not is_whole(tokenizer)


@pytest.mark.parametrize("name", READ_IN_PARTS)
def test_texts_with_added_tokens_are_read_with_the_whole_vocabulary(name: str, fixtures: Path) -> None:
    tokenizer, plain = second_start(fixtures / name), library(fixtures / name)
    for token in plain.get_added_tokens_decoder().values():
        texts = [f"the river{token.content}bridge", f" {token.content}"]
        assert tokenizer.encode(texts) == ids_of(plain, texts, tokenizer)
    assert is_whole(tokenizer)


@pytest.mark.usefixtures("without_end")
@pytest.mark.parametrize("name", READ_IN_PARTS)
def test_a_start_from_the_stored_vocabulary_knows_the_same_of_the_tokenizer(
    name: str, fixtures: Path
) -> None:
    first, second = read(fixtures / name), read(fixtures / name)
    assert not is_whole(second)
    assert second.special_tokens == first.special_tokens
    assert second.encode_prefix("query: ") == first.encode_prefix("query: ")
    assert second.max_tokens == first.max_tokens


@pytest.mark.parametrize("name", ["bert-mean", "bert-cls"])
def test_a_kind_that_is_not_read_in_parts_is_tried_once(
    name: str, fixtures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(fixtures / name)
    monkeypatch.setattr(tokenizer, "store_vocabulary", lambda *_: pytest.fail("it was tried again"))
    assert is_whole(read(fixtures / name))


def test_many_and_long_texts_are_read_with_the_whole_vocabulary(fixtures: Path) -> None:
    one = second_start(fixtures / "xlm-roberta-mean")
    text = "the river is high " * 100
    for _ in range(excerpts.ALLOWANCE // len(text)):
        one.encode([text])
        assert not is_whole(one)
    one.encode([text])
    assert is_whole(one)
    other = read(fixtures / "xlm-roberta-mean")
    other.encode(["river"] * (excerpts.MOST_CHARACTERS // 5 + 1))
    assert is_whole(other)


def test_another_file_in_its_place_is_read_anew(copy_checkpoint: Callable[[str], Path]) -> None:
    folder = copy_checkpoint("xlm-roberta-mean")
    file = folder / "tokenizer.json"
    until_settled(file)
    assert not is_whole(second_start(folder))
    content = json.loads(file.read_text("utf-8"))
    for entry in content["model"]["vocab"]:
        entry[1] = -1.0  # other scores: other parts
    file.write_text(json.dumps(content), "utf-8")
    one = read(folder)
    assert is_whole(one)
    text = "The river is higher than the bridges."
    assert one.encode([text]) == ids_of(library(folder), [text], one)


def test_a_file_that_changes_while_the_model_is_in_use_is_not_mixed_in(
    copy_checkpoint: Callable[[str], Path],
) -> None:
    folder = copy_checkpoint("xlm-roberta-mean")
    until_settled(folder / "tokenizer.json")
    changed, gone, touched = second_start(folder), read(folder), read(folder)
    os.utime(folder / "tokenizer.json")
    touched.read_whole()
    content = (folder / "tokenizer.json").read_text("utf-8")
    (folder / "tokenizer.json").write_text(content + " ", "utf-8")
    with pytest.raises(CheckpointError, match="changed since the model was loaded"):
        changed.read_whole()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="changed since the model was loaded"):
        gone.encode(["<mask> river"])
    assert gone.encode(["river"])


def test_a_file_that_has_just_been_written_is_not_stored(copy_checkpoint: Callable[[str], Path]) -> None:
    folder = copy_checkpoint("xlm-roberta-mean")
    os.utime(folder / "tokenizer.json")
    assert is_whole(second_start(folder))


@pytest.mark.parametrize("name", READ_IN_PARTS)
def test_a_damaged_table_is_made_again(name: str, fixtures: Path, isolated_cache: Path) -> None:
    second_start(fixtures / name)
    (table,) = (isolated_cache / "vocabularies").iterdir()
    whole = table.read_bytes()
    for place in (0, 9, len(whole) // 2, len(whole) - 1):
        table.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert is_whole(read(fixtures / name))
        assert not is_whole(read(fixtures / name))
    table.write_bytes(whole[: len(whole) // 3])
    assert is_whole(read(fixtures / name))


def test_a_cache_that_cannot_be_written_is_no_hindrance(
    fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").touch()
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "taken"))
    assert is_whole(second_start(fixtures / "qwen3-gqa2"))


def test_scores_are_the_same_numbers(fixtures: Path) -> None:
    folder = fixtures / "xlm-roberta-mean"
    read(folder)
    stored = stored_vocabulary.read_vocabulary(folder / "tokenizer.json")
    assert isinstance(stored, stored_vocabulary.StoredVocabulary)
    spelled = stored.tokens.at(range(len(stored.ids)))
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    assert [json.loads(spelled[row]) for row in stored.ids.argsort()] == vocabulary


@pytest.mark.parametrize("name", READ_IN_PARTS)
def test_what_is_no_unicode_is_named(name: str, fixtures: Path) -> None:
    with pytest.raises(TextError, match="text 1 is not valid Unicode"):
        second_start(fixtures / name).encode(["river", "bridge \ud800"])


def until_settled(file: Path) -> None:
    while not is_settled(file_stamp(file)):
        time.sleep(0.02)
