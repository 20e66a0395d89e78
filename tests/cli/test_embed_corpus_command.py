from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from command_line import COMMAND, MODEL, environment, samesay

from patience import PATIENCE

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")


def write_corpus(folder: Path, files: int, rows: int) -> list[str]:
    (folder / "corpus").mkdir()
    texts = [f"text {number} of many, and some more words" for number in range(files * rows)]
    for number in range(files):
        lines = (json.dumps({"text": text}) + "\n" for text in texts[number * rows : (number + 1) * rows])
        (folder / "corpus" / f"{number}.jsonl").write_text("".join(lines), "utf-8")
    return texts


def test_a_folder_gives_a_folder_and_says_what_it_made(tmp_path: Path) -> None:
    texts = write_corpus(tmp_path, 2, 30)
    (tmp_path / "corpus" / "picture.png").write_bytes(b"\x89PNG")
    ended = samesay(tmp_path, "embed", "corpus", "-o", "vectors", "--part-rows", "20", *MODEL)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.splitlines() == [
        "samesay: vectors: 60 vectors of 36 dimensions in 4 parts",
        "samesay: 1 files were passed over: their names say no kind that samesay reads",
    ]
    assert ds.dataset(tmp_path / "vectors").to_table()["text"].to_pylist() == texts
    (tmp_path / "corpus" / "1.jsonl").unlink()
    ended = samesay(tmp_path, "embed", "corpus", "-o", "vectors", *MODEL)
    assert ended.err.splitlines()[:3] == [
        "samesay: going on after 30 of 30 texts",
        "samesay: vectors: 30 vectors of 36 dimensions in 2 parts",
        "samesay: 2 parts were removed, as their texts are gone",
    ]


@posix
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_leaves_whole_parts_and_goes_on(tmp_path: Path, stop: signal.Signals) -> None:
    write_corpus(tmp_path, 3, 2000)
    process = subprocess.Popen(
        [*COMMAND, "embed", "corpus", "-o", "vectors/", "--part-rows", "50", "--batch-tokens", "64", *MODEL],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    deadline = time.monotonic() + 60 * PATIENCE
    while not list((tmp_path / "vectors").glob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(stop)
    _, told = process.communicate(timeout=60 * PATIENCE)
    parts = list((tmp_path / "vectors").glob("*.parquet"))
    assert 0 < len(parts) < 120
    if stop is signal.SIGINT:
        assert process.returncode == 130
        assert b"finished parts are kept, and the same command goes on" in told
        assert sorted(path.name for path in (tmp_path / "vectors").iterdir()) == sorted(
            ["_samesay.json", *(path.name for path in parts)]
        )
    ended = samesay(tmp_path, "embed", "corpus", "-o", "vectors/", *MODEL)
    assert ended.err.splitlines() == [
        f"samesay: going on after {50 * len(parts)} of 6000 texts",
        "samesay: vectors/: 6000 vectors of 36 dimensions in 120 parts",
    ]
    assert samesay(tmp_path, "embed", "corpus", "-o", "whole/", "--part-rows", "50", *MODEL).code == 0
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "vectors").iterdir()} == whole


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("corpus", "-o", "out.npy"), "out.npy names a file"),
        (("corpus", "-o", "out/", "--overwrite"), "--overwrite is for a file"),
        (("-", "-o", "out/"), "standard input gives a single file"),
        (("corpus/0.jsonl", "-o", "out.npy", "--part-rows", "9"), "--part-rows goes with a folder"),
        (("nowhere", "-o", "out/"), "there is no file or folder nowhere"),
        (("corpus", "-o", "corpus/out/"), "corpus/out/ lies in the corpus"),
        (("corpus", "-o", "out", "--column", "body"), "no column 'body'"),
        (("corpus", "-o", "out", "--ray", "somewhere"), "somewhere is no address"),
        (("corpus", "-o", "out", "--ray"), "no Ray cluster answers at 127.0.0.1:1: Connection refused"),
        (("corpus", "--ray", "-o", "out"), "no Ray cluster answers at 127.0.0.1:1: Connection refused"),
        (("--ray=127.0.0.1:2", "corpus", "-o", "o"), "no Ray cluster answers at 127.0.0.1:2"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    if "ray" in " ".join(arguments):
        pytest.importorskip("ray", reason="ray is not installed: pip install 'samesay[ray]'")
    write_corpus(tmp_path, 1, 3)
    ended = samesay(tmp_path, "embed", *MODEL, *arguments, changes={"RAY_ADDRESS": "127.0.0.1:1"})
    assert ended.code == 1
    assert ended.err.startswith("samesay: ")
    assert told in ended.err
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
