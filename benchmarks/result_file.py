"""The file of what a benchmark found."""

from __future__ import annotations

import json
from pathlib import Path


def write_result(path: Path, result: object) -> None:
    """Write it as JSON that people can compare line by line; a missing folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
