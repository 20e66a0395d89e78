"""``samesay pull``: fetch a model, once, on request."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import TaskID


class Hub(str, Enum):
    """Where models come from."""

    HUGGINGFACE = "huggingface"
    MODELSCOPE = "modelscope"


def pull_command(
    name: Annotated[
        str,
        typer.Argument(help="A short name such as qwen3-embedding-0.6b, or owner/name on the hub."),
    ],
    source: Annotated[Hub, typer.Option("--from", help="The hub to fetch from.")] = Hub.HUGGINGFACE,
    revision: Annotated[
        str | None, typer.Option(help="A branch, tag or commit; by default the main branch.")
    ] = None,
) -> None:
    """Fetch a model from Hugging Face or ModelScope; no other command downloads anything.

    What was interrupted goes on where it stopped. Every file is checked against the hub's hash.

    \b
    samesay pull qwen3-embedding-0.6b
    samesay pull intfloat/e5-small-v2 --from modelscope
    """  # noqa: D301
    from rich.filesize import decimal

    from samesay.checkpoint.pull import pull

    try:
        with _Bar(name) as bar:
            model = pull(name, source=source.value, revision=revision, progress=bar)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("what has arrived is kept; the same command goes on from there") from None
    typer.echo(f"{model.folder} ({decimal(model.size_bytes)}, revision {model.revision})")


class _Bar:
    """A progress bar on standard error."""

    def __init__(self, name: str) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._name = name
        self._task: TaskID | None = None
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def expect(self, size: int, there: int) -> None:
        if self._task is None:
            self._task = self._progress.add_task(self._name, total=size, completed=there)
        else:
            self._progress.update(self._task, total=size, completed=there)

    def arrive(self, size: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, size)

    def note(self, text: str) -> None:
        self._progress.console.print(f"samesay: {text}", markup=False, highlight=False, soft_wrap=True)
