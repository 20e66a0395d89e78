"""Files of intents and examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from samesay.decision.intents.reading import read_examples
from samesay.errors import InputFileError

WANTED = [("lost", "I lost my card"), ("lost", "我的卡丢了"), (None, "will it rain?"), (None, "a joke")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "lost\tI lost my card\nlost\t我的卡丢了\nnone\twill it rain?\n\ta joke\n"),
        (
            "b.tsv",
            "text\tintent\tx\nI lost my card\tlost\t1\n我的卡丢了\tlost\t2\n"
            "will it rain?\tnone\t\na joke\t\t\n",
        ),
        ("c.csv", "intent,example\nlost,I lost my card\nlost,我的卡丢了\nnone,will it rain?\n,a joke\n"),
        (
            "d.jsonl",
            '{"intent": "lost", "example": "I lost my card"}\n{"intent": "lost", "text": "我的卡丢了"}\n\n'
            '{"intent": null, "text": "will it rain?"}\n{"intent": "none", "utterance": "a joke"}\n',
        ),
    ],
)
def test_every_kind_of_file_gives_the_same_examples(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    found = read_examples(tmp_path / name)
    assert [(one.intent, one.text) for one in found] == WANTED
    assert found[-1].place.startswith(f"{name}, line ")


def test_another_word_for_none_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("oos\ta\nlost\tb\nnone\tc\n", "utf-8")
    assert [one.intent for one in read_examples(tmp_path / "a.tsv", "oos")] == [None, "lost", None]
    assert [one.intent for one in read_examples(tmp_path / "a.tsv")] == ["oos", "lost", None]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.tsv", "", "a.tsv is empty"),
        ("a.tsv", "only one column\n", "line 1: 1 columns; without a header"),
        ("a.tsv", "a\tb\tc\n", "line 1: 3 columns; without a header"),
        ("a.tsv", "a\tb\nc\n", "line 2: 1 column where the first row has 2"),
        ("a.tsv", "a\t \n", "line 1: the example is empty"),
        ("a.tsv", "intent\texample\n", "has no rows"),
        ("a.csv", "name,example\nx,y\n", "no 'intent'"),
        ("a.jsonl", '{"intent": "x"}\n', "line 1: no 'example'"),
        ("a.jsonl", '{"intent": 3, "text": "a"}\n', "'intent' is a number, not a string"),
        ("a.txt", "a\tb\n", "name it .tsv"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(name: str, content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(InputFileError) as error:
        read_examples(tmp_path / name)
    assert words in str(error.value)
