"""Which token states make a vector: read from modules.json, and refused where samesay has no such part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from samesay.checkpoint.architecture import Family
from samesay.checkpoint.pooling import Pooling, read_pooling
from samesay.errors import CheckpointError, UnsupportedModelError

OLD = "sentence_transformers.models."
NEW = "sentence_transformers.sentence_transformer.modules.pooling."
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": OLD + "Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": OLD + "Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": OLD + "Normalize"},
]
MODES = (
    "cls_token",
    "mean_tokens",
    "max_tokens",
    "mean_sqrt_len_tokens",
    "weightedmean_tokens",
    "lasttoken",
)


def write(folder: Path, modules: Any, pooling: Any) -> Path:
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), "utf-8")
    return folder


def flags(*chosen: str) -> dict[str, Any]:
    return {"word_embedding_dimension": 8} | {f"pooling_mode_{mode}": mode in chosen for mode in MODES}


@pytest.mark.parametrize(
    ("mode", "pooling"),
    [("cls_token", Pooling.CLS), ("mean_tokens", Pooling.MEAN), ("lasttoken", Pooling.LAST)],
)
@pytest.mark.parametrize("family", list(Family))
def test_the_flags_of_older_versions_are_read_for_every_family(
    mode: str, pooling: Pooling, family: Family, tmp_path: Path
) -> None:
    assert read_pooling(write(tmp_path, MODULES, flags(mode)), family) is pooling


@pytest.mark.parametrize(
    ("mode", "pooling"),
    [("cls", Pooling.CLS), ("mean", Pooling.MEAN), ("lasttoken", Pooling.LAST), (["mean"], Pooling.MEAN)],
)
def test_the_single_key_of_newer_versions_is_read(mode: Any, pooling: Pooling, tmp_path: Path) -> None:
    modules = [MODULES[0], {"idx": 1, "name": "1", "path": "1_Pooling", "type": NEW + "Pooling"}]
    assert read_pooling(write(tmp_path, modules, {"pooling_mode": mode}), Family.BERT) is pooling


def test_a_bare_transformers_folder_pools_as_its_family_does(tmp_path: Path) -> None:
    assert read_pooling(tmp_path, Family.QWEN3) is Pooling.LAST
    assert read_pooling(tmp_path, Family.MISTRAL) is Pooling.LAST
    assert read_pooling(tmp_path, Family.BERT) is Pooling.MEAN
    assert read_pooling(tmp_path, Family.XLM_ROBERTA) is Pooling.MEAN


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (flags("max_tokens"), "pooling_mode_max_tokens"),
        (flags("mean_sqrt_len_tokens"), "mean_sqrt_len"),
        (flags("cls_token", "mean_tokens"), "pooling_mode_cls_token.*pooling_mode_mean_tokens"),
        (flags(), "none"),
        ({}, "none"),
        ({"pooling_mode": "max"}, "max"),
        ({"pooling_mode": ["cls", "mean"]}, "cls.*mean"),
        ({"pooling_mode": []}, "none"),
        ({"pooling_mode": 5}, "5"),
        ({"pooling_mode": {"mean": 1}}, "mean"),
        (flags("mean_tokens") | {"pooling_mode_mean_tokens": "yes"}, "none"),
    ],
)
def test_another_pooling_is_refused_by_its_name(config: dict[str, Any], named: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match=named) as caught:
        read_pooling(write(tmp_path, MODULES, config), Family.BERT)
    assert str(Path("1_Pooling", "config.json")) in str(caught.value)


def test_a_mean_that_leaves_the_prompt_out_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, MODULES, flags("mean_tokens") | {"include_prompt": False})
    with pytest.raises(UnsupportedModelError, match="prompt"):
        read_pooling(folder, Family.BERT)
    folder = write(tmp_path, MODULES, flags("lasttoken") | {"include_prompt": False})
    assert read_pooling(folder, Family.QWEN3) is Pooling.LAST


@pytest.mark.parametrize("kind", ["Dense", "LayerNorm", "CNN", "WeightedLayerPooling", "Router", ""])
def test_a_module_that_samesay_lacks_is_refused_by_its_name(kind: str, tmp_path: Path) -> None:
    modules = [*MODULES, {"idx": 3, "name": "3", "path": "3_More", "type": OLD + kind}]
    with pytest.raises(UnsupportedModelError, match=OLD + kind):
        read_pooling(write(tmp_path, modules, flags("mean_tokens")), Family.BERT)


def test_modules_without_pooling_give_no_vector_a_text(tmp_path: Path) -> None:
    for modules in ([], [MODULES[0]], [MODULES[0], MODULES[2]]):
        with pytest.raises(UnsupportedModelError, match=r"modules\.json.*Pooling"):
            read_pooling(write(tmp_path, modules, flags("mean_tokens")), Family.BERT)


@pytest.mark.parametrize("modules", [{}, "Pooling", 5, None, [5], ["Pooling"], [None], [[MODULES[1]]]])
def test_modules_of_another_form_are_refused_by_the_file(modules: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"modules\.json"):
        read_pooling(write(tmp_path, modules, flags("mean_tokens")), Family.BERT)


@pytest.mark.parametrize("content", [b"", b"{", b"[{}", b"\xff\xfe", b"[" * 200_000, b"nul"])
def test_broken_json_is_named(content: bytes, tmp_path: Path) -> None:
    folder = write(tmp_path, MODULES, flags("mean_tokens"))
    (folder / "1_Pooling" / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"1_Pooling.config\.json"):
        read_pooling(folder, Family.BERT)
    (folder / "modules.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"modules\.json"):
        read_pooling(folder, Family.BERT)


def test_a_pooling_module_without_its_config_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, MODULES, flags("mean_tokens"))
    (folder / "1_Pooling" / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"1_Pooling.config\.json is missing"):
        read_pooling(folder, Family.BERT)


@pytest.mark.parametrize("path", ["nowhere", "\0", "a" * 5000, "../../nowhere", None, 5])
def test_a_path_that_leads_nowhere_is_an_error_of_the_checkpoint(path: Any, tmp_path: Path) -> None:
    modules = [MODULES[0], {"idx": 1, "name": "1", "path": path, "type": OLD + "Pooling"}]
    with pytest.raises(CheckpointError):
        read_pooling(write(tmp_path, modules, flags("mean_tokens")), Family.BERT)
