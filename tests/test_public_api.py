"""What `import samesay` gives, and how little it costs."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import samesay
from samesay import errors

HEAVY = (
    "numpy",
    "tokenizers",
    "safetensors",
    "httpx",
    "rich",
    "typer",
    "torch",
    "transformers",
    "pyarrow",
    "filelock",
    "fastapi",
    "lancedb",
    "markdown_it",
    "scipy",
    "tree_sitter",
)


def run(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


@pytest.mark.parametrize("module", ["samesay", "samesay.errors"])
def test_importing_samesay_loads_nothing_heavy(module: str) -> None:
    loaded = run(f"import sys, {module}; print(*sorted(name.partition('.')[0] for name in sys.modules))")
    assert not set(HEAVY) & set(loaded.split())


def test_importing_samesay_reads_few_modules() -> None:
    program = "import sys; before = len(sys.modules); import samesay; print(len(sys.modules) - before)"
    assert 5 < int(run(program)) < 60


def test_loading_needs_no_network_client_and_no_progress_bar() -> None:
    fixture = Path(__file__).parent / "fixtures" / "bert-cls"
    load = f"samesay.load({str(fixture)!r}, precision='fp32').encode('a')"
    program = f"import sys, samesay; {load}; print(*sys.modules)"
    assert not {"httpx", "rich", "typer", "torch", "pyarrow"} & set(run(program).split())


def test_every_public_name_resolves_and_has_a_docstring() -> None:
    assert len(set(samesay.__all__)) == len(samesay.__all__) >= 6
    for name in samesay.__all__:
        value = getattr(samesay, name)
        if name != "__version__":
            assert inspect.getdoc(value), name
    assert set(samesay.__all__) <= set(dir(samesay))
    with pytest.raises(AttributeError, match="nowhere"):
        _ = samesay.nowhere


def test_star_import_gives_the_public_names() -> None:
    assert (
        run("from samesay import *; print(load.__module__, Identity.__module__)")
        == "samesay.model samesay.identity"
    )


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+([ab]|rc)?\d*", samesay.__version__)


def test_the_package_is_typed() -> None:
    assert (Path(samesay.__file__).parent / "py.typed").is_file()


def test_every_method_of_the_public_classes_is_typed_and_documented() -> None:
    for owner in (samesay.EmbeddingModel, samesay.TokenizedTexts, samesay.Identity):
        for name, member in inspect.getmembers(owner, inspect.isfunction):
            if name.startswith("_"):
                continue
            signature = inspect.signature(member)
            assert inspect.getdoc(member), f"{owner.__name__}.{name}"
            assert signature.return_annotation is not inspect.Signature.empty, name
            assert all(
                parameter.annotation is not inspect.Parameter.empty
                for parameter in list(signature.parameters.values())[1:]
            ), name


def test_every_error_is_one_of_ours_and_says_what_it_is_for() -> None:
    found = [value for _, value in inspect.getmembers(errors, inspect.isclass)]
    assert len(found) > 10
    for error in found:
        assert error.__doc__
        if not issubclass(error, Warning):
            assert issubclass(error, samesay.SamesayError), error
    # Whoever catches Python's own errors by mistake must not catch ours, nor the reverse.
    assert samesay.SamesayError.__bases__ == (Exception,)


def test_a_first_vector_takes_three_lines() -> None:
    fixture = Path(__file__).parent / "fixtures" / "qwen3-gqa2"
    program = f"import samesay; print(samesay.load({str(fixture)!r}, precision='fp32').encode('a').shape)"
    assert run(program) == "(64,)"
