from __future__ import annotations

import json
import re
from pathlib import Path

from command_line import MODEL, in_terminal, samesay

PAIR = ("Smoking is allowed for 5 days.", "此处禁止吸烟15天。")


def test_a_pipe_gets_tsv_with_every_conflict(tmp_path: Path) -> None:
    ended = samesay(tmp_path, "explain", *PAIR, *MODEL, "--bands", "-0.9,-1")
    assert (ended.code, ended.err) == (0, "")
    header, pair, *rest = [line.split("\t") for line in ended.out.splitlines()]
    assert header == ["what", "score", "a", "b", "value_a", "value_b"]
    assert (pair[0], pair[2], pair[3]) == ("high", *PAIR)
    assert [row[:1] + row[2:] for row in rest if row[0].startswith("conflict")] == [
        ["conflict: antonym", "allowed", "禁止", "allowed", "禁止"],
        ["conflict: number", "5 days", "15天", "5 days", "15 days"],
    ]


def test_a_band_is_lowered_only_where_it_is_asked_for_and_json_says_from_where(tmp_path: Path) -> None:
    for kinds, band, before in (("number", "middle", "high"), ("name", "high", None)):
        ended = samesay(
            tmp_path, "explain", *PAIR, *MODEL, "--bands", "-0.9,-1", "--demote-on", kinds, "--json"
        )
        value = json.loads(ended.out)
        assert (value["band"], value["demoted_from"], value["model"]) == (band, before, "bert-mean")
        assert [one["kind"] for one in value["conflicts"]] == ["antonym", "number"]


def test_a_terminal_gets_both_texts_and_the_conflicts(tmp_path: Path) -> None:
    shown = re.sub(r"\x1b\[[0-9;]*m", "", in_terminal(tmp_path, "explain", *PAIR, *MODEL).out)
    for words in (*PAIR, "antonym", "allowed / 禁止", "5 days / 15天", "5 days / 15 days"):
        assert words in shown


def test_slips_are_told_in_one_line(tmp_path: Path) -> None:
    ended = samesay(tmp_path, "explain", *PAIR, *MODEL, "--demote-on", "numbers")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("samesay: no kind of conflict is named 'numbers'")
    ended = samesay(tmp_path, "explain", b"\xff", "b", *MODEL)
    assert (ended.code, ended.out) == (1, "")
    assert "the first text" in ended.err
    assert ended.err.count("\n") == 1
