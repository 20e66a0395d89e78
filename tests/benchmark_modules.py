"""Modules of benchmarks/, which lies outside the package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

_FOLDER = str(Path(__file__).parents[1] / "benchmarks")


def benchmark_module(name: str) -> ModuleType:
    """Load one, with its neighbours."""
    sys.path.insert(0, _FOLDER)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(_FOLDER)
