from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import FIXTURES, MODEL, Ended, in_terminal, samesay
from numpy.typing import NDArray
from rich.cells import cell_len

from samesay.cli import matrix
from samesay.errors import InputFileError
from samesay.model import load
from samesay.textfiles import TextRow

TEXTS = ["the cat sleeps", "a, b", "猫在睡觉", "", "tree"]


def expected(texts: list[str]) -> NDArray[np.float32]:
    return load(FIXTURES / "bert-mean", precision="fp32", threads=1).similarity_matrix(texts)


def run(folder: Path, *arguments: str, texts: list[str] = TEXTS) -> Ended:
    (folder / "in.txt").write_text("".join(text + "\n" for text in texts), "utf-8")
    return samesay(folder, "matrix", "in.txt", *MODEL, *arguments)


def test_a_pipe_gets_tsv(tmp_path: Path) -> None:
    ended = run(tmp_path)
    assert (ended.code, ended.err) == (0, "")
    header, *rows = [line.split("\t") for line in ended.out.splitlines()]
    assert header == ["text", *TEXTS]
    assert [row[0] for row in rows] == TEXTS
    assert np.array_equal(np.array([row[1:] for row in rows], np.float32), expected(TEXTS))


def test_json_has_texts_scores_and_what_they_go_with(tmp_path: Path) -> None:
    value = json.loads(run(tmp_path, "--json").out)
    assert value["texts"] == TEXTS
    assert np.array_equal(np.array(value["scores"], np.float32), expected(TEXTS))
    assert (value["model"], value["mode"], value["task"]) == ("bert-mean", "symmetric", None)
    assert value["identity"].startswith("bert-mean, fp32")


def test_npy_has_the_scores_to_the_bit(tmp_path: Path) -> None:
    ended = run(tmp_path, "-o", "out.npy")
    assert (ended.code, ended.out) == (0, "")
    assert np.array_equal(np.load(tmp_path / "out.npy"), expected(TEXTS))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["in.txt", "out.npy"]


@pytest.mark.parametrize("name", ["out.tsv", "out.csv"])
def test_tables_have_texts_and_scores(tmp_path: Path, name: str) -> None:
    run(tmp_path, "-o", name)
    with (tmp_path / name).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t" if name.endswith("tsv") else ",")
    assert header == ["text", *TEXTS]
    assert [row[0] for row in rows] == TEXTS
    assert np.array_equal(np.array([row[1:] for row in rows], np.float32), expected(TEXTS))


def test_a_file_that_exists_is_refused_until_overwrite(tmp_path: Path) -> None:
    (tmp_path / "out.npy").write_text("precious", "utf-8")
    ended = run(tmp_path, "-o", "out.npy")
    assert ended.code == 1
    assert "out.npy exists" in ended.err
    assert (tmp_path / "out.npy").read_text("utf-8") == "precious"
    assert run(tmp_path, "-o", "out.npy", "--overwrite").code == 0
    assert np.load(tmp_path / "out.npy").shape == (5, 5)


@pytest.mark.parametrize(
    ("out", "told"),
    [("out.xlsx", "the name must end in .npy or .tsv or .csv"), ("none/out.npy", "there is no folder none")],
)
def test_a_target_that_cannot_be_is_told(tmp_path: Path, out: str, told: str) -> None:
    ended = run(tmp_path, "-o", out)
    assert ended.code == 1
    assert told in ended.err


def test_standard_input_is_lines(tmp_path: Path) -> None:
    ended = samesay(tmp_path, "matrix", "-", *MODEL, "--json", stdin="猫\n\ncat".encode())
    assert json.loads(ended.out)["texts"] == ["猫", "", "cat"]


def test_a_terminal_gets_blocks_that_fit_it(tmp_path: Path) -> None:
    texts = [f"门已经关上了 {number} and quite a long text beside it" for number in range(12)]
    (tmp_path / "in.txt").write_text("\n".join(texts), "utf-8")
    scores = expected(texts)
    ended = in_terminal(tmp_path, "matrix", "in.txt", *MODEL, columns=72)
    assert ended.code == 0
    seen = np.full((12, 12), np.nan)
    for block in ended.out.split("\n\n"):
        header, *rows = block.strip("\n").split("\n")
        assert len(rows) == 12
        assert len({cell_len(row) for row in rows}) == 1
        assert cell_len(rows[0]) <= 72
        columns = [int(place) - 1 for place in header.split()]
        for place, row in enumerate(rows):
            assert int(row.split()[0]) == place + 1
            seen[place, columns] = [float(score) for score in row.split()[-len(columns) :]]
    assert np.abs(seen - scores).max() <= 0.00051


def test_texts_are_shortened_only_where_there_is_no_room(tmp_path: Path) -> None:
    texts = ["a cat that sleeps under a tree", "a dog"]
    (tmp_path / "in.txt").write_text("\n".join(texts), "utf-8")
    assert texts[0] in in_terminal(tmp_path, "matrix", "in.txt", *MODEL, columns=80).out
    assert "a cat that sleeps under… " in in_terminal(tmp_path, "matrix", "in.txt", *MODEL, columns=40).out


def test_a_terminal_asks_for_a_file_beyond_thirty_texts(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n" * 31, "utf-8")
    ended = in_terminal(tmp_path, "matrix", "in.txt", *MODEL)
    assert (ended.code, ended.out) == (1, "")
    assert "in.txt has 31 texts; a terminal shows up to 30: write the matrix to a file with -o" in ended.err
    assert in_terminal(tmp_path, "matrix", "in.txt", *MODEL, "-o", "out.tsv").code == 0


def test_a_matrix_that_memory_cannot_hold_is_refused_before_the_work() -> None:
    rows = (TextRow(number, "a") for number in range(10**9))
    with pytest.raises(InputFileError, match=r"x\.txt has more than 16384 texts.*1 GiB"):
        matrix._limited("x.txt", rows, None)


def test_a_text_that_is_too_long_is_told_with_its_line(tmp_path: Path) -> None:
    ended = run(tmp_path, texts=["a", "", "word " * 3000])
    assert ended.code == 1
    assert ended.err.startswith("samesay: in.txt, line 3: has ")


def test_a_cut_text_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n" + "word " * 3000, "utf-8")
    arguments = ("matrix", "in.txt", "--overlength", "truncate", *MODEL)
    ended = samesay(tmp_path, *arguments, changes={"PYTHONWARNINGS": "error"})
    assert ended.code == 0
    assert ended.err.startswith("samesay: 1 of 2 texts cut to 640 tokens")
    assert ended.err.count("\n") == 1


def test_the_column_that_was_taken_is_told(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("sentence\na\nb\n", "utf-8")
    ended = samesay(tmp_path, "matrix", "in.csv", *MODEL)
    assert (ended.code, ended.err) == (0, "samesay: texts from the column 'sentence'\n")
