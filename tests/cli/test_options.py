from __future__ import annotations

import os
from typing import get_args

import pytest
from command_line import FIXTURES

from samesay.checkpoint.locate import Located
from samesay.cli.options import PrecisionOption, checked_argument, loaded_model
from samesay.engine.base import PRECISIONS
from samesay.errors import TextError


def test_a_model_that_was_not_named_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Located("multilingual-e5-small", FIXTURES / "bert-mean", "bundled")
    monkeypatch.setattr("samesay.checkpoint.locate.locate", lambda *_, **__: found)
    monkeypatch.setattr("samesay.model.locate", lambda *_, **__: found)
    assert loaded_model(None, "fp32", 1).name == "multilingual-e5-small"
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "samesay: model multilingual-e5-small (bundled)\n")


def test_a_model_that_was_named_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    loaded_model(str(FIXTURES / "bert-mean"), "fp32", 1)
    assert capsys.readouterr().err == ""


def test_the_help_names_every_precision() -> None:
    (option,) = get_args(PrecisionOption)[1:]
    assert option.help == f"{', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}."


def test_utf_8_in_a_locale_without_it_is_understood() -> None:
    misread = "猫".encode().decode("ascii", "surrogateescape")
    expected = "猫" if os.fsencode(misread) == "猫".encode() else None
    assert checked_argument("猫", "the text") == "猫"
    assert checked_argument(misread, "the text") == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ab\udce9", "the text is not valid UTF-8: byte 3 is 0xE9"),
        ("a\ud800b", "the text is not valid UTF-8: character 2 is half of a surrogate pair, U+D800"),
    ],
)
def test_half_of_a_surrogate_pair_is_told(text: str, told: str) -> None:
    with pytest.raises(TextError) as caught:
        checked_argument(text, "the text")
    assert str(caught.value) == told
