"""A folder with all that a comparison gives, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from samesay.checkpoint.cache import locked, new_folder
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

    All files are made beside and the folder appears at once; one that is replaced stays until then.

    Returns:
        The names of the files.

    Raises:
        OutputFileError: The folder cannot be written.
    """
    target = target.absolute()
    check_folder(target, overwrite=overwrite)
    old = target.with_name(f"{target.name}.old")
    try:
        with locked(target):
            staged = target.with_name(f"{target.name}.next")
            shutil.rmtree(staged, ignore_errors=True)
            with new_folder(staged) as folder:
                (folder / JSON).write_text(report_text(report), "utf-8")
                (folder / PAGE).write_text(page(report), "utf-8")
                if can_draw():
                    write_picture(report, folder / PICTURE)
            if target.exists():
                shutil.rmtree(old, ignore_errors=True)
                target.rename(old)
            staged.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        target.with_name(f"{target.name}.lock").unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from None
    return sorted(path.name for path in target.iterdir())
