"""How far a long command has come, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from samesay.cli.output import say

if TYPE_CHECKING:
    from rich.progress import Task
    from rich.text import Text

_LINE_SECONDS = 5.0

Progress = Callable[[int], None]


@contextmanager
def text_progress(total: int, done: int, wanted: bool | None, what: str = "texts") -> Iterator[Progress]:
    """Show how many texts are done: a bar in a terminal, elsewhere a line now and then if it is wanted.

    Args:
        total: How many texts there are.
        done: How many are done at the start.
        wanted: True or False as the person said; None shows the bar in a terminal only.
        what: What is counted.
    """
    terminal = sys.stderr.isatty()
    if wanted is False or (wanted is None and not terminal):
        yield lambda _: None
    elif terminal:
        with _bar(total, done, what) as progress:
            yield progress
    else:
        yield _lines(total, done, what)


@contextmanager
def _bar(total: int, done: int, what: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{_speed(task.speed, what)},")

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{what},"),
        Speed(),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, completed=done)
        yield lambda now: bar.update(task, completed=now)


def _lines(total: int, done: int, what: str) -> Progress:
    start = last = time.monotonic()

    def progress(now: int) -> None:
        nonlocal last
        moment = time.monotonic()
        if moment - last < _LINE_SECONDS and now < total:
            return
        last = moment
        speed = (now - done) / max(moment - start, 1e-9)
        left = f", {(total - now) / speed:.0f} s left" if now < total and speed else ""
        say(f"{now} of {total} {what}, {_speed(speed, what)}{left}")

    return progress


def _speed(per_second: float, what: str) -> str:
    decimals = 0 if per_second >= 100 else 1
    return f"{per_second:.{decimals}f} {what}/s"
