"""What made a vector: equal where every bit must be, different where anything that decides bits differs."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import samesay
from samesay.engine.base import PRECISIONS
from samesay.errors import DimensionsError

Copy = Callable[[str], Path]

pytestmark = pytest.mark.usefixtures("isolated_cache")


def fingerprint(folder: Path, **settings: Any) -> str:
    identity: samesay.Identity = samesay.load(folder, **settings).identity
    return identity.fingerprint


def edit(folder: Path, file: str, **values: object) -> None:
    path = folder / file
    content = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    path.write_text(json.dumps(content | values), "utf-8")


def flip(file: Path, place: int, bit: int = 0) -> None:
    """Changes one bit in place and sets the times back, as copying tools do."""
    status = file.stat()
    with file.open("r+b") as stream:
        stream.seek(place, os.SEEK_END if place < 0 else os.SEEK_SET)
        [old] = stream.read(1)
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([old ^ 1 << bit]))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def byte_of(file: Path, tensor: str, element: int) -> int:
    """Where the byte with the upper half of an element's fraction lies in a file of float32."""
    content = file.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    begin: int = json.loads(content[8:start])[tensor]["data_offsets"][0]
    return start + begin + 4 * element + 2


def let_settle(file: Path) -> None:
    """Waits until a hash of the file may be remembered."""
    while time.time_ns() - max(file.stat().st_mtime_ns, file.stat().st_ctime_ns) < 200_000_000:
        time.sleep(0.05)


def test_two_loads_and_a_copy_elsewhere_under_another_name_are_the_same(
    copy_checkpoint: Copy, tmp_path: Path
) -> None:
    folder = copy_checkpoint("qwen3-gqa2")
    elsewhere = shutil.copytree(folder, tmp_path / "far" / "away")
    first, second, third = (samesay.load(path) for path in (folder, folder, elsewhere))
    assert first.identity == second.identity
    assert first.identity.fingerprint == third.identity.fingerprint
    assert first.identity.model != third.identity.model
    assert first.encode("a").tobytes() == third.encode("a").tobytes()


def test_threads_do_not_count(fixtures: Path) -> None:
    assert fingerprint(fixtures / "bert-cls", threads=1) == fingerprint(fixtures / "bert-cls", threads=3)


def test_every_part_counts_but_the_name(fixtures: Path) -> None:
    identity = samesay.load(fixtures / "qwen3-gqa2").identity
    for field in fields(identity):
        value = getattr(identity, field.name)
        other = replace(identity, **{field.name: value + (1 if isinstance(value, int) else "x")})
        assert (other.fingerprint == identity.fingerprint) == (field.name == "model"), field.name


def test_every_precision_and_width_has_its_own(fixtures: Path) -> None:
    found = [fingerprint(fixtures / "qwen3-gqa2", precision=precision) for precision in PRECISIONS]
    model = samesay.load(fixtures / "qwen3-gqa2")
    found += [model.identity_at(width).fingerprint for width in range(32, 64)]
    assert len(set(found)) == len(found)
    assert model.identity_at(64) == model.identity_at(None) == model.identity
    with pytest.raises(DimensionsError):
        model.identity_at(31)


def test_every_committed_checkpoint_has_its_own(fixtures: Path) -> None:
    found = [fingerprint(path.parent) for path in sorted(fixtures.glob("*/config.json"))]
    assert len(set(found)) == len(found) > 5


def change_one_weight_bit(folder: Path) -> None:
    flip(folder / "model.safetensors", -100)


def change_query_prompt(folder: Path) -> None:
    edit(folder, "config_sentence_transformers.json", prompts={"query": "search: "})


def change_document_prompt(folder: Path) -> None:
    edit(folder, "config_sentence_transformers.json", prompts={"query": "query: ", "passage": "text: "})


def change_pooling(folder: Path) -> None:
    edit(folder, "1_Pooling/config.json", pooling_mode="cls")


def change_limit(folder: Path) -> None:
    edit(folder, "tokenizer_config.json", model_max_length=64)


def change_tokenizer(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    tokenizer["normalizer"] = None
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")


def change_norm_epsilon(folder: Path) -> None:
    edit(folder, "config.json", layer_norm_eps=1e-4)


def change_heads(folder: Path) -> None:
    edit(folder, "config.json", num_attention_heads=1)


@pytest.mark.parametrize(
    "change",
    [
        change_one_weight_bit,
        change_query_prompt,
        change_document_prompt,
        change_pooling,
        change_limit,
        change_tokenizer,
        change_norm_epsilon,
        change_heads,
    ],
)
def test_whatever_may_change_a_vector_changes_the_fingerprint(
    change: Callable[[Path], None], copy_checkpoint: Copy
) -> None:
    folder = copy_checkpoint("xlm-roberta-mean")
    before = fingerprint(folder)
    change(folder)
    assert fingerprint(folder) != before


@pytest.mark.parametrize("values", [{"rope_theta": 1e5}, {"sliding_window": 50}, {"rms_norm_eps": 1e-3}])
def test_constants_of_a_decoder_change_vectors_and_fingerprint(
    values: dict[str, float], copy_checkpoint: Copy
) -> None:
    folder = copy_checkpoint("mistral-gqa4")
    before = samesay.load(folder, precision="fp32")
    edit(folder, "config.json", **values)
    after = samesay.load(folder, precision="fp32")
    text = "the bridge is closed until the water falls " * 10
    assert np.abs(before.encode(text) - after.encode(text)).max() > 1e-6
    assert before.identity.fingerprint != after.identity.fingerprint


def test_the_readable_form_names_model_precision_pooling_width_and_fingerprint(fixtures: Path) -> None:
    identity = samesay.load(fixtures / "bert-cls", precision="fp32").identity
    assert re.fullmatch(r"[0-9a-f]{64}", identity.fingerprint)
    text = str(identity)
    assert re.fullmatch(r"bert-cls, fp32, cls pooling, 48 dimensions, [0-9a-f]{8,}", text)
    assert text.rpartition(" ")[2] == identity.fingerprint[: len(text.rpartition(" ")[2])]


def test_hashes_are_remembered_and_the_weights_not_read_again(
    copy_checkpoint: Copy, isolated_cache: Path
) -> None:
    folder = copy_checkpoint("bert-cls")
    let_settle(folder / "model.safetensors")
    before = fingerprint(folder, precision="fp32")
    [note] = (isolated_cache / "hashes").iterdir()
    assert "model.safetensors" in note.read_text("utf-8")
    remembered = json.loads(note.read_text("utf-8"))
    note.write_text(json.dumps(remembered | {"sha256": "0" * 64}), "utf-8")
    assert fingerprint(folder, precision="fp32") != before, "the note is what is asked"
    for damaged in ("", "{", "[]", '{"sha256": 5}', "{}"):
        note.write_text(damaged)
        assert fingerprint(folder, precision="fp32") == before


@pytest.mark.parametrize("settled", [True, False])
def test_a_changed_file_of_the_same_size_and_time_is_never_taken_for_the_old_one(
    settled: bool, copy_checkpoint: Copy
) -> None:
    folder = copy_checkpoint("bert-cls")
    file = folder / "model.safetensors"
    fingerprints, vectors = set(), set()
    for round_ in range(12):
        if settled and round_ < 3:
            let_settle(file)
        model = samesay.load(folder)
        fingerprints.add(model.identity.fingerprint)
        vectors.add(model.encode("the river is high").tobytes())
        assert len(fingerprints) == len(vectors) == round_ + 1
        flip(file, byte_of(file, "embeddings.LayerNorm.bias", round_), bit=6)


def test_a_file_replaced_by_another_of_the_same_size_and_time_is_seen(copy_checkpoint: Copy) -> None:
    folder = copy_checkpoint("bert-cls")
    file, beside = folder / "model.safetensors", folder / "beside"
    let_settle(file)
    before = samesay.load(folder)
    old, vector = before.identity, before.encode("a")
    shutil.copy2(file, beside)
    flip(beside, byte_of(beside, "embeddings.LayerNorm.bias", 5), bit=6)
    beside.replace(file)
    after = samesay.load(folder)
    assert after.identity.fingerprint != old.fingerprint
    assert after.encode("a").tobytes() != vector.tobytes()


def test_a_cache_that_cannot_be_written_changes_nothing(
    fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = fingerprint(fixtures / "bert-cls")
    (tmp_path / "file").touch()
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "file" / "below"))
    assert fingerprint(fixtures / "bert-cls") == want


def test_the_files_of_a_model_are_hashed_once(copy_checkpoint: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    model = samesay.load(copy_checkpoint("qwen3-gqa2"))
    full = model.identity

    def read(file: Path) -> str:
        raise AssertionError(f"{file} was read again")

    monkeypatch.setattr("samesay.identity.content_hash", read)
    assert model.identity_at(32) == replace(full, dimensions=32)
