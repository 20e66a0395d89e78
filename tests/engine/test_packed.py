"""Packed weights on disk give the bits of fresh ones, and nothing that is not whole is ever used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

import samesay
from samesay.checkpoint.folder import read_checkpoint
from samesay.engine.base import Precision
from samesay.engine.cpu import CpuEngine
from samesay.engine.packed import LAYOUT

NAMES = ("qwen3-gqa2", "qwen3-gqa4-sharded-bf16", "mistral-gqa4", "bert-mean", "bert-cls", "xlm-roberta-cls")
PACKED: tuple[Precision, ...] = ("int8", "bf16")
IDS = [[5, 9, 14, 33, 7, 41], [3], [20] * 70, list(range(5, 105))]


def packed_files(cache: Path) -> list[Path]:
    return sorted((cache / "packed").glob("*.safetensors"))


def vectors(folder: Path, precision: Precision = "int8") -> NDArray[np.float32]:
    return samesay.load(folder, precision=precision).encode_tokens(IDS)


@pytest.mark.parametrize("precision", PACKED)
@pytest.mark.parametrize("name", NAMES)
def test_mapped_weights_give_the_bits_of_weights_just_packed(
    name: str, precision: Precision, fixtures: Path, isolated_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = vectors(fixtures / name, precision)
    assert len(packed_files(isolated_cache)) == 1
    second = vectors(fixtures / name, precision)
    # Where nothing can be written, the memory just packed is used itself.
    monkeypatch.setenv("SAMESAY_CACHE", os.devnull)
    fresh = vectors(fixtures / name, precision)
    assert first.tobytes() == second.tobytes() == fresh.tobytes()


def test_fp32_is_not_packed_on_disk(fixtures: Path, isolated_cache: Path) -> None:
    vectors(fixtures / "bert-mean", "fp32")
    assert packed_files(isolated_cache) == []


def test_a_second_start_does_not_read_the_tensors_again(
    fixtures: Path, isolated_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors(fixtures / "qwen3-gqa2")

    def refuse(*_: object) -> None:
        raise AssertionError("packed again")

    monkeypatch.setattr(CpuEngine, "_pack", refuse)
    vectors(fixtures / "qwen3-gqa2")


def test_a_change_of_any_byte_is_seen_and_the_file_made_anew(fixtures: Path, isolated_cache: Path) -> None:
    whole = vectors(fixtures / "bert-cls")
    (file,) = packed_files(isolated_cache)
    content = file.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    random = np.random.default_rng(4)
    places = [0, 7, 8, 40, header - 1, header, len(content) - 1]
    places += random.integers(8, header, 40).tolist() + random.integers(header, len(content), 60).tolist()
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(random.integers(8))
        file.write_bytes(damaged)
        assert vectors(fixtures / "bert-cls").tobytes() == whole.tobytes(), place
    assert file.read_bytes() == content


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, 5000, -1])
def test_a_file_cut_off_is_made_anew(length: int, fixtures: Path, isolated_cache: Path) -> None:
    whole = vectors(fixtures / "bert-cls")
    (file,) = packed_files(isolated_cache)
    content = file.read_bytes()
    file.write_bytes(content[:length])
    assert vectors(fixtures / "bert-cls").tobytes() == whole.tobytes()
    assert file.read_bytes() == content


def test_the_file_of_another_model_in_its_place_is_not_used(fixtures: Path, isolated_cache: Path) -> None:
    whole = vectors(fixtures / "bert-cls")
    (file,) = packed_files(isolated_cache)
    vectors(fixtures / "bert-mean")
    other = next(path for path in packed_files(isolated_cache) if path != file)
    file.write_bytes(other.read_bytes())
    assert vectors(fixtures / "bert-cls").tobytes() == whole.tobytes()


def test_a_file_of_another_layout_is_left_behind_and_removed(fixtures: Path, isolated_cache: Path) -> None:
    vectors(fixtures / "bert-cls")
    (file,) = packed_files(isolated_cache)
    old = file.rename(file.with_name(file.name.replace(f"-{LAYOUT}.", f"-{LAYOUT - 1}.")))
    vectors(fixtures / "bert-cls")
    assert packed_files(isolated_cache) == [file]
    assert not old.exists()


def test_two_processes_at_once_leave_one_whole_file(fixtures: Path, isolated_cache: Path) -> None:
    load = f"samesay.load({str(fixtures / 'qwen3-f16')!r})"
    code = f"import samesay; print({load}.encode_tokens({IDS}).tobytes().hex())"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    printed = {process.communicate(timeout=120)[0] for process in started}
    assert [process.returncode for process in started] == [0, 0]
    assert printed == {vectors(fixtures / "qwen3-f16").tobytes().hex().encode() + b"\n"}
    left = [path.suffix for path in (isolated_cache / "packed").iterdir()]
    assert sorted(left) in ([".safetensors"], [".lock", ".safetensors"])


def test_a_process_killed_while_it_packs_leaves_nothing_that_counts(
    fixtures: Path, isolated_cache: Path
) -> None:
    code = (
        "import samesay.checkpoint.section_file as packed, samesay, time\n"
        "write = packed._write\n"
        "def slow(stream, *rest):\n"
        "    write(stream, *rest); stream.truncate(5000); print('written', flush=True); time.sleep(60)\n"
        "packed._write = slow\n"
        f"samesay.load({str(fixtures / 'bert-cls')!r})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    process.stdout.close()
    assert packed_files(isolated_cache) == []
    begin = time.monotonic()
    assert np.isfinite(vectors(fixtures / "bert-cls")).all()
    assert time.monotonic() - begin < 20, "the lock of the killed process was still held"


def test_weights_changed_on_disk_are_packed_anew(
    copy_checkpoint: Callable[[str], Path], isolated_cache: Path
) -> None:
    folder = copy_checkpoint("bert-cls")
    before = vectors(folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["embeddings.LayerNorm.bias"][3] += 0.5
    save_file(tensors, folder / "model.safetensors")
    assert vectors(folder).tobytes() != before.tobytes()


def test_thread_numbers_and_pooling_share_one_file(fixtures: Path, isolated_cache: Path) -> None:
    checkpoint = read_checkpoint(fixtures / "bert-mean")
    for threads in (1, 2, 4):
        CpuEngine(checkpoint, threads=threads)
    assert len(packed_files(isolated_cache)) == 1


@pytest.mark.parametrize("name", ["qwen3-gqa2", "bert-mean"])
def test_packed_weights_do_not_depend_on_the_number_of_threads(
    name: str, fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What layers read is sampled before packing, and a thread more computes more rows at a time.
    packed = []
    for threads in (1, 2, 4):
        cache = tmp_path / f"cache-{threads}"
        monkeypatch.setenv("SAMESAY_CACHE", str(cache))
        samesay.load(fixtures / name, precision="int8", threads=threads)
        (file,) = (cache / "packed").glob("*.safetensors")
        packed.append(file.read_bytes())
    assert packed[0] == packed[1] == packed[2]


def test_other_users_may_read_a_packed_file(fixtures: Path, isolated_cache: Path) -> None:
    before = os.umask(0o022)
    try:
        vectors(fixtures / "bert-cls")
    finally:
        os.umask(before)
    (path,) = packed_files(isolated_cache)
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_lock_file_of_another_user_keeps_nobody_out(
    fixtures: Path, isolated_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = vectors(fixtures / "bert-cls")
    (path,) = packed_files(isolated_cache)
    path.unlink()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    assert vectors(fixtures / "bert-cls").tobytes() == want.tobytes()
    assert packed_files(isolated_cache) == [path]
