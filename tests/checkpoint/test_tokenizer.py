"""Text to token ids: never padded, never cut unasked, always ended, and never another model's tokenizer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from samesay.checkpoint.architecture import read_architecture
from samesay.checkpoint.tokenizer import TextTokenizer
from samesay.errors import CheckpointError, PromptError, SamesayError, TextError

Copy = Callable[[str], Path]
Json = dict[str, Any]

TEXTS = (
    "",
    " ",
    "a",
    "The river is high.",
    "桥要等水退了才会开放",
    "🙂👩‍👩‍👧‍👦",
    "הגשר סגור",
    "a\0b",
    "word " * 300,
)
NAMES = ("qwen3-gqa2", "mistral-gqa4", "mistral-gqa1", "bert-mean", "bert-cls", "xlm-roberta-mean")


def read(folder: Path) -> TextTokenizer:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return TextTokenizer(folder, read_architecture(config))


def edit(folder: Path, file: str, change: Callable[[Json], object]) -> None:
    content: Json = json.loads((folder / file).read_text("utf-8"))
    change(content)
    (folder / file).write_text(json.dumps(content), "utf-8")


def limit_to(value: object) -> Callable[[Json], None]:
    return lambda content: content.update(max_seq_length=value)


def token_id(folder: Path, token: str) -> int:
    found = Tokenizer.from_file(str(folder / "tokenizer.json")).token_to_id(token)
    assert found is not None
    return found


@pytest.mark.parametrize("name", NAMES)
def test_special_tokens_stand_around_every_text(name: str, fixtures: Path) -> None:
    folder = fixtures / name
    tokenizer = read(folder)
    around: dict[str, tuple[list[str], list[str]]] = {
        "qwen3": ([], ["<|endoftext|>"]),
        "mistral": (["<s>"], ["</s>"]),
        "bert": (["[CLS]"], ["[SEP]"]),
        "xlm": (["<s>"], ["</s>"]),
    }
    before, after = ([token_id(folder, token) for token in side] for side in around[name.split("-")[0]])
    assert tokenizer.special_tokens.leading == len(before)
    assert list(tokenizer.special_tokens.trailing) == after
    for ids in tokenizer.encode(TEXTS):
        assert ids[: len(before)] == before
        assert ids[len(ids) - len(after) :] == after
        assert len(ids) >= len(before) + len(after)


def test_the_end_token_is_appended_where_the_file_leaves_it_out_and_not_twice_where_it_does_not(
    fixtures: Path,
) -> None:
    for name in ("mistral-gqa4", "mistral-gqa1"):
        folder = fixtures / name
        bare = Tokenizer.from_file(str(folder / "tokenizer.json"))
        ends = bare.encode("a").ids[-1] == 2
        assert ends == (name == "mistral-gqa1"), "the two fixtures are meant to differ in this"
        for text, ids in zip(TEXTS, read(folder).encode(TEXTS), strict=True):
            assert ids == bare.encode(text).ids + ([] if ends else [2])


def test_a_text_that_spells_the_end_token_is_ended_all_the_same(fixtures: Path) -> None:
    for name, end in (("mistral-gqa4", "</s>"), ("qwen3-gqa2", "<|endoftext|>")):
        folder = fixtures / name
        [ids] = read(folder).encode([f"a{end}"])
        assert ids[-2:] == [token_id(folder, end)] * 2


def test_the_length_that_a_file_was_saved_with_neither_cuts_nor_pads(fixtures: Path) -> None:
    folder = fixtures / "bert-mean"
    saved = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    assert saved["truncation"]["max_length"] == 128
    assert saved["padding"] is not None
    short, once, long = read(folder).encode(["a", "the river", "the river " * 150])
    assert len(short) == 3
    assert len(long) - 2 == 150 * (len(once) - 2) > 128


def test_a_text_has_the_same_ids_alone_and_in_a_list(fixtures: Path) -> None:
    for name in NAMES:
        tokenizer = read(fixtures / name)
        together = tokenizer.encode(TEXTS)
        assert together == [tokenizer.encode([text])[0] for text in TEXTS]
    assert tokenizer.encode([]) == []


def test_a_prefix_reads_as_the_joined_string(fixtures: Path) -> None:
    prefix = "Instruct: Retrieve semantically similar text\nQuery:"
    for name in NAMES:
        tokenizer = read(fixtures / name)
        assert tokenizer.encode(TEXTS, prefix) == tokenizer.encode([prefix + text for text in TEXTS])


@pytest.mark.parametrize(
    "value", [None, 5, 1.5, b"a", ["a"], ("a", "b"), ["a", "b"], {"a": "b"}, float("nan")]
)
def test_what_is_no_string_is_named_by_its_place_and_type(value: Any, fixtures: Path) -> None:
    tokenizer = read(fixtures / "bert-mean")
    for prefix in ("", "query: "):
        with pytest.raises(TextError, match=rf"text 12 is of type {type(value).__name__}"):
            tokenizer.encode(["a", "b", value], prefix, first=10)


@pytest.mark.parametrize("name", ["qwen3-gqa2", "bert-mean"])
def test_a_lone_surrogate_is_named_by_its_place_in_the_text(name: str, fixtures: Path) -> None:
    tokenizer = read(fixtures / name)
    for prefix in ("", "query: "):
        with pytest.raises(TextError, match=r"text 11 .*\\udc80' at character 3"):
            tokenizer.encode(["a", "abc\udc80d"], prefix, first=10)
    with pytest.raises(PromptError, match="Unicode"):
        tokenizer.encode(["a"], "\ud800")


def test_the_limit_is_the_smallest_that_is_stated(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-mean")
    assert read(folder).max_tokens == 640
    edit(folder, "tokenizer_config.json", lambda content: content.update(model_max_length=512))
    assert read(folder).max_tokens == 512
    edit(folder, "sentence_bert_config.json", limit_to(256))
    assert read(folder).max_tokens == 256
    for nonsense in (None, 1e30, int(1e30), -1, 0, "128", True, [1], 10_000):
        edit(folder, "sentence_bert_config.json", limit_to(nonsense))
        assert read(folder).max_tokens == 512, nonsense
    for file in ("sentence_bert_config.json", "tokenizer_config.json"):
        (folder / file).unlink()
    assert read(folder).max_tokens == 640


def test_a_limit_without_room_for_the_special_tokens_is_refused(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-mean")
    for limit in (1, 2):
        edit(folder, "sentence_bert_config.json", limit_to(limit))
        with pytest.raises(CheckpointError, match=rf"{limit} tokens.*2"):
            read(folder)


@pytest.mark.parametrize("file", ["sentence_bert_config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", "5", "[" * 100_000])
def test_a_broken_file_of_limits_is_named(file: str, content: str, copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-mean")
    (folder / file).write_text(content)
    with pytest.raises(CheckpointError, match=file.replace(".", r"\.")):
        read(folder)


def test_a_missing_tokenizer_is_named(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-mean")
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is missing"):
        read(folder)


@pytest.mark.parametrize("name", ["qwen3-gqa2", "bert-mean", "xlm-roberta-mean"])
def test_a_tokenizer_cut_anywhere_is_damaged(name: str, copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint(name)
    file = folder / "tokenizer.json"
    whole = file.read_bytes().rstrip()
    rng = random.Random(3)
    for end in sorted({0, 1, 2, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(60))}):
        file.write_bytes(whole[:end])
        with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
            read(folder)


def test_flipped_bytes_are_refused_or_harmless(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-mean")
    file = folder / "tokenizer.json"
    whole = file.read_bytes()
    rng = random.Random(4)
    refusals = []
    for _ in range(200):
        content = bytearray(whole)
        content[rng.randrange(len(whole))] = rng.choice((rng.randrange(256), ord('"'), ord("9"), ord("}")))
        file.write_bytes(content)
        try:
            read(folder).encode(TEXTS)
        except SamesayError as error:
            refusals.append(str(error))  # many bytes may change without harm
    assert refusals
    assert all("tokenizer.json" in refusal for refusal in refusals)


def without_unknown(content: Json) -> None:
    content["model"]["unk_token"] = "[NONE]"


def without_template_token(content: Json) -> None:
    content["post_processor"]["special_tokens"].popitem()


def with_foreign_template_id(content: Json) -> None:
    for token in content["post_processor"]["special_tokens"].values():
        token["ids"] = [70_000]


def with_foreign_piece(content: Json) -> None:
    content["model"]["vocab"]["the"] = 70_000


@pytest.mark.parametrize(
    "change", [without_unknown, without_template_token, with_foreign_template_id, with_foreign_piece]
)
def test_a_tokenizer_that_contradicts_itself_never_gives_an_id_that_the_model_lacks(
    change: Callable[[Json], None], copy_checkpoint: Copy
) -> None:
    # The library's Rust code panics at one of these, and only when a text comes.
    import samesay

    folder = copy_checkpoint("bert-mean")
    edit(folder, "tokenizer.json", change)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        samesay.load(folder, precision="fp32").encode(["a", "the river", "\u0bf5 zzyzx"])


def test_a_larger_vocabulary_is_another_models(copy_checkpoint: Copy, fixtures: Path) -> None:
    folder = copy_checkpoint("bert-mean")
    larger = fixtures / "qwen3-gqa2" / "tokenizer.json"
    (folder / "tokenizer.json").write_bytes(larger.read_bytes())
    with pytest.raises(CheckpointError, match=r"459 tokens.*376.*another model"):
        read(folder)


@pytest.mark.parametrize("name", ["qwen3-gqa2", "mistral-gqa4", "xlm-roberta-mean"])
def test_a_smaller_vocabulary_with_other_special_tokens_is_another_models(
    name: str, copy_checkpoint: Copy, fixtures: Path
) -> None:
    # BERT's special tokens are 0 to 4, so it could pass by number alone for one whose padding is 0.
    folder = copy_checkpoint(name)
    if name == "qwen3-gqa2":
        other = "bert-mean"
    else:
        other = "qwen3-gqa2"
        edit(folder, "config.json", lambda content: content.update(vocab_size=600))
    (folder / "tokenizer.json").write_bytes((fixtures / other / "tokenizer.json").read_bytes())
    with pytest.raises(CheckpointError, match=r"(eos|pad)_token_id.*another model"):
        read(folder)


@pytest.mark.parametrize("value", [0, 455, 459, 463, 464, 10**6, 2**31 - 1])
def test_an_end_token_that_is_not_special_to_the_tokenizer_is_refused(
    value: int, copy_checkpoint: Copy
) -> None:
    folder = copy_checkpoint("qwen3-gqa2")
    edit(folder, "config.json", lambda content: content.update(eos_token_id=value))
    with pytest.raises(CheckpointError, match=rf"eos_token_id {value}\b"):
        read(folder)
