"""What goes to standard output and standard error."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from samesay.textfiles import TextSource

_NARROWEST = 4


def say(message: str) -> None:
    """Tell the person something, in a line on standard error."""
    sys.stderr.write(f"samesay: {message}\n")
    sys.stderr.flush()


def say_column(source: TextSource, asked: str | None) -> None:
    """Tell which column the texts are in, where that was neither asked for nor obvious."""
    if asked is None and source.column != "text":
        say(f"texts from the column {source.column!r}")


def print_json(value: object) -> None:
    """Print a value as JSON, in UTF-8 as it is."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def full_number(value: object) -> float:
    """The shortest decimal that is the float32 ``value`` to the bit."""
    return float(str(value))


def rounded(value: float, decimals: int = 3) -> str:
    """A score for people."""
    return f"{round(float(value), decimals) + 0.0:.{decimals}f}"


def field(value: object) -> str:
    """A value as one field of a TSV row: tabs and line ends become spaces, as TSV has no other way."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text.translate({9: " ", 10: " ", 13: " "})


def print_tsv_row(values: Iterable[object]) -> None:
    """Print one row of TSV."""
    sys.stdout.write("\t".join(map(field, values)) + "\n")


def to_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def terminal() -> Console:
    """The terminal, for tables."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False)


def single_line(value: object) -> Text:
    """A value as one line, without characters that would move the cursor."""
    from rich.text import Text

    return Text(
        "".join(" " if unicodedata.category(character) == "Cc" else character for character in field(value))
    )


def cell(value: object) -> Text:
    """A value as a line of a table that is shortened with an ellipsis where there is no room."""
    line = single_line(value)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


class TerminalTable:
    """A table printed part by part, as wide as its first part needs, at most as wide as the terminal.

    Args:
        columns: Their names.
        texts: Which of them are texts, by place: these are shortened where there is no room. The others are
            numbers, aligned right.
    """

    def __init__(self, columns: Sequence[object], *, texts: Collection[int]) -> None:
        self._console = terminal()
        self._columns = columns
        self._texts = texts
        self._widths: list[int] = []

    def print(self, rows: Sequence[Sequence[object]]) -> None:
        """Print further rows; the first call prints the header too."""
        from rich.table import Table

        first = not self._widths
        if first:
            self._widths = self._fitting([self._columns, *rows])
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=first)
        for place, (column, width) in enumerate(zip(self._columns, self._widths, strict=True)):
            table.add_column(cell(column), width=width, justify="left" if place in self._texts else "right")
        for row in rows:
            table.add_row(*map(cell, row))
        self._console.print(table)

    def _fitting(self, rows: Sequence[Sequence[object]]) -> list[int]:
        widths = [max(map(cell_width, column)) for column in zip(*rows, strict=True)]
        excess = sum(widths) + 2 * (len(widths) - 1) - self._console.width
        for _ in range(excess):
            widest = max(self._texts, key=widths.__getitem__)
            widths[widest] = max(widths[widest] - 1, _NARROWEST)
        return widths


def padded(value: object, width: int) -> str:
    """A value as one line, with spaces up to that many columns of the terminal."""
    line = single_line(value)
    line.pad_right(width - line.cell_len)
    return line.plain


def shortened(text: str, width: int) -> str:
    """A text in at most that many columns of the terminal."""
    line = cell(text)
    line.truncate(width, overflow="ellipsis")
    return line.plain


def cell_width(value: object) -> int:
    """Columns of the terminal that a value takes."""
    return cell(value).cell_len
