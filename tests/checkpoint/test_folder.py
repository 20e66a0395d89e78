"""A model folder read as a whole, and everything that may be wrong with one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import samesay
from samesay.checkpoint.architecture import Family
from samesay.checkpoint.folder import read_checkpoint
from samesay.checkpoint.pooling import Pooling
from samesay.errors import CheckpointError, DimensionsError, SamesayError, UnsupportedModelError

Copy = Callable[[str], Path]

pytestmark = pytest.mark.usefixtures("isolated_cache")


def test_a_folder_gives_all_that_decides_a_vector(fixtures: Path) -> None:
    checkpoint = read_checkpoint(fixtures / "qwen3-gqa2")
    assert checkpoint.name == "qwen3-gqa2"
    assert checkpoint.architecture.family is Family.QWEN3
    assert checkpoint.pooling is Pooling.LAST
    assert checkpoint.prompts.query.endswith("\nQuery:")
    assert checkpoint.matryoshka
    assert len(checkpoint.weights) > 20
    bert = read_checkpoint(fixtures / "bert-mean")
    assert (bert.pooling, bert.matryoshka) == (Pooling.MEAN, False)
    assert read_checkpoint(fixtures / "bert-cls").pooling is Pooling.CLS


def test_the_name_is_that_of_the_hub_before_that_of_the_folder(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-mean")
    assert read_checkpoint(folder).name == "bert-mean"
    (folder / "samesay.json").write_text(json.dumps({"repository": "intfloat/multilingual-e5-small"}))
    checkpoint = read_checkpoint(folder)
    assert checkpoint.name == "multilingual-e5-small"
    assert checkpoint.prompts.query == "query: ", "the name also tells the prompts"
    assert read_checkpoint(folder, name="mine").name == "mine"


def test_matryoshka_can_be_told(fixtures: Path) -> None:
    assert read_checkpoint(fixtures / "bert-mean", matryoshka=True).matryoshka
    assert not read_checkpoint(fixtures / "qwen3-gqa2", matryoshka=False).matryoshka


def test_widths_are_those_that_the_model_was_trained_for(fixtures: Path) -> None:
    checkpoint = read_checkpoint(fixtures / "qwen3-gqa2")
    assert [checkpoint.check_dimensions(width) for width in (None, 32, 33, 64)] == [64, 32, 33, 64]
    for width in (0, 1, 31, 65, -32, 10**30):
        with pytest.raises(DimensionsError, match="32 to 64"):
            checkpoint.check_dimensions(width)
    for odd in (True, 32.0, "32", [32]):
        with pytest.raises(DimensionsError, match="whole number"):
            checkpoint.check_dimensions(odd)  # type: ignore[arg-type]
    whole = read_checkpoint(fixtures / "bert-mean")
    assert [whole.check_dimensions(width) for width in (None, 36)] == [36, 36]
    with pytest.raises(DimensionsError, match="not trained to be cut to 32"):
        whole.check_dimensions(32)


def test_an_empty_folder_and_a_folder_of_something_else_say_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no config\.json.*nothing"):
        read_checkpoint(tmp_path)
    (tmp_path / "holiday.jpg").touch()
    (tmp_path / "config.json").mkdir()
    with pytest.raises(CheckpointError, match=r"no config\.json.*holiday\.jpg"):
        read_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="not a folder"):
        read_checkpoint(tmp_path / "holiday.jpg")
    with pytest.raises(CheckpointError, match="not a folder"):
        read_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"{}{}", b"\xff\xfe{}", b"[]", b"5", b'"a"', b"null", b"[" * 200_000, b"NaN", b"\0"],
)
def test_a_config_that_is_no_object_is_named(content: bytes, copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-mean")
    (folder / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        read_checkpoint(folder)


def test_weights_that_are_not_safetensors_are_not_loaded(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-mean")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"model\.safetensors.*pytorch_model\.bin"):
        samesay.load(folder)


@pytest.mark.parametrize(
    "file",
    [
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "modules.json",
        "1_Pooling/config.json",
        "config_sentence_transformers.json",
        "sentence_bert_config.json",
        "tokenizer_config.json",
    ],
)
def test_an_empty_file_of_any_name_is_an_error_that_names_it(file: str, copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("qwen3-gqa2")
    (folder / file).write_bytes(b"")
    with pytest.raises(CheckpointError) as caught:
        samesay.load(folder)
    assert str(Path(file)) in str(caught.value)


def test_a_manifest_that_is_broken_is_named(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-mean")
    (folder / "samesay.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"samesay\.json"):
        read_checkpoint(folder)


def test_the_files_of_another_family_do_not_pass(copy_checkpoint: Copy, fixtures: Path) -> None:
    folder = copy_checkpoint("qwen3-gqa2")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    for family in ("bert", "xlm-roberta", "mistral"):
        changed = config | {"model_type": family, "hidden_act": "silu" if family == "mistral" else "gelu"}
        (folder / "config.json").write_text(json.dumps(changed), "utf-8")
        if family == "mistral":
            continue  # a Mistral is a Qwen3 without norms on its heads; the weights do not contradict it
        with pytest.raises(CheckpointError):
            samesay.load(folder)
    other = copy_checkpoint("mistral-gqa4")
    changed = json.loads((other / "config.json").read_text("utf-8")) | {"model_type": "qwen3"}
    (other / "config.json").write_text(json.dumps(changed), "utf-8")
    with pytest.raises(CheckpointError, match="q_norm"):
        samesay.load(other)


def test_a_dense_module_after_pooling_is_refused(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-cls")
    modules = json.loads((folder / "modules.json").read_text("utf-8"))
    modules.insert(
        2, {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    )
    (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
    with pytest.raises(UnsupportedModelError, match="Dense"):
        samesay.load(folder)


FUZZED = [
    ("config.json", 250),
    ("modules.json", 60),
    ("1_Pooling/config.json", 60),
    ("config_sentence_transformers.json", 60),
    ("tokenizer_config.json", 40),
]


@pytest.mark.filterwarnings("ignore::samesay.errors.TruncationWarning")
@pytest.mark.parametrize(("file", "cases"), FUZZED)
@pytest.mark.parametrize("name", ["qwen3-gqa2", "mistral-gqa1", "xlm-roberta-mean"])
def test_flipped_bytes_end_in_a_model_or_an_error_of_ours(
    name: str, file: str, cases: int, copy_checkpoint: Copy
) -> None:
    folder = copy_checkpoint(name)
    path = folder / file
    whole = path.read_bytes()
    rng = random.Random(f"{name} {file}")
    loaded = 0
    for _ in range(cases):
        content = bytearray(whole)
        for _ in range(rng.choice((1, 1, 3))):
            place = rng.randrange(len(content))
            match rng.randrange(5):
                case 0:
                    content[place] ^= 1 << rng.randrange(8)
                case 1:
                    content[place] = rng.randrange(256)
                case 2:
                    content[place] = ord(rng.choice('0123456789-{}[]",:.eE'))
                case 3:
                    del content[place : place + rng.randrange(1, 9)]
                case _:
                    content[place:place] = rng.choice((b"9" * 400, b"[", b"null", b"-", b"1e999", b'"a":1,'))
        path.write_bytes(content)
        try:
            model = samesay.load(folder, precision="fp32", threads=1)
            model.encode(["the river is high", ""], overlength="truncate")
            model.similarity("a", "b", overlength="truncate")
            loaded += 1
        except SamesayError:
            continue
    assert 0 < loaded < cases


# Every kind of value that JSON has, in the place of every value of a config.
VALUES: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**400,
    0.5,
    -1e308,
    float("nan"),
    "",
    "a",
    "\ud800",
    [],
    [1],
    {},
)


@pytest.mark.filterwarnings("ignore::samesay.errors.TruncationWarning")
@pytest.mark.parametrize("name", ["qwen3-gqa2", "qwen3-f16", "mistral-gqa4", "bert-mean", "xlm-roberta-cls"])
def test_any_value_in_any_place_ends_in_a_model_or_an_error_of_ours(name: str, copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint(name)
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8"))
    refused = set()
    for key in config:
        for value in VALUES:
            path.write_text(json.dumps(config | {key: value}), "utf-8")
            try:
                model = samesay.load(folder, precision="fp32", threads=1)
                model.encode(["the river is high", ""], overlength="truncate")
            except SamesayError:
                refused.add(key)
    assert {"model_type", "hidden_size", "num_attention_heads", "vocab_size"} <= refused
