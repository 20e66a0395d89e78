from __future__ import annotations

import json
from pathlib import Path

from command_line import in_terminal, samesay

from samesay.checkpoint.locate import present_models


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
