"""A folder with all that a comparison gives, whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from samesay.checkpoint.cache import flush_tree
from samesay.comparison.json_file import report_text
from samesay.comparison.page.page import page
from samesay.comparison.picture import can_draw, write_picture
from samesay.comparison.report import Report
from samesay.errors import OutputFileError
from samesay.newfiles import cannot_write

JSON, PAGE, PICTURE = "compare.json", "compare.html", "compare.png"


def check_folder(target: Path, *, overwrite: bool) -> None:
    """Refuse a folder before any work is done for it.

    Raises:
        OutputFileError: It exists, is something else, or there is nowhere to make it.
    """
    if target.exists() and not target.is_dir():
        raise OutputFileError(f"{target} is a file; name a folder to make")
    if target.is_dir():
        others = sorted({path.name for path in target.iterdir()} - {JSON, PAGE, PICTURE})
        if others:
            raise OutputFileError(
                f"{target} holds other files ({others[0]}); name a folder that is to be made"
            )
        if not overwrite:
            raise OutputFileError(f"{target} exists; give another name, or --overwrite to replace it")
    if not target.absolute().parent.is_dir():
        raise OutputFileError(f"{target}: there is no folder {target.parent}; create it first")


def write_folder(report: Report, target: Path, *, overwrite: bool) -> list[str]:
    """Write JSON, page and, where matplotlib is there, the picture.

    All files are made beside and the folder appears at once; one that is replaced stays until then. Where the
    page or the picture cannot be drawn, the folder has the JSON alone, as measuring takes long.

    Returns:
        The names of the files.

    Raises:
        OutputFileError: The folder cannot be written, or what it holds could not be drawn.
    """
    target = target.absolute()
    check_folder(target, overwrite=overwrite)
    try:
        # A name of its own, so that nothing of the user's is ever in the way.
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", dir=target.parent, ignore_cleanup_errors=True
        ) as made:
            staged = Path(made, "new")
            staged.mkdir()
            (staged / JSON).write_text(report_text(report), "utf-8")
            undrawn = _draw(report, staged)
            flush_tree(staged)
            _put(staged, target, Path(made, "old"))
    except OSError as error:
        raise cannot_write(target, error) from None
    if undrawn is not None:
        words = str(undrawn) or type(undrawn).__name__
        raise OutputFileError(
            f"{target} holds {JSON} alone, with everything that was measured: it cannot be drawn ({words})"
        ) from undrawn
    return sorted(path.name for path in target.iterdir())


def _draw(report: Report, folder: Path) -> Exception | None:
    """Add page and picture; where one cannot be drawn neither is there, and why is told."""
    try:
        (folder / PAGE).write_text(page(report), "utf-8")
        if can_draw():
            write_picture(report, folder / PICTURE)
    except OSError:
        raise
    except Exception as error:
        # Even a mistake of ours must not cost an hour of measuring.
        for name in (PAGE, PICTURE):
            (folder / name).unlink(missing_ok=True)
        return error
    return None


def _put(staged: Path, target: Path, aside: Path) -> None:
    """Let a folder take a name; what has it now goes aside, and comes back if that fails."""
    try:
        if target.exists():
            target.rename(aside)
        staged.rename(target)
    except BaseException:
        if aside.exists() and not target.exists():
            aside.rename(target)
        raise
