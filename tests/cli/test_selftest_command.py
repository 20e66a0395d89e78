from __future__ import annotations

import json
import shutil
from pathlib import Path

from command_line import FIXTURES, samesay

MODEL = ("--model", str(FIXTURES / "bert-mean"), "--precision", "fp32")


def test_it_prints_checks_and_what_a_bug_report_needs(tmp_path: Path) -> None:
    ended = samesay(tmp_path, "selftest", *MODEL)
    assert ended.code == 0, ended.err
    assert ended.out.count("passed: ") == 6
    for told in ("samesay ", "numpy ", "instruction sets: ", "tried: bert-mean", "ms a sentence", "GFLOPS"):
        assert told in ended.out
    assert str(FIXTURES) not in ended.out


def test_a_device_that_means_nothing_is_told_before_anything_is_tried(tmp_path: Path) -> None:
    ended = samesay(tmp_path, "selftest", *MODEL, "--device", "gpu")
    assert (ended.code, ended.out) == (1, "")
    assert "device must be cpu, cuda, cuda:N, mps, xpu or torch:cpu, not 'gpu'" in ended.err
    assert samesay(tmp_path, "selftest", *MODEL, "--device", "cpu", "--no-speed").out.count("passed: ") == 6


def test_json_has_the_same(tmp_path: Path) -> None:
    ended = samesay(tmp_path, "selftest", *MODEL, "--no-speed", "--json")
    assert ended.code == 0, ended.err
    value = json.loads(ended.out)
    assert value["passed"] is True
    assert {one["outcome"] for one in value["checks"]} == {"passed"}
    assert value["machine"]["cores"] >= 1
    assert value["speeds"] == []


def test_a_damaged_model_ends_it_with_one(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "bert-mean", tmp_path / "damaged", copy_function=shutil.copy)
    weights = tmp_path / "damaged" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    ended = samesay(tmp_path, "selftest", "--model", "./damaged")
    assert ended.code == 1
    assert "failed: the model loads" in ended.out
    assert "please report" in ended.err
    ended = samesay(tmp_path, "selftest", "--model", "./damaged", "--json")
    assert ended.code == 1
    assert json.loads(ended.out)["passed"] is False
