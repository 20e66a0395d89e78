"""Tensors mapped from safetensors: the right values, and never a crash at what a damaged file says."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from samesay.checkpoint.weights import Weights, weight_files
from samesay.errors import CheckpointError

Copy = Callable[[str], Path]


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with the header as given, true or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(kind: str, shape: list[Any], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


def write(folder: Path, content: bytes) -> Path:
    (folder / "model.safetensors").write_bytes(content)
    return folder


def test_the_values_are_those_of_the_file(fixtures: Path) -> None:
    for name in ("qwen3-gqa2", "bert-mean", "xlm-roberta-mean"):
        weights = Weights(fixtures / name)
        stored = load_file(fixtures / name / "model.safetensors")
        floats = {key: value for key, value in stored.items() if value.dtype.kind == "f"}
        assert set(weights) == set(floats)
        assert len(weights) == len(floats)
        for key, value in floats.items():
            assert weights[key].shape == value.shape
            assert weights[key].data.tobytes() == value.tobytes()
            assert not weights[key].data.flags.writeable


def test_bfloat16_comes_as_its_sixteen_bits(tmp_path: Path) -> None:
    bits = np.array([0x3F80, 0xC000, 0x7F7F], "<u2")  # 1, -2 and the largest
    folder = write(tmp_path, safetensors({"a.weight": entry("BF16", [3], 0, 6)}, bits.tobytes()))
    tensor = Weights(folder)["a.weight"]
    assert tensor.kind == "BF16"
    assert tensor.data.tolist() == bits.tolist()


def test_shards_are_one_checkpoint(fixtures: Path) -> None:
    weights = Weights(fixtures / "qwen3-gqa4-sharded-bf16")
    index = json.loads((fixtures / "qwen3-gqa4-sharded-bf16" / "model.safetensors.index.json").read_text())
    assert set(weights) == set(index["weight_map"])
    assert [file.name for file in weights.files] == sorted(set(index["weight_map"].values()))


def test_one_file_counts_before_an_index(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("qwen3-gqa2")
    (folder / "model.safetensors.index.json").write_text("not even JSON")
    assert weight_files(folder) == [folder / "model.safetensors"]


def test_values_need_no_alignment(tmp_path: Path) -> None:
    values = np.arange(5, dtype="<f4")
    header = json.dumps({"a.weight": entry("F32", [5], 0, 20)}).encode()
    for padding in range(8):
        folder = write(tmp_path, safetensors(header + b" " * padding, values.tobytes()))
        assert Weights(folder)["a.weight"].data.tolist() == values.tolist()


def test_scalars_and_empty_tensors_are_tensors(tmp_path: Path) -> None:
    save_file(
        {
            "a": np.array(3, np.float32),
            "b": np.zeros((0, 4), np.float32),
            "c": np.zeros((2, 1, 2), np.float16),
        },
        tmp_path / "model.safetensors",
    )
    weights = Weights(tmp_path)
    assert [weights[name].shape for name in "abc"] == [(), (0, 4), (2, 1, 2)]
    assert float(weights["a"].data) == 3


def test_integer_buffers_are_left_out_and_integer_weights_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({"embeddings.position_ids": np.arange(4), "a.weight": np.ones(4, np.float32)}, file)
    assert list(Weights(tmp_path)) == ["a.weight"]
    for kind, name in ((np.int8, "I8"), (np.float64, "F64"), (np.int64, "I64"), (np.uint8, "U8")):
        for tensor in ("a.weight", "a.bias"):
            save_file({tensor: np.ones(4, kind)}, file)
            with pytest.raises(CheckpointError, match=rf"{tensor}.*{name}.*F32, F16, BF16"):
                Weights(tmp_path)


def test_a_file_cut_anywhere_is_damaged(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-cls")
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    rng = random.Random(1)
    ends = {*range(12), start - 1, start, start + 1, len(whole) - 1, len(whole) - 4, len(whole) // 2}
    ends |= {rng.randrange(len(whole)) for _ in range(150)}
    for end in sorted(ends):
        file.write_bytes(whole[:end])
        with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged"):
            Weights(folder)
    file.write_bytes(whole + b"\0")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged"):
        Weights(folder)
    file.write_bytes(whole)
    assert len(Weights(folder)) > 10


@pytest.mark.parametrize(
    "length",
    [0, 1, 7, 100_000_001, 2**31, 2**32, 2**40, 2**63 - 1, 2**63, 2**64 - 1, 2**64 - 8],
)
def test_a_header_length_that_lies_is_damage(length: int, copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-cls")
    file = folder / "model.safetensors"
    file.write_bytes(length.to_bytes(8, "little") + file.read_bytes()[8:])
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged"):
        Weights(folder)


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (b"", b""),
        (b"{", b""),
        (b"null", b""),
        (b"[]", b""),
        (b"5", b""),
        (b'"a"', b""),
        (b"\xff\xfe{}", b""),
        (b"[" * 100_000, b""),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, b""),
        ({"a.weight": None}, b""),
        ({"a.weight": []}, b""),
        ({"a.weight": {}}, b""),
        ({"a.weight": {"dtype": "F32", "shape": [1]}}, b"\0" * 4),
        ({"a.weight": {"dtype": "F32", "data_offsets": [0, 4]}}, b"\0" * 4),
        ({"a.weight": {"shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4),
        ({"a.weight": entry("F31", [1], 0, 4)}, b"\0" * 4),
        ({"a.weight": entry("f32", [1], 0, 4)}, b"\0" * 4),
        ({"a.weight": entry("F32", [1], 0, 8)}, b"\0" * 8),
        ({"a.weight": entry("F32", [2], 0, 4)}, b"\0" * 4),
        ({"a.weight": entry("F32", [-1], 0, 4)}, b"\0" * 4),
        ({"a.weight": entry("F32", [1.5], 0, 6)}, b"\0" * 6),
        ({"a.weight": entry("F32", ["1"], 0, 4)}, b"\0" * 4),
        ({"a.weight": entry("F32", [2**62, 4], 0, 0)}, b""),
        ({"a.weight": entry("F32", [2**32, 2**32], 0, 0)}, b""),
        ({"a.weight": entry("F32", [2**64], 0, 0)}, b""),
        ({"a.weight": entry("F32", [1], 4, 0)}, b"\0" * 4),
        ({"a.weight": entry("F32", [1], -4, 0)}, b"\0" * 4),
        ({"a.weight": entry("F32", [1], 4, 8)}, b"\0" * 8),
        ({"a.weight": entry("F32", [1], 2**63, 2**63 + 4)}, b"\0" * 4),
        ({"a.weight": entry("F32", [1], 0, 4), "b.weight": entry("F32", [1], 0, 4)}, b"\0" * 4),
        ({"a.weight": entry("F32", [1], 0, 4), "b.weight": entry("F32", [1], 8, 12)}, b"\0" * 12),
        ({"a.weight": entry("F32", [1], 0, 4)}, b"\0" * 12),
        ({"__metadata__": 5}, b""),
        ({"__metadata__": {"a": 5}}, b""),
    ],
)
def test_a_header_that_does_not_fit_the_file_is_damage(header: object, data: bytes, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged"):
        Weights(write(tmp_path, safetensors(header, data)))


def test_a_name_given_twice_never_reads_beyond_the_file(tmp_path: Path) -> None:
    first = json.dumps(entry("F32", [1], 0, 4))
    second = json.dumps(entry("F32", [3], 0, 12))
    refusals = []
    for pair in ((first, second), (second, first), (first, first)):
        header = f'{{"a.weight": {pair[0]}, "a.weight": {pair[1]}}}'.encode()
        for size in (4, 12):
            try:
                tensor = Weights(write(tmp_path, safetensors(header, b"\1" * size)))["a.weight"]
            except CheckpointError as error:
                refusals.append(str(error))
            else:
                assert tensor.data.tobytes() == b"\1" * size
    assert all("model.safetensors" in refusal for refusal in refusals)


def test_bytes_flipped_in_the_header_are_noticed_or_harmless(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("qwen3-f16")
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    rng = random.Random(2)
    refusals = []
    for _ in range(400):
        content = bytearray(whole)
        place = rng.randrange(start)
        content[place] = rng.choice(
            (content[place] ^ 1 << rng.randrange(8), rng.randrange(256), ord('"'), 57)
        )
        file.write_bytes(content)
        try:
            for tensor in Weights(folder).values():
                tensor.data.tobytes()
        except CheckpointError as error:
            refusals.append(str(error))  # a changed name may still be sound
    assert len(refusals) > 250
    assert all("model.safetensors" in refusal for refusal in refusals)


def test_a_folder_without_weights_says_what_it_has_instead(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no model\.safetensors"):
        Weights(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02")
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"model\.onnx, pytorch_model\.bin.*does not load"):
        Weights(tmp_path)


def test_a_missing_or_damaged_shard_is_named(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("qwen3-gqa4-sharded-bf16")
    shard = folder / "model-00002-of-00003.safetensors"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-3])
    with pytest.raises(CheckpointError, match=r"model-00002-of-00003\.safetensors is damaged"):
        Weights(folder)
    shard.unlink()
    with pytest.raises(CheckpointError, match=r"names 'model-00002-of-00003\.safetensors'.*fetch"):
        Weights(folder)
    shard.mkdir()
    with pytest.raises(CheckpointError, match=r"model-00002-of-00003\.safetensors"):
        Weights(folder)


def test_a_tensor_in_two_shards_is_refused(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("qwen3-gqa4-sharded-bf16")
    first, second = (folder / f"model-0000{number}-of-00003.safetensors" for number in (1, 2))
    second.write_bytes(first.read_bytes())
    with pytest.raises(CheckpointError, match="in more than one file"):
        Weights(folder)


@pytest.mark.parametrize(
    "shard",
    [
        "../outside.safetensors",
        "/etc/passwd",
        "sub/model.safetensors",
        "./model.safetensors",
        "..",
        ".",
        "",
        "a\0b",
        "a" * 5000,
    ],
)
def test_an_index_never_leads_out_of_the_folder(shard: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    for file in (tmp_path / "outside.safetensors", folder / "sub" / "model.safetensors"):
        save_file({"a.weight": np.ones(2, np.float32)}, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a.weight": shard}}))
    with pytest.raises(CheckpointError, match=r"model\.safetensors\.index\.json") as caught:
        Weights(folder)
    assert repr(shard)[1:-1][:40] in str(caught.value)


@pytest.mark.parametrize(
    "index",
    [
        {},
        [],
        5,
        None,
        {"weight_map": None},
        {"weight_map": []},
        {"weight_map": {}},
        {"weight_map": "a"},
        {"weight_map": {"a.weight": 5}},
        {"weight_map": {"a.weight": None}},
        {"weight_map": {"a.weight": ["model.safetensors"]}},
        {"weight_map": {"a.weight": "b", "c.weight": 5}},
    ],
)
def test_an_index_of_another_form_is_named(index: Mapping[str, Any], tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"model\.safetensors\.index\.json"):
        Weights(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 200_000])
def test_an_index_that_is_no_json_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors\.index\.json"):
        Weights(tmp_path)
