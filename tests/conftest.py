"""What tests of all parts share: the committed checkpoints, copies of them to damage, and a cache."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _interrupts_reach_children() -> Iterator[None]:
    """Undo what a shell does to runs in the background: they, and all they start, would ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of the committed checkpoints."""
    return Path(__file__).parent / "fixtures"


@pytest.fixture
def copy_checkpoint(fixtures: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copies a committed checkpoint to a folder that the test may damage; a new folder on every call."""

    def copy(name: str) -> Path:
        number = sum(path.name.startswith(name) for path in tmp_path.iterdir())
        folder = tmp_path / (f"{name}-copy{number}" if number else name)
        shutil.copytree(fixtures / name, folder, copy_function=shutil.copy)
        return folder

    return copy


@pytest.fixture
def isolated_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for samesay and another for Hugging Face, used by this test alone."""
    cache = tmp_path / "samesay-cache"
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "SAMESAY_ISA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("SAMESAY_CACHE", str(cache))
    return cache
