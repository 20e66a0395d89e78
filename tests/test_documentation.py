"""What the documents show is run, and what they list is compared with what there is."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from samesay import __version__
from samesay.checkpoint.bundled import bundled_folder
from samesay.checkpoint.catalog import KNOWN_MODELS
from samesay.checkpoint.prompts import TASKS

ROOT = Path(__file__).parents[1]
README, README_ZH, CHANGELOG = ROOT / "README.md", ROOT / "README.zh.md", ROOT / "CHANGELOG.md"
DOCUMENTS = [README, README_ZH, CHANGELOG, *sorted((ROOT / "docs").glob("*.md"))]
# Numbers agree in two decimals, whichever way the third was rounded.
TOLERANCE = 0.006
# In a shown output, stands for the rest of a line that is another on every machine.
REST = "…"

_BLOCK = re.compile(r"(^<!-- not run: [^\n]+ -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\[*([-+]?\d+\.\d+)\]*")
_TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
_PRINTED = re.compile(r"^print\(.*\)  # (.+)$", re.MULTILINE)
_WARNED = re.compile(r"^# warns: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    place: str
    language: str
    code: str
    runs: bool


@dataclass(frozen=True)
class Step:
    """A command, and the lines that the document shows below it."""

    command: str
    shown: list[str]


def blocks(document: Path) -> list[Block]:
    text = document.read_text("utf-8")
    return [
        Block(
            f"{document.name}, line {text.count(chr(10), 0, match.start(2)) + 1}",
            match[2],
            match[3],
            not match[1],
        )
        for match in _BLOCK.finditer(text)
    ]


def steps(block: Block) -> Iterator[Step]:
    """Give the commands of a console block; a backslash at its end carries one on to the next line."""
    command, shown = "", list[str]()
    for line in block.code.splitlines():
        if command.endswith("\\"):
            command += "\n" + line
        elif line.startswith("$ "):
            if command:
                yield Step(command, shown)
            command, shown = line.removeprefix("$ "), []
        else:
            assert command, f"{block.place}: an output without a command"
            shown.append(line)
    yield Step(command, shown)


def agrees(shown: str, found: str) -> bool:
    """Whether two lines have the same words and, to two decimals, the same numbers."""
    words, found_words = shown.split(), found.split()
    if REST in words:
        words = words[: words.index(REST)]
        found_words = found_words[: len(words)]
    return len(words) == len(found_words) and all(map(_same_word, words, found_words))


def _same_word(shown: str, found: str) -> bool:
    number, found_number = _NUMBER.fullmatch(shown), _NUMBER.fullmatch(found)
    if number and found_number:
        return abs(float(number[1]) - float(found_number[1])) < TOLERANCE
    return shown == found


def check_output(place: str, shown: list[str], output: str) -> None:
    wanted = [line for line in shown if line.strip()]
    found = [line for line in output.splitlines() if line.strip()]
    matches = len(wanted) == len(found) and all(map(agrees, wanted, found))
    assert matches, f"{place} shows\n{chr(10).join(wanted)}\nbut it is\n{output}"


def in_terminal(
    command: str, folder: Path, environment: dict[str, str], left_behind: list[int]
) -> tuple[int, str]:
    """Run a command with bash as a person sees it: in a terminal, results and messages in one stream.

    What it leaves running in the background is a process group, whose number is added to the list.
    """
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=side,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    os.close(side)
    try:
        output = b""
        while True:
            try:
                part = os.read(terminal, 1 << 16)
            except OSError:  # how Linux says that the last writer has gone
                break
            if not part:
                break
            output += part
        return process.wait(60), _TERMINAL_CODE.sub("", output.decode())
    finally:
        os.close(terminal)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 0)
            left_behind.append(process.pid)


@contextlib.contextmanager
def nothing_left_running() -> Iterator[list[int]]:
    """Give a list for process groups, and end those that are in it at the end, however that comes."""
    groups: list[int] = []
    try:
        yield groups
    finally:
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


def run_commands(block: Block, folder: Path, environment: dict[str, str], left_behind: list[int]) -> None:
    for step in steps(block):
        if step.command.startswith("make "):
            continue  # people and CI run these; one of them runs this test
        status, output = in_terminal(step.command, folder, environment, left_behind)
        assert status == 0, f"{block.place}: {step.command}\n{output}"
        check_output(f"{block.place}: {step.command}", step.shown, output)


def run_program(block: Block, folder: Path, environment: dict[str, str]) -> None:
    program = [sys.executable, "-c", block.code]
    done = subprocess.run(
        program, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{block.place}: {done.stderr}"
    warned = _WARNED.findall(block.code)
    assert done.stderr.count("Warning: ") == len(warned), f"{block.place}: {done.stderr}"
    assert all(f"Warning: {message}\n" in done.stderr for message in warned), f"{block.place}: {done.stderr}"
    check_output(block.place, _PRINTED.findall(block.code), done.stdout)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine that has the bundled model and no other, and no network settings."""
    conversion = bundled_folder().parent
    cache, commands = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("commands")
    (cache / "models").mkdir()
    (cache / "models" / conversion.name).symlink_to(conversion, target_is_directory=True)
    for name, arguments in (("samesay", "-m samesay"), ("python", "")):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (commands / name).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{commands}:{os.environ['PATH']}",
        "SAMESAY_CACHE": str(cache),
        "HF_HUB_CACHE": str(cache / "huggingface"),
        "TERM": "dumb",
        "COLUMNS": "110",
    }


# README.zh.md has the blocks of README.md, by the next test.
@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if path != README_ZH], ids=lambda path: path.name
)
def test_commands_and_programs_in_documents_do_what_is_shown(
    document: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with nothing_left_running() as left_behind:
        for block in blocks(document):
            assert block.language in ("console", "python"), f"{block.place}: {block.language!r}"
            if not block.runs:
                continue
            if block.language == "python":
                run_program(block, tmp_path, environment)
            else:
                run_commands(block, tmp_path, environment, left_behind)


def test_both_readmes_have_the_same_blocks() -> None:
    english, chinese = (
        [(b.language, b.code, b.runs) for b in blocks(readme)] for readme in (README, README_ZH)
    )
    assert english
    assert english == chinese


def test_make_targets_in_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for document in DOCUMENTS:
        named = re.findall(r"\bmake (\w+)`", document.read_text("utf-8"))
        named += [
            step.command.split()[1]
            for block in blocks(document)
            if block.language == "console"
            for step in steps(block)
            if step.command.startswith("make ")
        ]
        assert set(named) <= targets, document.name


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8")):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", [README, README_ZH], ids=lambda path: path.name)
def test_readme_lists_the_tasks_word_for_word(document: Path) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| `([^`]+)` \|$", document.read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == dict(TASKS)


@pytest.mark.parametrize("document", [README, README_ZH], ids=lambda path: path.name)
def test_readme_lists_every_extra(document: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|`]+\|$", document.read_text("utf-8"), re.MULTILINE)
    assert set(extras()) <= set(rows)


def test_documents_name_extras_and_groups_that_exist() -> None:
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        named = [
            one for names in re.findall(r"pip install[^\n]*\[([\w,]+)\]", text) for one in names.split(",")
        ]
        assert set(named) <= set(extras()), document.name
        assert set(re.findall(r"--group ([\w-]+)", text)) <= set(table_keys("dependency-groups")), (
            document.name
        )


def extras() -> list[str]:
    return table_keys("project.optional-dependencies")


def table_keys(name: str) -> list[str]:
    """Give the keys of a table of pyproject.toml; Python 3.10 cannot read that format."""
    after = (ROOT / "pyproject.toml").read_text("utf-8").split(f"\n[{name}]\n")[1]
    return re.findall(r"^([\w-]+) = \[", after.split("\n[")[0], re.MULTILINE)


def test_models_document_lists_the_catalog() -> None:
    text = (ROOT / "docs" / "models.md").read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| ([^|]+) \|$", text, re.MULTILINE)
    assert rows == [(known.name, known.repository, known.description) for known in KNOWN_MODELS]


def test_version_is_written_in_one_place() -> None:
    files = [ROOT / name for name in ("CMakeLists.txt", "Makefile", "pyproject.toml")]
    files += [path for path in DOCUMENTS if path != CHANGELOG]
    files += (ROOT / "src").rglob("*.py")
    files += (ROOT / "native").iterdir()
    stated = re.compile(rf"(version|samesay)[\W_]+{re.escape(__version__)}(?![\d.])", re.IGNORECASE)
    places = [path.relative_to(ROOT).as_posix() for path in files if stated.search(path.read_text("utf-8"))]
    assert places == ["src/samesay/__init__.py"]
    newest = re.search(r"^## \[([\d.]+)\]", CHANGELOG.read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__
