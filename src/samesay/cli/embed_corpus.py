"""The part of ``samesay embed`` that makes folders of vectors, here or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from samesay.cli import output
from samesay.cli.progress import text_progress
from samesay.errors import OutputFileError
from samesay.vectorfiles import VECTOR_FILES, check_target

if TYPE_CHECKING:
    from samesay.distributed import CorpusReport

_RAY = "--ray"
RUNNING_HERE = "auto"


class EmbedCommand(TyperCommand):
    """A command whose option ``--ray`` may stand without an address."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give it the address of the cluster that runs here, where it is last or before another option."""
        following = [*args[1:], "-"]
        args = [
            f"{_RAY}={RUNNING_HERE}" if arg == _RAY and after.startswith("-") else arg
            for arg, after in zip(args, following, strict=True)
        ]
        return super().parse_args(ctx, args)


def is_corpus(file: str, out: str, ray: str | None) -> bool:
    """Whether a folder of vectors is asked for, by what is named."""
    return (
        ray is not None
        or "://" in file
        or "://" in out
        or out.endswith(("/", "\\"))
        or (file != "-" and Path(file).is_dir())
    )


def check_corpus(file: str, out: str, *, overwrite: bool) -> None:
    """Refuse what has no meaning for a folder of vectors.

    Raises:
        OutputFileError: Saying what.
    """
    if file == "-":
        raise OutputFileError("standard input gives a single file of vectors, not a folder")
    if overwrite:
        raise OutputFileError("--overwrite is for a file of vectors; delete a folder yourself")
    if Path(out).suffix.lower() in VECTOR_FILES and not out.endswith("/"):
        raise OutputFileError(f"{out} names a file, and what is asked for gives a folder of vectors")


def check_file(target: Path, part_rows: int | None, *, overwrite: bool) -> None:
    """Refuse what has no meaning for a file of vectors.

    Raises:
        OutputFileError: Saying what.
        MissingExtraError: Parquet is asked for without pyarrow.
    """
    if part_rows is not None:
        raise OutputFileError("--part-rows goes with a folder of vectors; end the name of OUT with /")
    check_target(target, VECTOR_FILES, overwrite=overwrite)


def named_model(name: str | None) -> str:
    """The model to load; where none is named the best present, told in one line."""
    if name is not None:
        return name
    from samesay.checkpoint.locate import locate

    found = locate(None, notice=output.say)
    output.say(f"model {found.name} ({found.how})")
    return found.name


def embed_to_folder(run: partial[CorpusReport], out: str, wanted: bool | None) -> None:
    """Run an embedding, show how far it has come, and tell what it has made.

    Args:
        run: A call of ``distributed.embed``.
        out: The folder.
        wanted: Whether progress is to be shown; None for terminals only.
    """
    with _shown(wanted) as (progress, position):
        try:
            report = run(progress=progress, notice=output.say)
        except KeyboardInterrupt:
            done, total = position()
            if not done:
                raise
            raise KeyboardInterrupt(
                f"{done} of {total} texts were done; finished parts are kept, and the same command goes on"
            ) from None
    _tell(report, out)


@contextmanager
def _shown(
    wanted: bool | None,
) -> Iterator[tuple[Callable[[int, int], None], Callable[[], tuple[int, int]]]]:
    now = (0, 0)
    show: Callable[[int], None] | None = None
    with ExitStack() as shown:

        def progress(done: int, total: int) -> None:
            nonlocal now, show
            if show is None:
                if done:
                    output.say(f"going on after {done} of {total} texts")
                show = shown.enter_context(text_progress(total, done, wanted))
            now = (done, total)
            show(done)

        yield progress, lambda: now


def _tell(report: CorpusReport, out: str) -> None:
    output.say(f"{out}: {report.texts} vectors of {report.width} dimensions in {report.parts} parts")
    if report.changed:
        output.say(f"{report.changed} parts were done again, as their texts have changed")
    if report.removed:
        output.say(f"{report.removed} parts were removed, as their texts are gone")
    if report.ignored:
        output.say(f"{report.ignored} files were passed over: their names say no kind that samesay reads")
    if report.cut_texts:
        output.say(f"{report.cut_texts} of {report.texts} texts were cut to what the model reads")
