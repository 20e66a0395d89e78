from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import FIXTURES, MODEL, Ended, in_terminal, of, samesay

from samesay import IntentMatcher
from samesay.decision.intents.examples import IntentExample
from samesay.decision.intents.settings import IntentSettings
from samesay.model import EmbeddingModel, load

WORDS = ("cat", "dog", "house", "river", "猫", "stone", "paper", "night")
QUERIES = "cat dog house\nstone paper\n\t\nsomething else\n".replace("\t\n", "")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingModel:
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "cache"))
    return load(FIXTURES / "bert-mean", precision="fp32", threads=1)


def examples(outside: int = 70) -> list[tuple[str, str]]:
    rows = []
    for number in range(15):
        rows.append(("animals", f"cat dog house {WORDS[number % 8]} {number}"))
        rows.append(("things", f"river stone paper {WORDS[number % 8]} {number}"))
    return rows + [("none", f"yes {number} no {number}") for number in range(outside)]


def write(path: Path, rows: list[tuple[str, str]]) -> None:
    path.write_text("".join(f"{intent}\t{text}\n" for intent, text in rows), "utf-8")


def match(folder: Path, *arguments: str, stdin: bytes = b"") -> Ended:
    return samesay(folder, "match", *arguments, *MODEL, stdin=stdin)


def test_answers_are_those_of_the_matcher(tmp_path: Path, model: EmbeddingModel) -> None:
    write(tmp_path / "intents.tsv", examples())
    (tmp_path / "queries.txt").write_text(QUERIES, "utf-8")
    ended = match(tmp_path, "intents.tsv", "queries.txt", "--top", "2")
    assert ended.code == 0, ended.err
    matcher = IntentMatcher.fit(model, [(None if i == "none" else i, text) for i, text in examples()])
    texts = QUERIES.splitlines()
    wanted = matcher.match(texts, top=2)
    header, *lines = ended.out.splitlines()
    assert header.split("\t") == ["intent", "score", "band", "certified", "candidates", "text"]
    for line, text, one in zip(lines, texts, wanted, strict=True):
        intent, score, band, certified, candidates, shown = line.split("\t")
        assert (intent, float(score), band, shown) == (one.intent or "none", one.score, one.band, text)
        assert certified == ("yes" if one.certificate else "no")
        assert json.loads(candidates) == [[c.intent, c.score, c.band] for c in one.candidates]
    assert "2 intents, 30 examples, 70 out-of-scope texts" in ended.err
    assert "(certified)" in ended.err
    assert "certified: at most 0.05 of out-of-scope texts get an intent" in ended.err


def test_texts_of_the_command_line_are_answered_like_those_of_a_file(tmp_path: Path) -> None:
    write(tmp_path / "intents.tsv", examples())
    (tmp_path / "queries.txt").write_text("cat dog house\nstone paper\n", "utf-8")
    by_file = match(tmp_path, "intents.tsv", "queries.txt")
    by_text = match(tmp_path, "intents.tsv", "--text", "cat dog house", "--text", "stone paper")
    assert by_file.code == by_text.code == 0, by_text.err
    assert by_text.out == by_file.out


def test_a_saved_matcher_takes_the_place_of_the_examples(tmp_path: Path) -> None:
    write(tmp_path / "intents.tsv", examples())
    queries = QUERIES.encode()
    made = match(tmp_path, "intents.tsv", "-", "--save", "a.intents", "--note", "help desk", stdin=queries)
    assert made.code == 0, made.err
    assert "written to a.intents" in made.err
    used = match(tmp_path, "a.intents", "-", stdin=queries)
    assert used.code == 0, used.err
    assert used.out == made.out
    again = match(tmp_path, "intents.tsv", "--save", "a.intents")
    assert again.code == 1
    assert "a.intents exists" in again.err
    wrong = samesay(tmp_path, "match", "a.intents", "-", *of("bert-cls"), stdin=queries)
    assert wrong.code == 1
    assert "the matcher was made with bert-mean" in wrong.err
    assert "the model is bert-cls" in wrong.err
    refit = match(tmp_path, "a.intents", "-", "--alpha", "0.1", stdin=queries)
    assert refit.code == 2
    assert "made already" in refit.err
    content = (tmp_path / "a.intents").read_bytes()
    (tmp_path / "a.intents").write_bytes(content[:-7])
    cut = match(tmp_path, "a.intents", "-", stdin=queries)
    assert cut.code == 1
    assert "cut short or edited" in cut.err


def test_json_has_all_of_it(tmp_path: Path, model: EmbeddingModel) -> None:
    write(tmp_path / "intents.tsv", examples(12))
    (tmp_path / "queries.jsonl").write_text('{"id": 7, "text": "cat dog house"}\n', "utf-8")
    ended = match(tmp_path, "intents.tsv", "queries.jsonl", "--json", "--method", "centroids")
    assert ended.code == 0, ended.err
    body = json.loads(ended.out)
    matcher = IntentMatcher.fit(
        model,
        [IntentExample(text, None if intent == "none" else intent) for intent, text in examples(12)],
        settings=IntentSettings(method="centroids"),
    )
    one = matcher.match("cat dog house")
    (found,) = body["matches"]
    assert (found["id"], found["intent"], found["score"]) == (7, one.intent, one.score)
    assert body["threshold"]["basis"] == "examples"
    assert body["certificates"] == []
    assert body["refused"][0]["further"] == 47
    assert body["identity"] == str(model.identity)
    assert "no certificate: to promise that at most 0.05 of out-of-scope texts" in ended.err
    assert "uncertified, which most examples reach" in ended.err


def test_labelled_texts_are_counted(tmp_path: Path) -> None:
    write(tmp_path / "intents.tsv", examples())
    labelled = [
        ("animals", "dog cat house"),
        ("things", "stone river"),
        ("things", "cat dog"),
        ("none", "yes no"),
    ]
    write(tmp_path / "labelled.tsv", labelled)
    ended = match(tmp_path, "intents.tsv", "--test", "labelled.tsv")
    assert ended.code == 0, ended.err
    header, *lines = ended.out.splitlines()
    assert header.split("\t") == ["intent", "texts", "right", "none", "given"]
    assert [line.split("\t")[:2] for line in lines] == [["animals", "1"], ["things", "2"]]
    assert "best intent right: " in ended.err
    assert " of 3 " in ended.err
    assert "out-of-scope texts given none (recall): " in ended.err
    assert "confused: 1 of things answered " in ended.err
    body = json.loads(match(tmp_path, "intents.tsv", "--test", "labelled.tsv", "--json").out)
    assert body["evaluation"]["best"]["of"] == 3


def test_odd_examples_are_told(tmp_path: Path) -> None:
    rows = examples(3)
    write(tmp_path / "intents.tsv", [*rows, rows[0], ("things", rows[0][1])])
    ended = match(tmp_path, "intents.tsv", "-", stdin=f"{rows[0][1]}\n".encode())
    assert ended.code == 0, ended.err
    assert "1 rows repeat an example and count once" in ended.err
    assert "stands under animals (intents.tsv, line 1) and things (intents.tsv, line 35)" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("intents.tsv",), 2, "give QUERIES, or --text, or --test, or only --save"),
        (("intents.tsv", "-", "--test", "intents.tsv"), 2, "give QUERIES, or --text, or --test"),
        (("intents.tsv", "-", "--text", "a cat"), 2, "give QUERIES, or --text, or --test"),
        (
            ("intents.tsv", "where is the cat?"),
            1,
            "the cat?; a text itself goes behind --text",
        ),
        (("missing.tsv", "-"), 1, "there is no file missing.tsv"),
        (("missing.intents", "-"), 1, "missing.intents is not there"),
        (("intents.tsv", "-", "--alpha", "0"), 1, "--alpha must be between 0 and 1"),
        (("intents.tsv", "-", "--threshold", "1.5"), 1, "--threshold is 1.5"),
        (("intents.tsv", "-", "--held-out", "intents.tsv"), 2, "--held-out is for --precision-target"),
        (("intents.tsv", "-", "--save", "a.json"), 1, "must end in .intents"),
        (
            ("intents.tsv", "--test", "unknown.tsv"),
            1,
            "unknown.tsv, line 1: the matcher has no intent 'other'",
        ),
        (("long.tsv", "-"), 1, "long.tsv, line 2: "),
        (("outside.tsv", "-"), 1, "no examples of any intent"),
    ],
)
def test_mistakes_are_told_in_a_line(
    arguments: tuple[str, ...], code: int, words: str, tmp_path: Path
) -> None:
    write(tmp_path / "intents.tsv", examples(0))
    write(tmp_path / "unknown.tsv", [("other", "text")])
    write(tmp_path / "long.tsv", [("a", "short"), ("b", "word " * 3000)])
    write(tmp_path / "outside.tsv", [("none", "short")])
    ended = match(tmp_path, *arguments, stdin=b"text\n")
    assert ended.code == code, ended.err
    assert words in " ".join(ended.err.replace("│", " ").split())
    assert "Traceback" not in ended.err
    assert not (tmp_path / "a.json").exists()


def test_a_terminal_gets_a_table(tmp_path: Path) -> None:
    write(tmp_path / "intents.tsv", examples())
    (tmp_path / "queries.txt").write_text(QUERIES, "utf-8")
    ended = in_terminal(tmp_path, "match", "intents.tsv", "queries.txt", *MODEL, columns=100)
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].split() == ["intent", "score", "band", "candidates", "text"]
    assert all(len(line) <= 100 for line in lines)
    assert any("animals" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("given", "words"),
    [("bank", "--intents takes NAME=FILE, not 'bank'"), ("a=b.tsv", "there is no file b.tsv")],
)
def test_intents_that_cannot_be_served_are_told_before_a_model_is_loaded(
    given: str, words: str, tmp_path: Path
) -> None:
    ended = samesay(tmp_path, "serve", "--intents", given)
    assert ended.code == 1
    assert words in ended.err
