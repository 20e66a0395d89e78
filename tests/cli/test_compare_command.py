from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import COMMAND, FIXTURES, environment, in_terminal, samesay

from patience import PATIENCE

MODELS = f"small={FIXTURES / 'bert-mean'},{FIXTURES / 'qwen3-gqa2'}"
OPTIONS = ("--threads", "1", "--precision", "fp32", "--draws", "100", "--rounds", "1")
WORDS = ["cat", "dog", "house", "river", "stone", "paper", "night", "tree", "road", "hill"]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.tsv"
    lines = []
    for number in range(40):
        word, other = WORDS[number % 10], WORDS[(number * 7 + 3) % 10]
        right = f"the {word} of day" if number % 2 else f"my {other} was red"
        lines.append(f"the {word} {number}\t{right} {number}\t{number % 2}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def compare(folder: Path, *arguments: str) -> tuple[int, str, str]:
    ended = samesay(folder, "compare", *arguments)
    return ended.code, ended.out, ended.err


def test_a_comparison_gives_rows_and_a_folder(tmp_path: Path, pairs: Path) -> None:
    data = ("--data", pairs.name, "--no-texts", "-o", "out")
    code, out, err = compare(tmp_path, "-m", MODELS, *data, *OPTIONS)
    assert code == 0, err
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows[0] == ["data", "model", "measure", "value", "low", "high"]
    measured = {(row[1], row[2]) for row in rows[1:]}
    for model in ("small", "qwen3-gqa2"):
        assert {(model, "auroc"), (model, "latency_p50_ms"), (model, "peak_memory_bytes")} <= measured
    assert "written to out: compare.html, compare.json" in err
    value = json.loads((tmp_path / "out" / "compare.json").read_text("utf-8"))
    assert [one["label"] for one in value["models"]] == ["small", "qwen3-gqa2"]
    assert str(tmp_path) not in json.dumps(value)
    page = (tmp_path / "out" / "compare.html").read_text("utf-8")
    assert "the cat" not in page
    code, _, err = compare(tmp_path, "-m", MODELS, *data)
    assert code == 1
    assert "out exists; give another name, or --overwrite" in err


def test_speed_may_be_taken_after_quality(tmp_path: Path, pairs: Path) -> None:
    asked = ("-m", MODELS, "--data", pairs.name, "-o", "out", *OPTIONS)
    code, _, err = compare(tmp_path, *asked, "--only-speed")
    assert code == 1
    assert "compare.json cannot be read" in err
    assert "make it first, or anew, without --only-speed" in " ".join(err.split())
    assert not (tmp_path / "out").exists()
    assert compare(tmp_path, *asked, "--no-speed")[0] == 0
    before = json.loads((tmp_path / "out" / "compare.json").read_text("utf-8"))
    assert before["speeds"] == []
    code, out, err = compare(tmp_path, *asked, "--only-speed")
    assert code == 0, err
    assert "embedding" not in err
    assert "\tsmall\tlatency_p50_ms\t" in out
    after = json.loads((tmp_path / "out" / "compare.json").read_text("utf-8"))
    assert [one["model"] for one in after["speeds"]] == ["small", "qwen3-gqa2"]
    assert after["results"] == before["results"]
    assert "tokens/s" in (tmp_path / "out" / "compare.html").read_text("utf-8")
    code, _, err = compare(tmp_path, *asked, "--only-speed", "--no-speed")
    assert code == 2
    assert "--only-speed wants --output" in " ".join(err.split())


def test_a_terminal_gets_tables_and_verdicts(tmp_path: Path, pairs: Path) -> None:
    options = ("--data", pairs.name, "--no-speed", "--no-instructions", *OPTIONS)
    ended = in_terminal(tmp_path, "compare", "-m", MODELS, *options, columns=60)
    assert ended.code == 0
    # Two models do not fit side by side: the figures stand twice, none is cut.
    assert ended.out.count("avg. precision") == 2
    assert "…" not in ended.out
    assert "pairs: 40 labelled pairs, 20 of them match" in ended.out
    assert "AUROC" in ended.out
    assert "small" in ended.out
    assert "p = " in ended.out or "p < " in ended.out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("-m", "no-such-model", "--data", "pairs.tsv"), 1, "no-such-model cannot be compared: "),
        (("-m", MODELS, "--data", "gone.tsv"), 1, "there is no file or folder gone.tsv"),
        (("-m", MODELS, "--data", "a=pairs.tsv", "--data", "a=pairs.tsv"), 1, "two sets are called 'a'"),
        (("-m", "", "--data", "pairs.tsv"), 1, "there is no model to compare"),
        (("-m", MODELS, "--data", "pairs.tsv", "-o", "no/out"), 1, "there is no folder"),
        (("-m", MODELS, "--data", "pairs.tsv", "--alpha", "2"), 1, "--alpha"),
        (("--data", "pairs.tsv"), 2, "--models"),
    ],
)
def test_mistakes_are_told_in_a_line_before_anything_runs(
    tmp_path: Path, pairs: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    ended, out, err = compare(tmp_path, *arguments)
    assert ended == code
    assert told in err
    assert "Traceback" not in err
    assert out == ""
    assert "samesay: embedding" not in err


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, pairs: Path) -> None:
    many = pairs.read_text("utf-8") * 400
    lines = [line.replace("\t", f" {n}\t", 1) for n, line in enumerate(many.splitlines())]
    pairs.write_text("\n".join(lines) + "\n", "utf-8")
    process = subprocess.Popen(
        [*COMMAND, "compare", "-m", MODELS, "--data", "pairs.tsv", "-o", "out", *OPTIONS],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    until = time.monotonic() + 60 * PATIENCE
    for line in process.stderr:
        if b"embedding" in line or time.monotonic() > until:
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60 * PATIENCE)
    assert process.returncode == 130
    assert b"interrupted" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "pairs.tsv"]
