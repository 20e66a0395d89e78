from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from command_line import FIXTURES, MODEL, in_terminal, of, samesay

from samesay.decision.calibration import Calibration
from samesay.decision.certifying import certify_false_match_rate
from samesay.decision.key import key_of
from samesay.decision.labels import LabelledPair, hash_of_pairs, label_scores
from samesay.model import EmbeddingModel, load

TARGET = "support.calibration.json"
WORDS = ("cat", "dog", "house", "river", "猫", "stone", "paper", "night")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingModel:
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "cache"))
    return load(FIXTURES / "bert-mean", precision="fp32", threads=1)


def rows() -> list[tuple[str, str, str]]:
    """90 matches, which share most of their words, and 90 non-matches, which share few."""
    generator = np.random.default_rng(5)
    found = []
    for number in range(180):
        words = list(generator.choice(WORDS, 6))
        match = number % 2
        changed = generator.choice(6, 1 if match else 5, replace=False)
        other = [generator.choice(WORDS) if place in changed else word for place, word in enumerate(words)]
        found.append((f"{' '.join(words)} {number}", f"{' '.join(other)} {number}", str(match)))
    return found


def write(path: Path, table: Sequence[tuple[str, ...]], header: str = "text_a\ttext_b\tlabel") -> None:
    path.write_text("\n".join([header, *("\t".join(row) for row in table)]) + "\n", "utf-8")


def calibrate(folder: Path, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    ended = samesay(folder, "calibrate", *arguments, *MODEL, stdin=stdin)
    return ended.code, ended.out, ended.err


def test_a_file_of_labels_becomes_a_calibration_of_the_models_own_scores(
    tmp_path: Path, model: EmbeddingModel
) -> None:
    table = rows()
    write(tmp_path / "pairs.tsv", table)
    code, out, err = calibrate(tmp_path, "pairs.tsv", "-o", TARGET)
    assert code == 0, err
    made = Calibration.load(tmp_path / TARGET)
    assert made.key == key_of(model)
    scores = model.similarity([a for a, _, _ in table], [b for _, b, _ in table])
    pairs = [LabelledPair(a, b, label == "1") for a, b, label in table]
    labelled = label_scores(scores, [pair.match for pair in pairs], data=hash_of_pairs(pairs))
    expected = certify_false_match_rate(labelled, key=made.key.digest, made=made.made)
    assert made.certificates == (expected,)
    header, *lines = out.splitlines()
    assert header.split("\t") == [
        "threshold",
        "precision",
        "recall",
        "false_match_rate",
        "accepted",
        "false_recalls_saved",
        "note",
    ]
    assert any(line.endswith("\tcertified false-match-rate, high") for line in lines)
    assert sum("reference" in line for line in lines) == 1
    assert "samesay: 90 matches and 90 non-matches;" in err
    assert "samesay: certified: at most 0.05 of non-matches score " in err
    assert err.endswith(f"samesay: written to {TARGET}\n")


def test_json_has_all_of_it(tmp_path: Path, model: EmbeddingModel) -> None:
    write(tmp_path / "pairs.tsv", rows())
    code, out, _ = calibrate(
        tmp_path, "pairs.tsv", "--json", "--precision-target", "0.7", "--reference", "0.5"
    )
    assert code == 0
    value = json.loads(out)
    assert value["identity"] == str(model.identity)
    assert (value["mode"], value["task"], value["reference"]) == ("symmetric", None, 0.5)
    certified = {one["kind"]: one for one in value["certificates"]}
    assert certified["false-match-rate"]["n"] == 90
    assert value["curve"]["method"] in ("platt", "beta")
    at_reference = [row for row in value["thresholds"] if row["threshold"] == 0.5]
    assert [row["false_recalls_saved"] for row in at_reference] == [0.0]


def test_grades_need_a_cut_and_a_cut_makes_the_same_of_them(tmp_path: Path) -> None:
    table = rows()
    write(tmp_path / "plain.tsv", table)
    write(
        tmp_path / "graded.tsv",
        [(a, b, "4.5" if label == "1" else "3.99") for a, b, label in table],
        "text_a\ttext_b\tgold",
    )
    code, _, err = calibrate(tmp_path, "graded.tsv")
    assert code == 1
    assert err == (
        "samesay: graded.tsv, line 2: the label 3.99 is a grade; say from which grade on two texts match, "
        "such as cut=4 (--cut 4)\n"
    )
    plain = calibrate(tmp_path, "plain.tsv")
    assert calibrate(tmp_path, "graded.tsv", "--cut", "4") == plain


def test_suggestions_come_from_the_rows_without_a_label(tmp_path: Path) -> None:
    table = rows()
    open_rows = [(a.upper(), b, "") for a, b, _ in table[:20]]
    write(tmp_path / "pairs.tsv", [*table, *open_rows])
    code, out, err = calibrate(tmp_path, "pairs.tsv", "--suggest", "3")
    assert code == 0, err
    header, *lines = out.splitlines()
    assert header.split("\t") == ["score", "probability", "text_a", "text_b", "place"]
    assert len(lines) == 3
    for line in lines:
        _, _, text_a, text_b, place = line.split("\t")
        number = int(place.removeprefix("pairs.tsv, line "))
        assert (text_a, text_b, "") == open_rows[number - 182]
    _, _, err = calibrate(tmp_path, "pairs.tsv")
    assert "samesay: 20 rows without a label left out; --suggest N names those worth one\n" in err
    write(tmp_path / "pairs.tsv", table)
    code, _, err = calibrate(tmp_path, "pairs.tsv", "--suggest", "3")
    assert (code, "there are none" in err) == (1, True)


def test_a_terminal_gets_the_table_and_the_diagrams(tmp_path: Path) -> None:
    write(tmp_path / "pairs.tsv", [*rows(), ("[red]a", "b\x1b", "")])
    ended = in_terminal(tmp_path, "calibrate", "pairs.tsv", "--suggest", "1", *MODEL, columns=100)
    assert ended.code == 0
    assert "certified false-match-rate, high" in ended.out
    assert "how often pairs match (█)" in ended.out
    assert "match  none" in ended.out
    assert "worth a label" in ended.out
    assert "[red]a" in ended.out
    assert "\x1b" not in ended.out
    assert max(map(len, ended.out.splitlines())) <= 100


def test_bands_of_ones_own_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "pairs.tsv", rows())
    code, _, err = calibrate(tmp_path, "pairs.tsv", "-o", TARGET, "--bands", "0.85,0.75")
    assert code == 0, err
    bands = Calibration.load(tmp_path / TARGET).bands
    assert (bands.high, bands.middle, bands.source) == (0.85, 0.75, "given")
    assert calibrate(tmp_path, "pairs.tsv", "--bands", "0.75,0.85")[1:] == (
        "",
        "samesay: the middle band begins at 0.85, above the high band at 0.75; swap them\n",
    )
    assert calibrate(tmp_path, "pairs.tsv", "--bands", "high")[0] == 2


def test_the_mode_and_task_are_in_the_file(tmp_path: Path) -> None:
    write(tmp_path / "pairs.tsv", rows())
    options = ("--prompt", "query-document", "--task", "legal", *of("qwen3-gqa2"))
    ended = samesay(tmp_path, "calibrate", "pairs.tsv", "-o", TARGET, *options)
    if ended.code == 1:  # random weights may tell nothing apart, and then that is what is said
        assert "matches do not score above non-matches" in ended.err
        return
    key = Calibration.load(tmp_path / TARGET).key
    assert (key.mode, key.right) == ("query-document", "")
    assert key.task is not None
    assert key.task in key.left


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([("a", "b", "1"), ("c", "d", "0"), ("e", "f", "1")], "there are 2 matches and 1 non-matches"),
        (
            [(f"a{n}", f"b{n}", "1") for n in range(30)],
            "all 30 labels say that the pairs match; ",
        ),
        ([("a", "b", "1"), ("b", "a", "0")], "pairs.tsv, line 2 and pairs.tsv, line 3: the same pair"),
        ([("a", "b", "nan")], "pairs.tsv, line 2: the label is nan"),
        ([("a", "b", "often")], "pairs.tsv, line 2: the label 'often' is not 0 or 1"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_in_one_line(
    tmp_path: Path, table: list[tuple[str, ...]], said: str
) -> None:
    write(tmp_path / "pairs.tsv", table)
    code, out, err = calibrate(tmp_path, "pairs.tsv", "-o", TARGET)
    assert (code, out) == (1, "")
    assert said in err
    assert "Traceback" not in err
    assert not (tmp_path / TARGET).exists()


def test_the_column_of_labels_is_found_or_asked_for(tmp_path: Path) -> None:
    table = [(*row, "x") for row in rows()]
    write(tmp_path / "pairs.tsv", table, "text_a\ttext_b\tsame\tnote")
    code, _, err = calibrate(tmp_path, "pairs.tsv")
    assert code == 1
    assert "no column is named 'label'; say with --label which it is of 'same', 'note'" in err
    assert calibrate(tmp_path, "pairs.tsv", "--label", "same")[0] == 0
    assert "no column 'other'" in calibrate(tmp_path, "pairs.tsv", "--label", "other")[2]
    write(tmp_path / "bare.tsv", [("a", "b")], "text_a\ttext_b")
    assert "a third column says 1 (match) or 0" in calibrate(tmp_path, "bare.tsv")[2]


def test_copies_of_a_pair_count_once(tmp_path: Path) -> None:
    table = rows()
    content = "\n".join("\t".join(row) for row in [*table, *table[:7]])
    code, _, err = calibrate(tmp_path, "-", stdin=content.encode())
    assert code == 0
    assert "samesay: 7 rows repeat a pair and count once\n" in err
    assert "90 matches and 90 non-matches" in err


def test_what_is_there_is_not_replaced_unasked_and_is_told_before_the_work(tmp_path: Path) -> None:
    write(tmp_path / "pairs.tsv", rows())
    (tmp_path / TARGET).write_text("mine")
    code, out, err = calibrate(tmp_path, "pairs.tsv", "-o", TARGET)
    assert (code, out) == (1, "")
    assert err == f"samesay: {TARGET} exists; give another name, or --overwrite to replace it\n"
    assert calibrate(tmp_path, "pairs.tsv", "-o", TARGET, "--overwrite")[0] == 0
    Calibration.load(tmp_path / TARGET)
    assert "must end in .calibration.json" in calibrate(tmp_path, "pairs.tsv", "-o", "a.json")[2]


def test_a_text_that_is_too_long_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path / "pairs.tsv", [*rows(), ("a", "word " * 3000, "1")])
    code, _, err = calibrate(tmp_path, "pairs.tsv")
    assert code == 1
    assert err.startswith("samesay: pairs.tsv, line 182, text_b: has ")
    code, _, err = calibrate(tmp_path, "pairs.tsv", "--overlength", "truncate")
    assert code == 0
    assert "samesay: 1 of 362 texts were cut to 640 tokens\n" in err


@pytest.mark.parametrize("option", ["--alpha", "--delta", "--precision-target"])
def test_a_share_outside_0_to_1_is_refused(tmp_path: Path, option: str) -> None:
    write(tmp_path / "pairs.tsv", rows())
    code, _, err = calibrate(tmp_path, "pairs.tsv", option, "5")
    assert (code, err) == (1, f"samesay: {option} must be between 0 and 1, such as 0.05; it is 5.0\n")


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write(tmp_path / "pairs.tsv", rows())
    assert calibrate(tmp_path, "pairs.tsv", "--plot", "diagram.png")[0] == 0
    assert (tmp_path / "diagram.png").read_bytes().startswith(b"\x89PNG")
