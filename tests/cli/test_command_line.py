from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import COMMAND, MODEL, environment, samesay

from samesay import __version__

COMMANDS = ["similarity", "matrix", "duplicates", "embed", "models", "pull", "serve"]
HEAVY = ["httpx", "numpy", "pyarrow", "rich", "safetensors", "tokenizers", "torch"]


def loaded_by(code: str) -> list[str]:
    code += f"; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return [name for name in HEAVY if name in printed]


def test_importing_samesay_and_its_commands_loads_nothing_heavy() -> None:
    assert loaded_by("import samesay") == []
    assert loaded_by("import samesay.cli") == []


def test_help_reads_few_modules() -> None:
    # What a start takes is measured by benchmarks/start.py; on a busy machine only this can be told.
    command = [sys.executable, "-X", "importtime", "-m", "samesay", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert 100 < told.count("import time:") < 320


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    assert samesay(tmp_path, "--version").out == f"samesay {__version__}\n"


def test_help_shows_every_command_and_an_example(tmp_path: Path) -> None:
    ended = samesay(tmp_path, "--help")
    assert ended.code == 0
    for command in COMMANDS:
        assert f"  {command} " in ended.out
        assert f"samesay {command} " in (samesay(tmp_path, command, "-h").out.partition("Options:")[0] + " ")
    assert "..." not in ended.out.partition("Commands:")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["similarity"],
        ["similarity", "only one"],
        ["similarity", "a", "b", "--file", "pairs.tsv"],
        ["similarity", "a", "b", "--threads", "0"],
        ["similarity", "a", "b", "--prompt", "nosuch"],
        ["similarity", "a", "b", "--nosuch"],
        ["matrix"],
        ["calibrate", "pairs.tsv", "--reference", "nan"],
        ["compare", "--models", "bundled", "--data", "pairs.tsv", "--draws", "9" * 14],
        ["embed", "a.txt"],
    ],
)
def test_a_wrong_use_ends_with_2_and_says_so_on_standard_error(tmp_path: Path, arguments: list[str]) -> None:
    ended = samesay(tmp_path, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Usage: samesay" in ended.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["similarity", "a", "b", "--model", "nosuch/model"], "nosuch/model is neither a folder nor a model"),
        (["similarity", "a", "b", *MODEL, "--precision", "int3"], "precision must be"),
        (["similarity", "a", "b", *MODEL, "--dimensions", "7"], "36 dimensions"),
        (["similarity", "a", "b", *MODEL, "--task", "legal"], "takes no task"),
        (["similarity", "--file", "none.tsv", *MODEL], "there is no file none.tsv"),
        (["matrix", "none.txt", *MODEL], "there is no file none.txt"),
        (["embed", "none.txt", "-o", "x.npy", *MODEL], "there is no file none.txt"),
        (
            ["embed", "none.txt", "-o", f"{'x' * 300}.npy", *MODEL],
            "samesay: " + "x" * 300 + ".npy: File name too long",
        ),
        (["selftest", "--model", "nosuch"], "no model 'nosuch' is on this machine"),
        (["selftest", *MODEL[:2], "--precision", "int3"], "precision must be"),
        (["collection", "info", sys.executable], "is a file; a collection is a folder"),
        (["serve", *MODEL[:2], "--api-key-file", "none"], "cannot read keys from none: No such file"),
    ],
)
def test_an_error_is_one_line_without_a_traceback_and_ends_with_1(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    ended = samesay(tmp_path, *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("samesay: ")
    assert ended.err.count("\n") == 1
    assert told in ended.err


def test_messages_name_options_as_the_command_line_has_them(tmp_path: Path) -> None:
    ended = samesay(tmp_path, "similarity", "a", "word " * 3000, *MODEL)
    assert ended.code == 1
    assert ended.err.startswith("samesay: the second text: has ")
    assert "--overlength truncate" in ended.err
    assert "overlength=" not in ended.err


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_standard_output_is_utf_8_in_any_locale(tmp_path: Path, locale: dict[str, str]) -> None:
    pairs = "关门\t把门关上\n".encode()
    assert (
        "关门\t把门关上\n"
        in samesay(tmp_path, "similarity", "--file", "-", *MODEL, stdin=pairs, changes=locale).out
    )
    ended = samesay(
        tmp_path, "similarity", "关门".encode(), "把门关上".encode(), "--json", *MODEL, changes=locale
    )
    assert '"text_b": "把门关上"' in ended.out


@pytest.mark.skipif(sys.platform == "win32", reason="arguments are not bytes there")
def test_an_argument_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    ended = samesay(tmp_path, "similarity", "a", b"caf\xe9", *MODEL)
    assert ended.code == 1
    assert ended.err == "samesay: the second text is not valid UTF-8: byte 4 is 0xE9\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
@pytest.mark.parametrize("json", [[], ["--json"]])
def test_a_reader_that_leaves_ends_the_run_quietly(tmp_path: Path, json: list[str]) -> None:
    (tmp_path / "pairs.tsv").write_text(f"{'cat ' * 100}\tdog\n" * 3000, "utf-8")
    process = subprocess.Popen(
        [*COMMAND, "similarity", "--file", "pairs.tsv", *json, *MODEL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    assert process.stdout is not None
    assert process.stdout.readline() in (b"score\tband\tprobability\ttext_a\ttext_b\n", b"{\n")
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 141
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk_behind_standard_output_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*COMMAND, "similarity", "a", "b", *MODEL],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(tmp_path),
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"samesay: ")
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="shells are others there")
def test_standard_output_that_was_closed_before_the_start_is_no_error(tmp_path: Path) -> None:
    ended = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "similarity", "a", "b", *MODEL],
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
        check=False,
    )
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
def test_an_interrupt_is_one_line_and_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "similarity", "--file", "-", *MODEL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"a\tb\n" * 3000)
    process.stdin.flush()
    process.stdout.readline()  # it is in the midst of its work now, and waits for more
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, b"samesay: interrupted\n")
