from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import COMMAND, FIXTURES, MODEL, environment, in_terminal, of, samesay
from rich.cells import cell_len

from samesay.decision.calibration import Calibration
from samesay.decision.key import key_of
from samesay.decision.labels import label_scores
from samesay.model import EmbeddingModel, load


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingModel:
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "cache"))
    return load(FIXTURES / "bert-mean", precision="fp32", threads=1)


def output_of(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    ended = samesay(folder, "similarity", *arguments, *MODEL, stdin=stdin)
    reason = (
        ""
        if "--json" in arguments
        else "samesay: uncalibrated: there is no calibration for scores of bert-mean, "
    )
    assert ended.code == 0
    assert ended.err.startswith(reason)
    assert ended.err.count("\n") == bool(reason)
    return ended.out


def test_two_texts_give_a_number_and_its_band(tmp_path: Path, model: EmbeddingModel) -> None:
    (score,) = model.similarity(["a cat"], ["a dog"])
    assert output_of(tmp_path, "a cat", "a dog") == f"{score:.3f}\tuncalibrated\n"


def test_json_carries_the_score_in_full_and_what_it_goes_with(tmp_path: Path, model: EmbeddingModel) -> None:
    (score,) = model.similarity(["a cat"], ["猫"], mode="plain")
    value = json.loads(output_of(tmp_path, "a cat", "猫", "--prompt", "none", "--json"))
    assert np.float32(value.pop("score")) == score
    assert "there is no calibration for scores of bert-mean" in value.pop("uncalibrated")
    assert value == {
        "band": "uncalibrated",
        "probability": None,
        "certified": False,
        "bands": None,
        "calibration": None,
        "text_a": "a cat",
        "text_b": "猫",
        "model": "bert-mean",
        "identity": str(model.identity),
        "mode": "plain",
        "task": None,
    }


def test_without_a_precision_it_is_the_one_of_load(tmp_path: Path) -> None:
    folder = FIXTURES / "qwen3-gqa2"
    value = json.loads(samesay(tmp_path, "similarity", "a", "b", "--json", "--model", str(folder)).out)
    assert value["identity"] == str(load(folder).identity)


@pytest.mark.parametrize("mode", ["symmetric", "query-document", "plain"])
def test_the_prompt_is_the_mode(tmp_path: Path, mode: Any) -> None:
    (score,) = load(FIXTURES / "qwen3-gqa2", precision="fp32", threads=1).similarity(
        ["关门"], ["开门"], mode=mode
    )
    arguments = ("--prompt", mode, "--json", *of("qwen3-gqa2"))
    value = json.loads(samesay(tmp_path, "similarity", "关门", "开门", *arguments).out)
    assert (np.float32(value["score"]), value["mode"]) == (score, mode)


def test_a_task_reaches_the_model(tmp_path: Path) -> None:
    (score,) = load(FIXTURES / "qwen3-gqa2", precision="fp32", threads=1).similarity(
        ["a"], ["b"], task="legal"
    )
    arguments = ("--task", "legal", "--json", *of("qwen3-gqa2"))
    value = json.loads(samesay(tmp_path, "similarity", "a", "b", *arguments).out)
    assert (np.float32(value["score"]), value["task"]) == (score, "legal")


def test_a_file_gives_every_pair_in_order_with_its_columns(tmp_path: Path, model: EmbeddingModel) -> None:
    left, right = [f"cat {n}" for n in range(150)], [f"dog {n}" for n in range(150)]
    lines = [f"{a}\t{b}\t{n}" for n, (a, b) in enumerate(zip(left, right, strict=True))]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines), "utf-8")
    header, *rows = output_of(tmp_path, "--file", "pairs.tsv").splitlines()
    assert header == "score\tband\tprobability\ttext_a\ttext_b\tcolumn_3"
    assert [row.split("\t", 3)[1:] for row in rows] == [["uncalibrated", "", line] for line in lines]
    scores = model.similarity(left, right)
    assert np.array_equal(np.array([row.partition("\t")[0] for row in rows], np.float32), scores)


def test_its_own_output_can_be_read_again(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text('n,text_b,text_a\n1,"x, y",猫\n', "utf-8")
    first = output_of(tmp_path, "--file", "pairs.csv")
    again = output_of(tmp_path, "--file", "-", stdin=first.encode())
    score = first.splitlines()[1].partition("\t")[0]
    header = "score\tband\tprobability\ttext_a\ttext_b\tscore_2\tband_2\tprobability_2\tn"
    said = f"{score}\tuncalibrated\t"
    assert again == f"{header}\n{said}\t猫\tx, y\t{said}\t1\n"


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.jsonl", "pairs.tsv"])
def test_json_of_a_file_has_a_list_of_pairs(tmp_path: Path, name: str) -> None:
    content = {
        "pairs.csv": 'text_a,text_b,label\n"a\nb",c,yes\n',
        "pairs.jsonl": '{"text_a": "a\\nb", "text_b": "c", "label": "yes"}\n',
        "pairs.tsv": "text_a\ttext_b\tlabel\na b\tc\tyes\n",
    }
    (tmp_path / name).write_text(content[name], "utf-8")
    value = json.loads(output_of(tmp_path, "--file", name, "--json"))
    (pair,) = value["pairs"]
    assert pair["text_a"] == ("a b" if name == "pairs.tsv" else "a\nb")
    assert (pair["text_b"], pair["columns"]) == ("c", {"label": "yes"})
    assert (value["model"], value["mode"]) == ("bert-mean", "symmetric")


def test_tabs_and_newlines_do_not_break_tsv(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"text_a": "a\\tb\\nc", "text_b": "d"}\n', "utf-8")
    _, row = output_of(tmp_path, "--file", "pairs.jsonl").splitlines()
    assert row.split("\t")[3:] == ["a b c", "d"]


def test_a_terminal_gets_a_table_in_columns_of_its_width(tmp_path: Path) -> None:
    long = "门已经关上了" * 20
    lines = [f"{long}\ta cat\t1", f"[bold]a[/bold]\t{long}\t22", "关门\t把门关上\t333"]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines), "utf-8")
    ended = in_terminal(tmp_path, "similarity", "--file", "pairs.tsv", *MODEL, columns=80)
    assert ended.code == 0
    header, *rows = ended.out.rstrip("\n").split("\n")
    assert header.split() == ["score", "band", "text_a", "text_b", "column_3"]
    assert len(rows) == 3
    assert {cell_len(row) for row in rows} == {80}
    assert "[bold]a[/bold]" in rows[1]
    assert "…" in rows[0]
    for row, column in zip(rows, ("1", "22", "333"), strict=True):
        assert row.split()[-1] == column
        assert len(row.split()[0]) == len("0.123")


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"text_a": "a\\u001b[2Jb\\u0007", "text_b": "c\\rd"}\n', "utf-8")
    ended = in_terminal(tmp_path, "similarity", "--file", "pairs.jsonl", *MODEL)
    assert "a [2Jb" in ended.out
    assert "\x07" not in ended.out
    assert "\r" not in ended.out


def test_a_text_that_is_too_long_is_told_with_its_line_or_cut(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("a\tb\n" * 100 + "a\t" + "word " * 3000 + "\n", "utf-8")
    ended = samesay(tmp_path, "similarity", "--file", "pairs.tsv", *MODEL)
    assert ended.code == 1
    assert ended.err.startswith("samesay: pairs.tsv, line 101, text_b: has ")
    ended = samesay(tmp_path, "similarity", "--file", "pairs.tsv", "--overlength", "truncate", *MODEL)
    assert ended.code == 0
    assert ended.err.startswith("samesay: 1 of 202 texts were cut to 640 tokens\n")


def test_a_bad_row_is_told_after_the_good_ones(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("a\tb\n" * 100 + "no tab\n", "utf-8")
    ended = samesay(tmp_path, "similarity", "--file", "pairs.tsv", *MODEL)
    assert ended.code == 1
    assert ended.err == "samesay: pairs.tsv, line 101: 1 column where the first row has 2\n"
    assert len(ended.out.splitlines()) == 1 + 64


def test_scores_come_while_pairs_are_still_arriving(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "similarity", "--file", "-", *MODEL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(tmp_path),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"a\tb\n" * 3000)
    process.stdin.flush()
    assert process.stdout.readline() == b"score\tband\tprobability\ttext_a\ttext_b\n"
    assert process.stdout.readline().endswith(b"\ta\tb\n")
    process.stdin.close()
    assert len(process.stdout.readlines()) == 2999
    assert process.wait(timeout=60) == 0
    process.stdout.close()


def calibration_for(model: EmbeddingModel) -> Calibration:
    generator = np.random.default_rng(0)
    scores = np.concatenate([generator.normal(0.9, 0.05, 200), generator.normal(0.5, 0.1, 200)])
    labels = [True] * 200 + [False] * 200
    return Calibration.fit_scores(label_scores(np.clip(scores, -1, 1), labels), key_of(model))


def test_a_calibration_puts_a_band_and_a_probability_beside_every_score(
    tmp_path: Path, model: EmbeddingModel
) -> None:
    made = calibration_for(model)
    made.save(tmp_path / "own.calibration.json")
    pairs = [("a cat", "a cat"), ("a cat", "the dog"), ("I pay 3 dollars.", "I pay 4 dollars.")]
    (tmp_path / "pairs.tsv").write_text("\n".join("\t".join(pair) for pair in pairs) + "\n", "utf-8")
    asked = ("similarity", "--file", "pairs.tsv", "--calibration", "own.calibration.json", *MODEL)
    wanted = made.decide(model.similarity([a for a, _ in pairs], [b for _, b in pairs]), made.key)
    ended = samesay(tmp_path, *asked)
    assert (ended.code, ended.err) == (0, "")
    _, *rows = [line.split("\t") for line in ended.out.splitlines()]
    assert [(row[1], float(row[2])) for row in rows] == [(one.band, one.probability) for one in wanted]
    value = json.loads(samesay(tmp_path, *asked, "--json").out)
    assert [(one["band"], one["probability"]) for one in value["pairs"]] == [
        (one.band, one.probability) for one in wanted
    ]
    assert [one["certified"] for one in value["pairs"]] == [one.certificate is not None for one in wanted]
    assert value["pairs"][0]["certified"]
    assert value["calibration"]["certificate"]["key"] == made.key.digest
    assert (value["bands"]["high"], value["uncalibrated"]) == (made.bands.high, None)


def test_bands_of_ones_own_are_applied_and_a_conflict_lowers_them_where_asked(
    tmp_path: Path, model: EmbeddingModel
) -> None:
    (score,) = model.similarity("I pay 3 dollars.", "I pay 4 dollars.").tolist()
    texts = ("I pay 3 dollars.", "I pay 4 dollars.")
    said = samesay(tmp_path, "similarity", *texts, "--bands", "-1,-1", *MODEL)
    assert (said.out, said.err) == (f"{score:.3f}\thigh\n", "")
    said = samesay(tmp_path, "similarity", *texts, "--bands", "-1,-1", "--demote-on", "number", *MODEL)
    assert said.out == f"{score:.3f}\tmiddle\n"
    assert said.err.startswith("samesay: conflict in number: ")
    value = json.loads(
        samesay(
            tmp_path, "similarity", *texts, "--bands", "-1,-1", "--demote-on", "all", "--json", *MODEL
        ).out
    )
    assert (value["band"], value["certified"], value["bands"]["source"]) == ("middle", False, "given")
    assert value["conflicts"][0].startswith("number: ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--calibration", "none.calibration.json"], 1, "none.calibration.json is not there"),
        (["--calibration", "cut.calibration.json"], 1, "It was cut short or edited"),
        (["--calibration", "edited.calibration.json"], 1, "does not have the hash that it states"),
        (["--calibration", "own.calibration.json", "--prompt", "plain"], 1, "They differ in mode"),
        (["--calibration", "own.calibration.json", *of("qwen3-gqa2")], 1, "They differ in weights"),
        (["--bands", "0.7,0.8"], 1, "above the high band at 0.7"),
        (["--bands", "0.7"], 2, "--bands takes two scores"),
        (["--bands", "nan,0.1"], 1, "a score is from -1 to 1"),
        (["--demote-on", "mood"], 1, "no kind of conflict is named 'mood'"),
    ],
)
def test_calibrations_and_bands_that_cannot_be_used_are_refused_in_one_line(
    tmp_path: Path, model: EmbeddingModel, arguments: list[str], code: int, said: str
) -> None:
    calibration_for(model).save(tmp_path / "own.calibration.json")
    text = (tmp_path / "own.calibration.json").read_text("utf-8")
    (tmp_path / "cut.calibration.json").write_text(text[: len(text) // 2], "utf-8")
    edited = text.replace('"matches": 200', '"matches": 900')
    assert edited != text
    (tmp_path / "edited.calibration.json").write_text(edited, "utf-8")
    ended = samesay(tmp_path, "similarity", "a", "b", *MODEL, *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
