from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from command_line import FIXTURES, MODEL, changed_command, environment, of, samesay

from patience import PATIENCE
from samesay.model import load

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")

# The command, with every batch brought to disk at once instead of after a second: a fast machine has
# embedded all texts by then, and there would be nothing left to stop.
SAVING_COMMAND = changed_command(
    "from samesay.embedding_job import run_job\nrun_job.__kwdefaults__['save_seconds'] = 0"
)


def write_sentences(path: Path, count: int) -> list[str]:
    chosen = random.Random(3)
    words = ["the", "cat", "sleeps", "under", "a", "tree", "猫", "睡觉", "été", "42"]
    texts = [" ".join(chosen.choices(words, k=chosen.randint(0, 12))) for _ in range(count)]
    path.write_text("".join(text + "\n" for text in texts), "utf-8")
    return texts


def start_and_stop(folder: Path, stop: signal.Signals, *arguments: str) -> tuple[int, str, int]:
    """Start a slow run, stop it when its journal has rows; give its end, its words and the rows."""
    process = subprocess.Popen(
        [*SAVING_COMMAND, "embed", *arguments, "--batch-tokens", "1"],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=environment(folder),
    )
    journal = next(folder / f"{name}.partial.json" for name in arguments if name.startswith("out."))
    deadline = time.monotonic() + 60 * PATIENCE
    while not journal.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(stop)
    _, told = process.communicate(timeout=60 * PATIENCE)
    return process.returncode, told.decode(), int(json.loads(journal.read_text("utf-8"))["rows"])


@posix
@pytest.mark.parametrize("target", ["out.npy", "out.parquet"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_goes_on_and_ends_in_the_same_bytes(
    tmp_path: Path, target: str, stop: signal.Signals
) -> None:
    write_sentences(tmp_path / "in.txt", 20_000)
    code, told, rows = start_and_stop(tmp_path, stop, "in.txt", "-o", target, *MODEL)
    assert 0 < rows < 20_000
    assert not (tmp_path / target).exists()
    if stop is signal.SIGINT:
        assert code == 130
        kept = f"{rows} of 20000 texts are kept; the same command goes on from there"
        assert told == f"samesay: interrupted: {kept}\n"
    else:
        assert code == -signal.SIGKILL
    ended = samesay(tmp_path, "embed", "in.txt", "-o", target, *MODEL)
    assert ended.code == 0
    assert ended.err.splitlines() == [
        f"samesay: going on after {rows} of 20000 texts",
        f"samesay: {target}: 20000 vectors of 36 dimensions",
    ]
    assert samesay(tmp_path, "embed", "in.txt", "-o", f"whole-{target}", *MODEL).code == 0
    assert (tmp_path / target).read_bytes() == (tmp_path / f"whole-{target}").read_bytes()
    assert not list(tmp_path.glob("*.partial*"))


@posix
def test_other_options_start_over_and_say_so(tmp_path: Path) -> None:
    texts = write_sentences(tmp_path / "in.txt", 20_000)
    start_and_stop(tmp_path, signal.SIGKILL, "in.txt", "-o", "out.npy", *MODEL)
    ended = samesay(tmp_path, "embed", "in.txt", "-o", "out.npy", "--prompt", "none", *of("xlm-roberta-mean"))
    assert ended.err.startswith("samesay: starting over: the model has changed\n")
    model = load(FIXTURES / "xlm-roberta-mean", precision="fp32", threads=1)
    assert np.array_equal(np.load(tmp_path / "out.npy")[:50], model.encode(texts[:50]))


@posix
def test_two_runs_do_not_write_one_target(tmp_path: Path) -> None:
    write_sentences(tmp_path / "in.txt", 20_000)
    first = subprocess.Popen(
        [*SAVING_COMMAND, "embed", "in.txt", "-o", "out.npy", *MODEL, "--batch-tokens", "1"],
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "out.npy.partial").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    ended = samesay(tmp_path, "embed", "in.txt", "-o", "out.npy", *MODEL)
    first.kill()
    first.wait()
    assert ended.code == 1
    assert ended.err == "samesay: another process is writing out.npy; wait for it to end\n"


def test_standard_input_is_lines_and_nothing_of_it_stays(tmp_path: Path) -> None:
    ended = samesay(
        tmp_path, "embed", "-", "-o", "out.parquet", *MODEL, stdin="猫\r\n\r\ncat\u2028dog".encode()
    )
    assert ended.code == 0
    assert pq.read_table(tmp_path / "out.parquet")["text"].to_pylist() == ["猫", "", "cat\u2028dog"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.parquet"]


@pytest.mark.parametrize("prompt", ["query", "document", "none"])
def test_the_prompt_and_the_width_reach_the_model(tmp_path: Path, prompt: str) -> None:
    texts = write_sentences(tmp_path / "in.txt", 20)
    ended = samesay(tmp_path, "embed", "in.txt", "-o", "out.npy", "--prompt", prompt, *of("qwen3-gqa2"))
    assert ended.code == 0
    model = load(FIXTURES / "qwen3-gqa2", precision="fp32", threads=1)
    expected = {
        "query": model.encode(texts, prompt="query"),
        "document": model.encode(texts, prompt="document"),
        "none": model.encode(texts),
    }
    assert np.array_equal(np.load(tmp_path / "out.npy"), expected[prompt])


def test_the_column_asked_for_is_taken(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id,text,body\nx,a,"b\nc"\n', "utf-8")
    assert samesay(tmp_path, "embed", "in.csv", "--column", "body", "-o", "out.parquet", *MODEL).code == 0
    table = pq.read_table(tmp_path / "out.parquet")
    assert (table["id"].to_pylist(), table["body"].to_pylist()) == (["x"], ["b\nc"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["in.txt", "-o", "there.npy"], "there.npy exists; give another name, or --overwrite to replace it"),
        (["in.txt", "-o", "out.bin"], "out.bin: the name must end in .npy or .parquet"),
        (["in.txt", "-o", "none/out.npy"], "there is no folder none; create it first"),
        (["in.txt", "-o", "folder.npy"], "folder.npy is a folder"),
        (["in.txt", "-o", "out.npy", "--column", "a"], "in.txt has no columns"),
        (["in.txt", "-o", "out.npy", "--task", "legal"], "a task goes with --prompt query"),
        (["in.txt", "-o", "out.npy", "--task", "legal", "--prompt", "query"], "this model takes no task"),
        (["in.csv", "-o", "out.npy"], "in.csv has no column 'text'; it has 'a', 'b'"),
        (["broken.jsonl", "-o", "out.npy"], "broken.jsonl, line 2, column 1: not valid JSON"),
    ],
)
def test_what_is_wrong_is_told_and_leaves_no_file(tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "in.txt").write_text("a\n", "utf-8")
    (tmp_path / "in.csv").write_text("a,b\n1,2\n", "utf-8")
    (tmp_path / "broken.jsonl").write_text('{"text": "a"}\nbroken\n', "utf-8")
    (tmp_path / "there.npy").write_text("precious", "utf-8")
    (tmp_path / "folder.npy").mkdir()
    ended = samesay(tmp_path, "embed", *arguments, *of("bert-mean"))
    assert ended.code == 1
    assert told in ended.err
    assert ended.err.count("\n") == 1
    assert (tmp_path / "there.npy").read_text("utf-8") == "precious"
    assert not list(tmp_path.glob("out.*"))


def test_overwrite_replaces_the_file(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nb\n", "utf-8")
    (tmp_path / "out.npy").write_text("old", "utf-8")
    assert samesay(tmp_path, "embed", "in.txt", "-o", "out.npy", "--overwrite", *MODEL).code == 0
    assert np.load(tmp_path / "out.npy").shape == (2, 36)


def test_cut_texts_are_counted_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n" + "word " * 3000 + "\nb\n", "utf-8")
    ended = samesay(tmp_path, "embed", "in.txt", "-o", "out.npy", *MODEL)
    assert ended.code == 1
    assert ended.err.startswith("samesay: in.txt, line 2: has ")
    ended = samesay(tmp_path, "embed", "in.txt", "-o", "out.npy", "--overlength", "truncate", *MODEL)
    assert ended.err.splitlines()[-1] == "samesay: 1 of 3 texts were cut to 640 tokens"


def test_progress_is_told_where_it_is_wanted_only(tmp_path: Path) -> None:
    write_sentences(tmp_path / "in.txt", 300)
    quiet = samesay(tmp_path, "embed", "in.txt", "-o", "a.npy", *MODEL)
    assert quiet.err == "samesay: a.npy: 300 vectors of 36 dimensions\n"
    ended = samesay(tmp_path, "embed", "in.txt", "-o", "b.npy", "--progress", *MODEL)
    assert ended.err.startswith("samesay: 300 of 300 texts, ")
    assert "texts/s" in ended.err
