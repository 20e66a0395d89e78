"""docs/structure.md has a sentence for every file, and says which package imports from which."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "samesay"
DOCUMENT = ROOT / "docs" / "structure.md"
# Not the work of people, or told as a folder.
_MADE = {".pyc", ".so"}
_TOLD_AS_FOLDERS = ("src/samesay/decision/shipped_files", "benchmarks/results", "examples/documents")
_DESCRIBED = ("src/samesay", "native", "benchmarks", "deploy", "scripts", "examples", ".ci")
# Names lazily what others define, so that it would stand below and above everything.
_FACADE = "__init__"


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in _MADE:
            yield path.relative_to(ROOT)


def _described() -> set[str]:
    """Give the names that the document has to have: of files, and of folders that are packages or told so."""
    names: set[str] = set()
    for folder in _DESCRIBED:
        for path in _files(ROOT / folder):
            whole = next((one for one in _TOLD_AS_FOLDERS if path.is_relative_to(one)), None)
            if whole is not None:
                names.add(f"{whole}/")
            elif path.name == "__init__.py" and path.parent != Path("src/samesay"):
                names.add(f"{path.parent.as_posix()}/")
            else:
                names.add(path.as_posix())
    names |= {"src/samesay/server/page/static/", "src/samesay/server/page/static/messages/"}
    return {name.removeprefix("src/samesay/") for name in names}


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Give for each package, and each module at the top, which others of them it imports from."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        others = found.setdefault(here, set())
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path.name} imports relatively"
                names = [f"{node.module}.{one.name}" for one in node.names]
            else:
                continue
            others |= {_unit(name) for name in names if name.split(".")[0] == "samesay"}
        others.discard(here)
    del found[_FACADE]
    return {name: others - {_FACADE} for name, others in found.items()}


def _unit(name: str) -> str:
    """Give the package or top module that holds an imported name."""
    place = name.split(".")[1] if "." in name else _FACADE
    there = (PACKAGE / place).is_dir() or (PACKAGE / f"{place}.py").is_file() or place == "_native"
    # What the package itself offers comes from its model.
    return place if there else _FACADE if place.startswith("__") else "model"


def _table() -> list[tuple[str, list[str]]]:
    text = DOCUMENT.read_text("utf-8")
    rows = re.findall(r"^\| (`[\w.]+`) \| ((?:`[\w.]+`(?:, )?)+|–) \|$", text, re.MULTILINE)
    return [(left.strip("`"), re.findall(r"`([\w.]+)`", right)) for left, right in rows]


def test_every_file_has_a_sentence_and_no_other() -> None:
    listed = re.findall(r"^- (`[^:\n]+`): \S", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    named = [name for entry in listed for name in re.findall(r"`([^`]+)`", entry)]
    assert len(named) == len(set(named))
    described = _described()
    assert sorted(set(named) - described) == [], "files that are not there have a sentence"
    assert sorted(described - set(named)) == [], "files have no sentence"


def test_the_table_says_what_every_package_imports(imports: dict[str, set[str]]) -> None:
    shown = {name for name in imports if (PACKAGE / name).is_dir()} | {"model"}
    wanted = {
        f"{name}.py" if name == "model" else name: sorted(
            f"{one}.py" if one == "model" else one for one in others & shown
        )
        for name, others in imports.items()
        if name in shown
    }
    assert dict(_table()) == wanted


def test_rows_of_the_table_import_from_rows_below() -> None:
    rows = _table()
    order = {name: place for place, (name, _) in enumerate(rows)}
    upward = [(name, one) for name, others in rows for one in others if order[one] <= order[name]]
    assert upward == []


def test_no_modules_import_in_a_circle(imports: dict[str, set[str]]) -> None:
    rest = imports
    while free := {name for name, others in rest.items() if not others & rest.keys()}:
        rest = {name: others for name, others in rest.items() if name not in free}
    assert rest == {}


def test_headings_stand_apart() -> None:
    lines = DOCUMENT.read_text("utf-8").splitlines()
    for place, line in enumerate(lines):
        if line.startswith("#"):
            beside = lines[max(0, place - 1) : place] + lines[place + 1 : place + 2]
            assert not any(beside), f"line {place + 1}: {line}"
