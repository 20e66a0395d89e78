"""From a corpus to its parts: files of lines are read through once, of Parquet only the footers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from samesay.distributed.line_parts import line_parts
from samesay.distributed.parquet_parts import parquet_parts
from samesay.distributed.parts import Part, Plan
from samesay.errors import InputFileError
from samesay.filesystems import Storage, StoredFile
from samesay.textfiles import KINDS
from samesay.vectorfiles import IdKind

_READERS = 8


@dataclass(frozen=True)
class FilePlan:
    """One file in parts.

    Args:
        source: The file.
        column: The column of its texts.
        ids: What is in its column ``id``.
        parts: In order.
    """

    source: str
    column: str
    ids: IdKind
    parts: Sequence[Part]


def plan_corpus(storage: Storage, files: Sequence[StoredFile], column: str | None, part_rows: int) -> Plan:
    """Divide a corpus into parts.

    Args:
        storage: Where it lies.
        files: Its files.
        column: The column of the texts; by default as in ``textfiles.text_source``.
        part_rows: Rows of a part, at most.

    Raises:
        InputFileError: A file or row is not what it should be, or there is no text at all.
    """
    known = [file for file in files if _is_known(file)]
    with ThreadPoolExecutor(_READERS, thread_name_prefix="samesay-plan") as readers:
        plans = list(readers.map(partial(_plan_file, storage, column, part_rows), known))
    plans = [plan for plan in plans if plan.parts]
    if not plans:
        what = "no text in its files" if known else f"no file of these kinds: {', '.join(KINDS)}"
        raise InputFileError(f"{storage.place} has {what}")
    first = plans[0]
    for plan in plans:
        if plan.column != first.column:
            raise InputFileError(
                f"{first.source} has its texts in the column {first.column!r} and {plan.source} in "
                f"{plan.column!r}; name one for all with --column"
            )
    parts = tuple(part for plan in plans for part in plan.parts)
    return Plan(first.column, _joined(plan.ids for plan in plans), parts, len(files) - len(known))


def _is_known(file: StoredFile) -> bool:
    return PurePosixPath(file.name).suffix.lower() in KINDS


def _plan_file(storage: Storage, column: str | None, part_rows: int, file: StoredFile) -> FilePlan:
    kind = KINDS[PurePosixPath(file.name).suffix.lower()]
    divide = parquet_parts if kind == "parquet" else line_parts
    return FilePlan(file.name, *divide(storage, file, kind, column, part_rows))


def _joined(kinds: Iterable[IdKind]) -> IdKind:
    found = set(kinds)
    if "string" in found:
        return "string"
    return "integer" if "integer" in found else "none"
