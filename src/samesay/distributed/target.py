"""The folder of vectors: what it is made by, which parts it has, and which it should not have."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any

from samesay import __version__
from samesay.distributed.parts import Part, Plan
from samesay.distributed.work import CUT, DIGEST, SOURCE, PartReport
from samesay.errors import DistributedError, InputFileError, OutputFileError
from samesay.filesystems import Storage, is_hidden

MANIFEST = "_samesay.json"
LOCK = "_samesay.lock"
_FORMAT = 1
_READERS = 8
_PART_NAME = re.compile(r"-\d{6,}\.parquet$")


@dataclass(frozen=True)
class FolderRecipe:
    """What all vectors of a folder have in common.

    Args:
        fingerprint: Of the model's identity, which knows the width too.
        identity: The same for people.
        prompt: ``query``, ``document`` or ``none``.
        task: The task, or nothing.
        column: The column of the texts.
        ids: What is in the column ``id``.
        part_rows: Rows of a part, at most.
    """

    fingerprint: str
    identity: str
    prompt: str
    task: str
    column: str
    ids: str
    part_rows: int

    def difference(self, older: FolderRecipe) -> str | None:
        """Say what differs from an older one, with both values, or None."""
        words = {
            "fingerprint": "the model",
            "prompt": "the prompt",
            "task": "the task",
            "column": "the column of the texts",
            "ids": "the kind of ids",
            "part_rows": "the number of rows in a part",
        }
        for name, word in words.items():
            before, now = getattr(older, name), getattr(self, name)
            if before == now:
                continue
            if name == "fingerprint":
                before, now = older.identity, self.identity
            return f"{word}: there {before or 'none'}, now {now or 'none'}"
        return None


@dataclass(frozen=True)
class FolderState:
    """What a folder has of a plan.

    Args:
        done: What is there and holds.
        left: What is to be done, in order.
        changed: How many of these are there, from texts that have changed.
        gone: Files of vectors that were written here and whose texts there are no more; no others.
    """

    done: tuple[PartReport, ...]
    left: tuple[Part, ...]
    changed: int
    gone: tuple[str, ...]


@contextmanager
def locked(target: Storage) -> Iterator[None]:
    """Keep other processes out of a folder on this machine; elsewhere two may do the same work twice.

    Raises:
        OutputFileError: Another process writes this folder, or it cannot be made.
    """
    if not target.is_local:
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(target.local_folder / LOCK, timeout=0)
    try:
        target.local_folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise OutputFileError(f"another process is writing {target.place}; wait for it to end") from None
    except OSError as error:
        raise OutputFileError(f"{target.place} cannot be written: {error.strerror or error}") from None
    try:
        yield
    finally:
        if os.name != "nt":  # there the lock file goes with its release, and cannot before
            (target.local_folder / LOCK).unlink(missing_ok=True)
        lock.release()


def read_recipe(target: Storage) -> FolderRecipe | None:
    """Read what a folder was made by; None for a folder that is empty or not there.

    Raises:
        OutputFileError: The folder has other files.
    """
    kind = target.kind()
    if kind == "missing":
        return None
    if kind == "file":
        raise OutputFileError(f"{target.place} is a file; parts of a corpus go into a folder")
    if target.file(MANIFEST) is None:
        others = [file.name for file in target.files() if not is_hidden(file.name)]
        if others:
            raise OutputFileError(
                f"{target.place} has files already, such as {others[0]}, and no {MANIFEST}; "
                "give a folder that is empty or new"
            )
        return None
    try:
        with target.opened(MANIFEST) as stream:
            content: Mapping[str, Any] = json.loads(stream.read())
        if content["format"] != _FORMAT:
            raise ValueError
        return FolderRecipe(**{field.name: content[field.name] for field in fields(FolderRecipe)})
    except (ValueError, TypeError, KeyError):
        raise OutputFileError(
            f"{target.below(MANIFEST)} is not what samesay writes; give another folder"
        ) from None


def begin(target: Storage, recipe: FolderRecipe) -> None:
    """Say in the folder what it will be made by, or refuse to go on with something else.

    Raises:
        OutputFileError: The folder has vectors that were made otherwise.
    """
    older = read_recipe(target)
    if older is not None:
        difference = recipe.difference(older)
        if difference:
            raise OutputFileError(
                f"{target.place} has vectors that were made otherwise ({difference}); "
                "give another folder, or delete it"
            )
    target.remove_unfinished()
    _write_manifest(target, recipe, {"complete": False})


def look(target: Storage, plan: Plan, recipe: FolderRecipe, *, may_be_cut: bool) -> FolderState:
    """Find which parts of a plan the folder has.

    A part is done where its file is there, was made by the same, from the same rows: files appear whole, so
    nothing else needs to be remembered.

    Args:
        target: The folder.
        plan: The corpus in parts.
        recipe: What the folder is made by.
        may_be_cut: Whether parts whose texts were cut to the model's limit hold.

    Raises:
        OutputFileError: Nothing in it is of this corpus.
    """
    sizes = {file.name: file.size for file in target.files() if _PART_NAME.search(file.name)}
    planned = {part.name for part in plan.parts}
    with ThreadPoolExecutor(_READERS, thread_name_prefix="samesay-look") as readers:
        others = sorted(sizes.keys() - planned)
        ours = readers.map(lambda name: _is_ours(target, name), others)
        gone = tuple(name for name, is_ours in zip(others, ours, strict=True) if is_ours)
        known = planned.union(gone)
        there = {name: size for name, size in sizes.items() if name in known}
        found = readers.map(
            lambda part: _done(target, part, recipe, there[part.name]) if part.name in there else None,
            plan.parts,
        )
        reports = list(found)
    done = [one for one in reports if one is not None and (may_be_cut or one.cut_texts == 0)]
    names = {one.name for one in done}
    left = tuple(part for part in plan.parts if part.name not in names)
    if there and not done:
        raise OutputFileError(
            f"{target.place} has {len(there)} parts, and none of them is of these texts as they are now; "
            "give another folder, or delete it"
        )
    return FolderState(tuple(done), left, sum(part.name in there for part in left), gone)


def check_written(target: Storage, report: PartReport) -> None:
    """Make sure that what a worker wrote is here too.

    Raises:
        DistributedError: It is not.
    """
    found = target.file(report.name)
    if found is None or found.size != report.size:
        raise DistributedError(
            f"a node wrote {report.name}, but it is not in {target.place} here: "
            "corpus and vectors must lie where all nodes see them, on a shared folder or an object store"
        )


def finish(
    target: Storage, plan: Plan, recipe: FolderRecipe, state: FolderState, made: Sequence[PartReport]
) -> None:
    """Drop what does not belong to the corpus any more, and say that the folder is complete."""
    for name in state.gone:
        target.remove(name)
    reports = {one.name: one for one in (*state.done, *made)}
    ordered = [reports[part.name] for part in plan.parts]
    _write_manifest(
        target,
        recipe,
        {
            "complete": True,
            "rows": sum(one.rows for one in ordered),
            "cut_texts": sum(one.cut_texts for one in ordered),
            "parts": [{"name": one.name, "rows": one.rows} for one in ordered],
        },
    )


def _footer(target: Storage, name: str) -> tuple[int, dict[str, str]] | None:
    """Give the rows of a file and what it says of its making, or None where it cannot be read."""
    import pyarrow
    import pyarrow.parquet

    try:
        with target.opened_for_arrow(name) as stream, pyarrow.parquet.ParquetFile(stream) as parquet:
            written = parquet.schema_arrow.metadata or {}
            rows = int(parquet.metadata.num_rows)
    except (InputFileError, pyarrow.ArrowException, OSError):
        return None
    return rows, {
        key.decode(errors="replace"): value.decode(errors="replace") for key, value in written.items()
    }


def _is_ours(target: Storage, name: str) -> bool:
    """Whether a file is a part that was written here: one that others made of parts may say so as well."""
    footer = _footer(target, name)
    return footer is not None and footer[1].get(SOURCE) == _PART_NAME.sub("", name)


def _done(target: Storage, part: Part, recipe: FolderRecipe, size: int) -> PartReport | None:
    footer = _footer(target, part.name)
    if footer is None:
        return None
    rows, told = footer
    expected = {
        DIGEST: part.digest,
        "samesay.fingerprint": recipe.fingerprint,
        "samesay.prompt": recipe.prompt,
        "samesay.task": recipe.task,
    }
    if rows != part.rows or any(told.get(key) != value for key, value in expected.items()):
        return None
    return PartReport(part.name, rows, int(told.get(CUT, "0")), size)


def _write_manifest(target: Storage, recipe: FolderRecipe, further: Mapping[str, object]) -> None:
    content = {"format": _FORMAT, "samesay": __version__, **asdict(recipe), **further}
    target.write_whole(MANIFEST, json.dumps(content, indent=1).encode())
