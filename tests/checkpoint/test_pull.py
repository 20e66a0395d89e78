"""Whole models: complete or not there, resumed after anything, found again without a network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from loopback_hub import (
    COMMIT,
    NEEDED,
    OLDER_COMMIT,
    REPOSITORY,
    WEIGHTS,
    Answer,
    Drop,
    Hold,
    LoopbackHub,
    Redirect,
    Wrong,
    tiny_files,
)
from loopback_hub import running_hub as running_hub

import samesay.errors
from samesay.checkpoint.cache import models_folder
from samesay.checkpoint.download import Patience
from samesay.checkpoint.pull import PulledModel, find_pulled, huggingface_cached, pull, pulled_models
from samesay.errors import PullError

SOURCES = ["huggingface", "modelscope"]
QUICK = Patience(tries=3, sleep=lambda _: None)


class Watcher:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.size = self.there = 0
        self.notes: list[str] = []

    def expect(self, size: int, there: int) -> None:
        self.size, self.there = size, there

    def arrive(self, size: int) -> None:
        self.there += size

    def note(self, text: str) -> None:
        self.notes.append(text)


def fetch(name: str = REPOSITORY, *, source: str = "huggingface", revision: str | None = None) -> PulledModel:
    return pull(name, source=source, revision=revision, patience=QUICK)


def home() -> Path:
    return models_folder() / "acme--tiny-embedding"


def partial_weights() -> Path:
    return home() / f"{COMMIT}.partial" / (WEIGHTS + ".partial")


def pulling_process() -> subprocess.Popen[str]:
    """Another process that pulls the same model, as the command line would."""
    package = str(Path(samesay.errors.__file__).parents[1])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from samesay.checkpoint.pull import pull; print(pull({REPOSITORY!r}).revision)",
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "this should have happened by now"
        time.sleep(0.01)


@pytest.mark.parametrize("source", SOURCES)
def test_a_pulled_model_is_what_the_hub_has_and_says_what_it_is(hub: LoopbackHub, source: str) -> None:
    files = {path: hub.repositories[REPOSITORY][path] for path in NEEDED}
    model = fetch(source=source)
    assert model.folder == home() / COMMIT
    assert (model.repository, model.source, model.revision) == (REPOSITORY, source, COMMIT)
    assert model.size_bytes == sum(map(len, files.values()))
    present = {p.relative_to(model.folder).as_posix(): p for p in model.folder.rglob("*") if p.is_file()}
    manifest = json.loads(present.pop("samesay.json").read_text())
    assert {path: file.read_bytes() for path, file in present.items()} == files
    assert manifest == {
        "repository": REPOSITORY,
        "source": source,
        "revision": COMMIT,
        "files": {
            path: {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            for path, body in files.items()
        },
    }
    assert json.loads((home() / "current.json").read_text()) == {"revision": COMMIT, "source": source}
    assert pulled_models() == [model]
    assert find_pulled(REPOSITORY) == model
    assert not (home() / f"{COMMIT}.partial").exists()


def test_only_what_a_model_needs_is_fetched_and_each_once(hub: LoopbackHub) -> None:
    hub.repositories[REPOSITORY]["samesay.json"] = b'{"repository": "made up"}'
    fetch()
    assert sorted(hub.fetched()) == sorted(NEEDED)
    assert {asked.encoding for asked in hub.asked} == {"identity"}


def test_modules_are_taken_from_modules_json_and_no_other_folder(hub: LoopbackHub) -> None:
    files = hub.repositories[REPOSITORY]
    files["modules.json"] = (
        b'[{"path": "pooling"}, {"path": "deep/dense/"}, {"path": "../up"}, 7, {"idx": 3}]'
    )
    files.update({f"{folder}/config.json": b"{}" for folder in ("pooling", "deep/dense", "openvino")})
    files["deep/dense/more/config.json"] = b"{}"
    model = fetch()
    folders = {p.parent.relative_to(model.folder).as_posix() for p in model.folder.rglob("*/config.json")}
    assert folders == {"1_Pooling", "pooling", "deep/dense"}


def test_shards_are_those_that_the_index_names(hub: LoopbackHub) -> None:
    files = hub.repositories[REPOSITORY]
    whole = files.pop(WEIGHTS)
    shards = {
        "model-00001-of-00002.safetensors": whole[:90_000],
        "model-00002-of-00002.safetensors": whole[90_000:],
    }
    files.update(shards)
    files["adapter_model.safetensors"] = b"not of the model"
    weight_map = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    files["model.safetensors.index.json"] = json.dumps({"weight_map": weight_map}).encode()
    model = fetch()
    assert {p.name: p.read_bytes() for p in model.folder.glob("*.safetensors")} == shards


def test_an_index_that_names_what_is_not_there_ends_before_the_weights(hub: LoopbackHub) -> None:
    files = hub.repositories[REPOSITORY]
    del files[WEIGHTS]
    for index in (b'{"weight_map": {"a": "model-9.safetensors"}}', b"{}", b'{"weight_map": {}}', b"["):
        files["model.safetensors.index.json"] = index
        with pytest.raises(PullError, match=r"index.json of acme/tiny-embedding names"):
            fetch()
        assert pulled_models() == []


def test_a_repository_without_safetensors_is_refused_before_any_file(hub: LoopbackHub) -> None:
    del hub.repositories[REPOSITORY][WEIGHTS]
    with pytest.raises(
        PullError, match=r"no model\.safetensors .* it has pytorch_model\.bin.*refs/pr/NUMBER"
    ):
        fetch()
    hub.repositories["BAAI/bge-m3"] = hub.repositories[REPOSITORY]
    for source in SOURCES:
        with pytest.raises(PullError, match=r"samesay pull bge-m3 --revision refs/pr/130"):
            fetch("bge-m3", source=source)
    assert hub.fetched() == []


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json"])
def test_a_repository_that_cannot_be_loaded_is_refused_before_any_file(
    hub: LoopbackHub, missing: str
) -> None:
    del hub.repositories[REPOSITORY][missing]
    with pytest.raises(PullError, match=f"has no {missing}"):
        fetch()
    assert hub.fetched() == []


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_here_already_is_not_fetched_again(hub: LoopbackHub, source: str) -> None:
    model = fetch(source=source)
    before, written = hub.fetched(), (home() / "current.json").stat()
    assert fetch(source=source) == model
    assert hub.fetched() == before
    # Not written again either, so that a folder of models may be read-only.
    assert (home() / "current.json").stat().st_ino == written.st_ino


def test_a_full_commit_that_is_here_needs_no_network(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fetch()
    asked = len(hub.asked)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert fetch(revision=COMMIT) == model
    assert len(hub.asked) == asked
    with pytest.raises(PullError, match="connection failed"):
        fetch()


def test_a_moved_branch_is_fetched_beside_the_old_commit_and_becomes_current(hub: LoopbackHub) -> None:
    first = fetch()
    hub.branches["main"] = OLDER_COMMIT
    hub.repositories[REPOSITORY][WEIGHTS] = b"retrained" * 100
    second = fetch()
    assert first.folder.is_dir()
    assert second.revision == OLDER_COMMIT
    assert sorted(model.revision for model in pulled_models()) == sorted([COMMIT, OLDER_COMMIT])
    assert find_pulled(REPOSITORY) == second
    # Naming the former commit makes it the current one again, without a network.
    fetch(revision=COMMIT)
    assert find_pulled(REPOSITORY) == first


@pytest.mark.parametrize("source", SOURCES)
def test_a_failed_pull_leaves_no_model_and_the_next_one_goes_on_from_there(
    hub: LoopbackHub, source: str
) -> None:
    hub.fail(WEIGHTS, Drop(70_000), Drop(0), Drop(0), Drop(0))
    with pytest.raises(PullError, match="goes on from where it stopped"):
        fetch(source=source)
    assert pulled_models() == []
    assert find_pulled(REPOSITORY) is None
    before = len(hub.fetched())
    fetch(source=source)
    assert hub.fetched()[before:] == [WEIGHTS]
    assert hub.ranges(WEIGHTS)[-1] == "bytes=70000-"


def test_a_killed_pull_leaves_no_model_and_the_next_one_fetches_only_the_rest(hub: LoopbackHub) -> None:
    let_go = threading.Event()
    hub.fail(WEIGHTS, Hold(120_000, let_go))
    process = pulling_process()
    try:
        wait_until(lambda: partial_weights().is_file() and partial_weights().stat().st_size == 120_000)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        let_go.set()
    assert process.returncode == -signal.SIGKILL
    assert pulled_models() == []
    assert find_pulled(REPOSITORY) is None
    before = len(hub.fetched())
    model = fetch()
    assert hub.fetched()[before:] == [WEIGHTS]
    assert hub.ranges(WEIGHTS) == [None, "bytes=120000-"]
    assert (model.folder / WEIGHTS).read_bytes() == hub.repositories[REPOSITORY][WEIGHTS]


def test_an_interrupted_pull_keeps_what_arrived(hub: LoopbackHub) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    hub.fail(WEIGHTS, Drop(33_333))
    with pytest.raises(KeyboardInterrupt):
        pull(REPOSITORY, patience=Patience(sleep=interrupt))
    assert pulled_models() == []
    assert partial_weights().stat().st_size == 33_333
    fetch()
    assert hub.ranges(WEIGHTS) == [None, "bytes=33333-"]


def test_two_processes_at_once_fetch_each_file_once_and_both_have_the_model(hub: LoopbackHub) -> None:
    go_on = threading.Event()
    hub.fail("config.json", Hold(5, go_on))
    processes = [pulling_process(), pulling_process()]
    try:
        wait_until(lambda: sum("/tree/" in asked.target for asked in list(hub.asked)) == 2)
        # Both know what to fetch; the file that is held goes on with its rest.
        time.sleep(0.2)
    finally:
        go_on.set()
        ends = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert [end[0].strip() for end in ends] == [COMMIT, COMMIT]
    assert sorted(hub.fetched()) == sorted([*NEEDED, "config.json"])
    assert hub.ranges("config.json") == [None, "bytes=5-"]
    assert len(pulled_models()) == 1


def test_a_pull_that_waits_for_another_process_says_so_and_fetches_nothing(hub: LoopbackHub) -> None:
    go_on = threading.Event()

    class Waiting(Watcher):
        def note(self, text: str) -> None:
            super().note(text)
            go_on.set()

    hub.fail(WEIGHTS, Hold(100_000, go_on))
    process = pulling_process()
    watcher = Waiting()
    try:
        wait_until(lambda: partial_weights().is_file() and partial_weights().stat().st_size == 100_000)
        model = pull(REPOSITORY, progress=watcher, patience=QUICK)
    finally:
        go_on.set()
        output = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert watcher.notes == [
        f"another process is pulling {REPOSITORY}; waiting for it",
        f"{REPOSITORY} is here already",
    ]
    assert hub.ranges(WEIGHTS) == [None, "bytes=100000-"]
    assert pulled_models() == [model]


def test_wrong_bytes_never_become_a_model(hub: LoopbackHub) -> None:
    body = hub.repositories[REPOSITORY][WEIGHTS]
    wrong = bytes([body[0] ^ 1]) + body[1:]
    hub.fail(WEIGHTS, Wrong(wrong), Wrong(wrong))
    with pytest.raises(PullError) as error:
        fetch()
    assert hashlib.sha256(body).hexdigest() in str(error.value)
    assert hashlib.sha256(wrong).hexdigest() in str(error.value)
    assert pulled_models() == []
    assert not [path for path in home().rglob("*") if path.name.startswith(WEIGHTS)]
    assert (fetch().folder / WEIGHTS).read_bytes() == body


def test_a_damaged_small_file_of_an_unfinished_pull_is_fetched_again(hub: LoopbackHub) -> None:
    hub.fail(WEIGHTS, *[Drop(0)] * 3)
    with pytest.raises(PullError):
        fetch()
    (home() / f"{COMMIT}.partial" / "config.json").write_bytes(b"?" * 22)
    model = fetch()
    assert (model.folder / "config.json").read_bytes() == hub.repositories[REPOSITORY]["config.json"]


def test_what_else_lies_in_an_unfinished_folder_does_not_become_part_of_the_model(hub: LoopbackHub) -> None:
    unfinished = home() / f"{COMMIT}.partial"
    (unfinished / "1_Pooling").mkdir(parents=True)
    for stray in ("model-00001-of-00002.safetensors.partial", "old.json", "1_Pooling/x.bin"):
        (unfinished / stray).write_bytes(b"stray")
    model = fetch()
    present = {p.relative_to(model.folder).as_posix() for p in model.folder.rglob("*") if p.is_file()}
    assert present == {*NEEDED, "samesay.json"}


def test_a_model_that_lost_a_file_is_not_there_and_a_pull_fetches_only_that(hub: LoopbackHub) -> None:
    model = fetch()
    (model.folder / "tokenizer.json").unlink()
    assert pulled_models() == []
    assert find_pulled(REPOSITORY) is None
    before = len(hub.fetched())
    assert fetch(revision=COMMIT) == model
    assert hub.fetched()[before:] == ["tokenizer.json"]


def test_a_model_whose_file_was_cut_is_mended(hub: LoopbackHub) -> None:
    model = fetch()
    with (model.folder / WEIGHTS).open("r+b") as stream:
        stream.truncate(1000)
    assert pulled_models() == []
    fetch()
    assert pulled_models() == [model]
    assert hub.ranges(WEIGHTS) == [None, "bytes=1000-"]


def test_rubbish_among_the_models_is_not_taken_for_models(hub: LoopbackHub) -> None:
    model = fetch()
    manifest = (model.folder / "samesay.json").read_text()
    models = models_folder()
    (models / "stray.txt").write_text("x")
    (models / "empty--folder").mkdir()
    for place, text in (
        ("acme--tiny-embedding/copied", manifest),
        (f"other--name/{COMMIT}", manifest),
        ("acme--broken/c1", "{"),
        ("acme--broken/c2", "[]"),
        ("acme--broken/c3", '{"repository": "acme/broken", "source": "x", "revision": "c3", "files": {}}'),
        (
            "acme--broken/c4",
            '{"repository": "acme/broken", "source": "x", "revision": "c4", "files": {"a": 3}}',
        ),
        ("acme--broken/c5", '{"repository": "acme/broken", "source": 1, "revision": "c5", "files": []}'),
    ):
        shutil.copytree(model.folder, models / place)
        (models / place / "samesay.json").write_text(text)
    shutil.copytree(model.folder, home() / f"{OLDER_COMMIT}.partial")
    assert pulled_models() == [model]
    assert find_pulled("acme/broken") is None


@pytest.mark.parametrize(
    "current", ["", "{", "[]", '{"revision": 3}', '{"revision": "../.."}', '{"revision": "gone"}']
)
def test_a_lost_current_json_leaves_the_newest_model(hub: LoopbackHub, current: str) -> None:
    model = fetch()
    (home() / "current.json").write_text(current)
    assert find_pulled(REPOSITORY) == model


def test_a_model_is_found_by_its_short_name_and_in_any_case(hub: LoopbackHub) -> None:
    hub.repositories["intfloat/e5-small-v2"] = tiny_files(10)
    model = fetch("E5-Small-V2")
    assert model.folder.parent.name == "intfloat--e5-small-v2"
    assert find_pulled("e5-small-v2") == find_pulled("INTFLOAT/e5-small-v2") == model


def test_another_folder_can_be_chosen(hub: LoopbackHub, tmp_path: Path) -> None:
    model = pull(REPOSITORY, cache=tmp_path / "elsewhere", patience=QUICK)
    assert model.folder == tmp_path / "elsewhere" / "models" / "acme--tiny-embedding" / COMMIT
    assert pulled_models(tmp_path / "elsewhere") == [model]
    assert find_pulled(REPOSITORY, tmp_path / "elsewhere") == model
    assert pulled_models() == []


@pytest.mark.parametrize("source", SOURCES)
def test_a_repository_that_is_not_there_is_named_with_a_suggestion(hub: LoopbackHub, source: str) -> None:
    with pytest.raises(
        PullError, match=r"no model 'Qwen/Qwen3-Embeding-0\.6B'.*Did you mean qwen3-embedding-0\.6b"
    ):
        fetch("Qwen/Qwen3-Embeding-0.6B", source=source)


@pytest.mark.parametrize(
    "name", ["qwen3-embeding", "../models", "/etc", "a/b/c", "a/..", "a/b--c", "", "a/b\n", "ä/b"]
)
def test_a_name_that_cannot_be_is_refused_without_a_request(hub: LoopbackHub, name: str) -> None:
    with pytest.raises(PullError, match="no model that samesay knows by name, and no repository"):
        fetch(name)
    assert hub.asked == []


def test_a_gated_file_says_to_accept_the_licence_and_set_the_token(hub: LoopbackHub) -> None:
    hub.fail_always("config.json", Answer(401, {"X-Error-Code": "GatedRepo"}))
    with pytest.raises(
        PullError, match=r"Sign in at .*/acme/tiny-embedding, accept the licence .* set HF_TOKEN"
    ):
        fetch()


def test_weights_from_another_host_come_without_the_token(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf-secret")
    with LoopbackHub() as elsewhere:
        hub.fail_always(WEIGHTS, Redirect(elsewhere.endpoint))
        elsewhere.fail(WEIGHTS, Drop(500))
        fetch()
        assert [asked.range for asked in elsewhere.asked] == [None, "bytes=500-"]
        assert {asked.authorization for asked in elsewhere.asked} == {None}
    assert {asked.authorization for asked in hub.asked} == {"Bearer hf-secret"}


def test_a_disk_without_room_is_told_before_the_weights(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(Path.cwd())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=150_000))
    with pytest.raises(PullError, match=r"needs 203,\d\d\d more bytes and .* has 150,000 left"):
        fetch()
    assert hub.fetched() == []


def test_a_cache_that_cannot_be_written_is_told(hub: LoopbackHub) -> None:
    models_folder().parent.mkdir(parents=True)
    models_folder().write_text("a file where the folder should be")
    with pytest.raises(PullError, match="cannot keep models in"):
        fetch()
    assert hub.fetched() == []


def test_progress_ends_at_the_whole_and_a_second_pull_tells_why_it_does_nothing(hub: LoopbackHub) -> None:
    hub.fail(WEIGHTS, Drop(70_000), Drop(0), Drop(0), Drop(0))
    with pytest.raises(PullError):
        pull(REPOSITORY, progress=Watcher(), patience=QUICK)
    watcher = Watcher()
    model = pull(REPOSITORY, progress=watcher, patience=QUICK)
    assert watcher.there == watcher.size == model.size_bytes
    pull(REPOSITORY, progress=watcher, patience=QUICK)
    assert watcher.notes == [f"{REPOSITORY} is here already"]


def snapshot(cache: Path, files: dict[str, bytes], commit: str = COMMIT) -> Path:
    """A model as Hugging Face's own tools keep it: links to blobs."""
    home = cache / "models--acme--tiny-embedding"
    for path, body in files.items():
        blob = home / "blobs" / hashlib.sha256(path.encode() + body).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(body)
        link = home / "snapshots" / commit / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (home / "refs").mkdir(exist_ok=True)
    (home / "refs" / "main").write_text(commit)
    return home / "snapshots" / commit


def test_a_snapshot_of_hugging_faces_own_cache_is_found(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert huggingface_cached(REPOSITORY) is None
    by_home = snapshot(tmp_path / "huggingface" / "hub", tiny_files(10))
    assert huggingface_cached(REPOSITORY) == by_home
    by_variable = snapshot(tmp_path / "own", tiny_files(10))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "own"))
    assert huggingface_cached(REPOSITORY) == by_variable
    for name in ("HF_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert huggingface_cached(REPOSITORY) == by_home
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert huggingface_cached(REPOSITORY) is None
    below_home = snapshot(tmp_path / "user" / ".cache" / "huggingface" / "hub", tiny_files(10))
    assert huggingface_cached(REPOSITORY) == below_home


def test_a_snapshot_counts_only_with_its_config_and_all_its_safetensors(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    cache = tmp_path / "huggingface" / "hub"
    files = tiny_files(10)
    found = snapshot(cache, files)
    blob = (found / WEIGHTS).resolve()
    body = blob.read_bytes()
    blob.unlink()
    assert huggingface_cached(REPOSITORY) is None
    blob.write_bytes(body)
    assert huggingface_cached(REPOSITORY) == found
    (found / "config.json").unlink()
    assert huggingface_cached(REPOSITORY) is None
    shutil.rmtree(cache)
    del files[WEIGHTS]
    files["model.safetensors.index.json"] = (
        b'{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}'
    )
    files["one.safetensors"] = b"1"
    found = snapshot(cache, files)
    assert huggingface_cached(REPOSITORY) is None
    (found / "two.safetensors").write_bytes(b"2")
    assert huggingface_cached(REPOSITORY) == found


@pytest.mark.parametrize("commit", ["", "..", "../../elsewhere", "\0"])
def test_a_strange_reference_of_that_cache_finds_nothing(
    hub: LoopbackHub, tmp_path: Path, commit: str
) -> None:
    snapshot(tmp_path / "huggingface" / "hub", tiny_files(10))
    (tmp_path / "huggingface/hub/models--acme--tiny-embedding/refs/main").write_text(commit)
    assert huggingface_cached(REPOSITORY) is None


def test_nothing_is_asked_of_a_hub_without_pull(hub: LoopbackHub) -> None:
    from samesay.checkpoint.locate import locate, present_models
    from samesay.errors import ModelNotFoundError

    for name in (REPOSITORY, "qwen3-embedding-8b", "../up", "", "nothing"):
        assert find_pulled(name) is None
        assert huggingface_cached(name) is None
    assert pulled_models() == []
    with pytest.raises(ModelNotFoundError):
        locate(REPOSITORY)
    present_models()
    assert hub.asked == []


def test_finding_models_does_not_load_the_http_client() -> None:
    code = "import sys; import samesay.checkpoint.pull; sys.exit('httpx' in sys.modules)"
    package = str(Path(samesay.errors.__file__).parents[1])
    assert (
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": package}).returncode
        == 0
    )


def test_the_command_prints_folder_size_and_revision_and_the_rest_goes_to_stderr(hub: LoopbackHub) -> None:
    import typer
    from typer.testing import CliRunner

    from samesay.cli.pull import pull_command

    app = typer.Typer()
    app.command()(pull_command)
    for options in ([], ["--from", "modelscope"], ["--revision", COMMIT]):
        result = CliRunner().invoke(app, [REPOSITORY, *options])
        assert result.exit_code == 0, result.stderr
        assert result.stdout == f"{home() / COMMIT} (203.4 kB, revision {COMMIT})\n"
    assert f"samesay: {REPOSITORY} is here already" in result.stderr
    failed = CliRunner().invoke(app, ["acme/missing"])
    assert isinstance(failed.exception, PullError)
    assert failed.stdout == ""
