from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import COMMAND, FIXTURES, MODEL, Ended, environment, in_terminal, samesay

from patience import PATIENCE
from samesay.decision.calibration import Calibration
from samesay.decision.key import key_of
from samesay.decision.labels import label_scores
from samesay.model import EmbeddingModel, load

LINES = ["a cat", "", "pay the bill", "a cat", "pay the bill now", "the river is wide"]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingModel:
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "cache"))
    return load(FIXTURES / "bert-mean", precision="fp32", threads=1)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    (tmp_path / "texts.txt").write_text("\n".join(LINES) + "\n", "utf-8")
    return tmp_path


def duplicates(folder: Path, *arguments: str, stdin: bytes = b"") -> Ended:
    return samesay(folder, "duplicates", *arguments, *MODEL, stdin=stdin)


def calibration_file(folder: Path, model: EmbeddingModel) -> Calibration:
    generator = np.random.default_rng(0)
    scores = np.concatenate([generator.normal(0.9, 0.05, 200), generator.normal(0.5, 0.1, 200)])
    labels = [True] * 200 + [False] * 200
    made = Calibration.fit_scores(label_scores(np.clip(scores, -1, 1), labels), key_of(model))
    made.save(folder / "own.calibration.json", overwrite=True)
    return made


def test_groups_come_as_rows_with_the_lines_of_the_file(texts: Path, model: EmbeddingModel) -> None:
    (score,) = model.similarity("pay the bill", "pay the bill now").tolist()
    ended = duplicates(texts, "texts.txt", "--threshold", str(score))
    assert ended.code == 0
    header, *rows = [line.split("\t") for line in ended.out.splitlines()]
    assert header == ["group", "role", "score", "line", "id", "text"]
    found = {row[3]: (row[0], row[1], float(row[2]), row[5]) for row in rows}
    assert found["1"] == (found["4"][0], "representative", 1.0, "a cat")
    assert found["4"][1:] == ("copy", 1.0, "a cat")
    assert found["3"] == (found["5"][0], "representative", 1.0, "pay the bill")
    assert found["5"][1] == "near"
    assert np.float32(found["5"][2]) == np.float32(score)
    assert "texts.txt: empty texts left out: 1" in ended.err
    assert "uncertified, no promise goes with this threshold" in ended.err


def test_a_calibration_gives_the_threshold_and_json_its_promises(texts: Path, model: EmbeddingModel) -> None:
    made = calibration_file(texts, model)
    ended = duplicates(texts, "texts.txt", "--calibration", "own.calibration.json", "--json")
    value = json.loads(ended.out)
    assert (value["threshold"], value["certified"]) == (made.bands.high, True)
    assert [one["kind"] for one in value["certificates"]] == ["false-match-rate"]
    assert (value["texts"], value["distinct"], value["linkage"]) == (5, 4, "star")
    assert value["identity"] == str(model.identity)
    first = value["groups"][0]["members"][0]
    assert first["line"] == value["groups"][0]["representative"]
    assert "certified, at most 0.05 of non-matches" in ended.err
    ended = duplicates(texts, "texts.txt", "--calibration", "own.calibration.json", "--prompt", "plain")
    assert (ended.code, ended.out) == (1, "")
    assert "mode symmetric" in ended.err
    assert "mode plain" in ended.err


@pytest.mark.parametrize("name", ["groups.tsv", "groups.json"])
def test_a_report_is_written_whole_and_replaces_nothing_unasked(texts: Path, name: str) -> None:
    asked = ("texts.txt", "--threshold", "0.9999", "-o", name)
    ended = duplicates(texts, *asked)
    assert (ended.code, ended.out) == (0, "")
    written = (texts / name).read_text("utf-8")
    assert "a cat" in written
    assert duplicates(texts, *asked).code == 1
    assert duplicates(texts, *asked, "--overwrite").code == 0
    assert (texts / name).read_text("utf-8") == written
    assert {path.name for path in texts.iterdir()} <= {"texts.txt", name, "cache"}


def test_a_terminal_gets_a_table(texts: Path) -> None:
    ended = in_terminal(texts, "duplicates", "texts.txt", "--threshold", "0.9999", *MODEL)
    assert ended.code == 0
    header, first, second = ended.out.rstrip("\n").split("\n")
    assert header.split() == ["group", "role", "score", "line", "text"]
    assert first.split()[:4] == ["1", "representative", "1.000", "1"]
    assert second.split()[:4] == ["1", "copy", "1.000", "4"]


def test_texts_come_from_columns_and_from_standard_input_with_their_ids(texts: Path) -> None:
    (texts / "rows.csv").write_text("id,words\nx,a cat\ny,a cat\n", "utf-8")
    ended = duplicates(texts, "rows.csv", "--column", "words", "--threshold", "0.99", "--json")
    members = json.loads(ended.out)["groups"][0]["members"]
    assert [(one["line"], one["id"]) for one in members] == [(2, "x"), (3, "y")]
    ended = duplicates(texts, "-", "--threshold", "0.99", stdin="猫\n猫\n".encode())
    assert ended.out.splitlines()[1:] == ["1\trepresentative\t1.0\t1\t\t猫", "1\tcopy\t1.0\t2\t\t猫"]


def test_pairs_across_two_files_carry_margin_score_and_band(texts: Path, model: EmbeddingModel) -> None:
    (texts / "other.txt").write_text("the river is wide\nsomething else\na cat\n", "utf-8")
    ended = duplicates(texts, "texts.txt", "--across", "other.txt")
    assert ended.code == 0
    header, *rows = [line.split("\t") for line in ended.out.splitlines()]
    assert header == ["margin", "score", "band", "line_a", "line_b", "text_a", "text_b"]
    same = {(row[3], row[4]): row for row in rows}
    assert same["1", "3"][2] == "uncalibrated"
    assert float(same["1", "3"][1]) == pytest.approx(1, abs=1e-5)
    assert float(same["6", "1"][0]) > 1
    calibration_file(texts, model)
    ended = duplicates(
        texts, "texts.txt", "--across", "other.txt", "--calibration", "own.calibration.json", "--json"
    )
    value = json.loads(ended.out)
    assert value["certified"]
    assert value["calibration"]["certificate"]["kind"] == "false-match-rate"
    assert {one["band"] for one in value["pairs"]} == {"high"}
    pair = next(one for one in value["pairs"] if one["text_a"] == "a cat")
    assert (pair["lines_a"], pair["lines_b"]) == ([1, 4], [3])
    none = duplicates(texts, "texts.txt", "--across", "other.txt", "--margin", "9")
    assert none.out.splitlines() == ["\t".join(header)]


def test_a_collection_is_compared_by_the_texts_of_its_documents(tmp_path: Path) -> None:
    documents = tmp_path / "docs"
    documents.mkdir()
    for name, text in (("a.txt", "the river is wide"), ("b.txt", "a cat"), ("c.txt", "the river is wide")):
        (documents / name).write_text(text, "utf-8")
    made = samesay(tmp_path, "index", "docs", "--collection", "kb", *MODEL)
    assert made.code == 0, made.err
    ended = samesay(tmp_path, "duplicates", "kb", "--threshold", "0.999", "--threads", "1")
    assert ended.code == 0, ended.err
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert rows[0][3] == "document"
    roles = [(row[1], Path(row[3]).name) for row in rows[1:]]
    assert roles == [("representative", "a.txt"), ("copy", "c.txt")]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none.txt", "--threshold", "0.9"], 1, "there is no file none.txt"),
        (["empty.txt", "--threshold", "0.9"], 1, "empty.txt"),
        (["texts.txt"], 1, "no calibration is for scores of bert-mean"),
        (["texts.txt", "--threshold", "2"], 1, "a score is a cosine, from -1 to 1"),
        (["texts.txt", "--threshold", "-1", "--most-pairs", "5"], 1, "6 pairs score -1.0000 or more"),
        (["texts.txt", "--threshold", "0.9", "--prompt", "query-document"], 1, "like is compared with like"),
        (["texts.txt", "--calibration", "none.calibration.json"], 1, "none.calibration.json is not there"),
        (["texts.txt", "--calibration", "texts.txt"], 1, "texts.txt cannot be used"),
        (["texts.txt", "--threshold", "0.9", "-o", "out.csv"], 1, "must end in .tsv or .json"),
        (["texts.txt", "--across", "none.txt"], 1, "there is no file none.txt"),
        (["texts.txt", "--across", "blank.txt"], 1, "5 left texts and 0 right ones"),
        (["long.txt", "--threshold", "0.9"], 1, "long.txt, line 2: has "),
        (["texts.txt", "--threshold", "0.9", "--margin", "1.1"], 2, "--margin goes with --across"),
        (["texts.txt", "--threshold", "0.9", "--linkage", "single"], 2, "single"),
        (["texts.txt", "--threshold", "0.9", "--json", "-o", "out.tsv"], 2, "not both"),
        (["texts.txt", "--threshold", "0.9", "--most-pairs", "0"], 2, "most-pairs"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    texts: Path, arguments: list[str], code: int, said: str
) -> None:
    (texts / "empty.txt").write_text("", "utf-8")
    (texts / "blank.txt").write_text("\n \n", "utf-8")
    (texts / "long.txt").write_text("a\n" + "word " * 3000 + "\n", "utf-8")
    ended = duplicates(texts, *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in " ".join(ended.err.replace("│", " ").split()) or said in ended.err
    assert "Traceback" not in ended.err
    assert not list(texts.glob("out*"))


def test_one_text_and_blank_lines_have_no_groups(texts: Path) -> None:
    (texts / "one.txt").write_text("\n\na cat\n\n", "utf-8")
    ended = duplicates(texts, "one.txt", "--threshold", "0.9")
    assert (ended.code, ended.out) == (0, "group\trole\tscore\tline\tid\ttext\n")
    assert "groups: 0; texts in them: 0 of 1" in ended.err


def test_an_interrupt_leaves_nothing_half_written(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    lines = [" ".join(map(str, generator.integers(0, 1000, 200))) for _ in range(3000)]
    (tmp_path / "many.txt").write_text("\n".join(lines) + "\n", "utf-8")
    process = subprocess.Popen(
        [*COMMAND, "duplicates", "many.txt", "--threshold", "0.9", "-o", "out.tsv", "--progress", *MODEL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(tmp_path),
        text=True,
    )
    time.sleep(1.5)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60 * PATIENCE)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert {path.name for path in tmp_path.iterdir()} <= {"many.txt", "cache"}
