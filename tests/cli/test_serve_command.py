"""``samesay serve``: how it starts, and how it says that it cannot."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from command_line import COMMAND, FIXTURES, MODEL, environment, samesay
from typer.testing import CliRunner

from samesay.cli import app

PATIENCE = 60


@contextmanager
def started(
    folder: Path, *arguments: str, changes: Mapping[str, str] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """A server, its URL, and what it says; it must end well."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *arguments],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(folder, changes),
        text=True,
    )
    assert process.stderr is not None
    lines: list[str] = []
    stderr = process.stderr
    reader = threading.Thread(target=lambda: lines.extend(stderr))
    reader.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not any(" is ready " in line for line in lines):
            assert process.poll() is None, lines
            assert time.monotonic() < deadline, lines
            time.sleep(0.01)
        address = re.search(r"http://127\.0\.0\.1:\d+|http://0\.0\.0\.0:\d+", lines[0])
        assert address, lines
        yield address[0].replace("0.0.0.0", "127.0.0.1"), lines
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, lines
    finally:
        process.kill()
        process.wait(PATIENCE)
        reader.join(PATIENCE)
        stderr.close()


def status(url: str, key: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.get(f"{url}/v1/models", headers=headers, timeout=PATIENCE).status_code


def test_start_says_what_is_served_where_and_how(tmp_path: Path) -> None:
    with started(tmp_path, *MODEL) as (url, lines):
        assert status(url) == 200
        assert lines[0].startswith("samesay: listening at http://127.0.0.1:")
        assert "loading bert-mean" in lines[0]
        ready = next(line for line in lines if " is ready " in line)
        assert re.search(r"fp32 on \w+, 1 threads?, 36 dimensions, texts up to \d+ tokens", ready)
        assert re.search(r"\d+ MiB of memory", ready)


def test_flags_of_sglang_are_taken(tmp_path: Path) -> None:
    path = str(FIXTURES / "bert-mean")
    flags = ["--model-path", path, "--is-embedding", "--served-model-name", "mine", "--precision", "fp32"]
    with started(tmp_path, *flags, "--host", "127.0.0.1") as (url, _):
        for name in ("mine", "bert-mean", path):
            told = httpx.post(f"{url}/v1/embeddings", json={"model": name, "input": "a"}, timeout=PATIENCE)
            assert told.json()["model"] == "mine"


def test_several_models_and_aliases(tmp_path: Path) -> None:
    arguments = ["--model", str(FIXTURES / "bert-cls"), "--alias", "text-embedding-3-small=bert-mean"]
    with started(tmp_path, *MODEL, *arguments) as (url, _):
        listed = httpx.get(f"{url}/v1/models", timeout=PATIENCE).json()["data"]
        assert [model["id"] for model in listed] == ["bert-mean", "bert-cls"]
        assert "text-embedding-3-small" in listed[0]["aliases"]


def test_keys_come_from_options_a_file_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("of-the-file\n\n  another-of-it  \n")
    arguments = ["--api-key", "first", "--api-key", "second", "--api-key-file", str(file)]
    with started(tmp_path, *MODEL, *arguments, changes={"SAMESAY_API_KEY": "of-the-environment"}) as (
        url,
        lines,
    ):
        assert status(url) == 401
        for key in ("first", "second", "of-the-file", "another-of-it", "of-the-environment"):
            assert status(url, key) == 200
            assert not any(key in line for line in lines)


def test_open_address_without_a_key_is_warned_of(tmp_path: Path) -> None:
    with started(tmp_path, *MODEL, "--host", "0.0.0.0") as (_, lines):
        assert any("warning: everybody who reaches this machine" in line for line in lines)
    with started(tmp_path, *MODEL, "--host", "0.0.0.0", "--api-key", "key") as (_, lines):
        assert not any("warning" in line for line in lines)


def test_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = samesay(tmp_path, "serve", "--port", port, *MODEL)
    assert ended.code == 1
    assert ended.err == (
        f"samesay: port {port} of 127.0.0.1 is in use; end what uses it, or choose another with --port\n"
    )


BERT = str(FIXTURES / "bert-mean")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "nothing-like-it"], "no model 'nothing-like-it' is on this machine"),
        (["--model", BERT, "--host", "no.such.address.invalid"], "is no address of this machine"),
        (["--model", BERT, "--model", BERT], "two models are called 'bert-mean'"),
        (["--model", BERT, "--alias", "x"], "--alias takes NAME=MODEL, not 'x'"),
        (["--model", BERT, "--alias", "x=y"], "no served model is called 'y'"),
        (["--model", BERT, "--model", BERT, "--served-model-name", "x"], "goes with one --model"),
        (["--model", BERT, "--api-key", ""], "a key must be"),
        (["--model", BERT, "--api-key", "schlüssel"], "a key must be"),
        (["--model", BERT, "--api-key-file", "nowhere"], "cannot read keys from nowhere"),
        (["--model", BERT, "--max-queue-tokens", "100", "--max-request-tokens", "200"], "--max-queue-tokens"),
        (["--model", BERT, "--max-connections", "100000000"], "open files"),
        (
            ["--model", BERT, "--allowed-host", "http://a.example"],
            "--allowed-host takes the name of a machine",
        ),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(
    isolated_cache: Path, arguments: list[str], words: str
) -> None:
    ended = CliRunner().invoke(app, ["serve", "--port", "0", *arguments])
    assert ended.exit_code == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("samesay: ")
    assert words in last


def test_empty_file_of_keys_does_not_open_the_server(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("\n \n")
    ended = samesay(tmp_path, "serve", "--port", "0", *MODEL, "--api-key-file", "keys")
    assert (ended.code, ended.err) == (1, "samesay: keys has no key; write one a line\n")


@pytest.mark.parametrize("absent", ["fastapi", "prometheus_client"])
def test_missing_packages_are_named_with_the_mend(tmp_path: Path, absent: str) -> None:
    code = f"import sys; sys.modules[{absent!r}] = None; from samesay.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "serve", *MODEL],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | environment(tmp_path),
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == "samesay: samesay serve needs the extra 'server': pip install 'samesay[server]'\n"
