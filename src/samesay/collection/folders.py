"""Files and folders to documents: text, Markdown, code, and tables with a document in each row."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from samesay.collection.document import RESERVED, Document, MetadataValue, as_document
from samesay.collection.document_language import LanguageRule, stated_language
from samesay.errors import DocumentError, InputFileError

if TYPE_CHECKING:
    from samesay.textfiles.records import Record

LARGEST_FILE = 64 * 2**20
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_LOOKED_AT = 8192
Known = Path | tuple[int, int]
_TITLE = re.compile(r"\A(?:---\n(?:.*\n)*?title:[ \t]*(?P<meta>.+)\n(?:.*\n)*?---\n|\s*#[ \t]+(?P<head>.+))")
_TITLE_WITHIN = 4096
_ROWS_TOLD = 5


@dataclass(frozen=True)
class Skipped:
    """A file that gave no documents, or not all of them.

    Args:
        name: Its name, as ids have it.
        reason: Why.
        failed: Whether it should have given some: it cannot be read, or a row of it is not as it should be.
    """

    name: str
    reason: str
    failed: bool


@dataclass
class Found:
    """The files below some paths, and what became of them.

    Args:
        files: Path and name of each, in order.
        scopes: The names of the paths that were given; files below them have names that begin so.
        skipped: What gave no documents, or not all; grows while documents are read.
        read: How many files have been read.
    """

    files: list[tuple[Path, str]] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    read: int = 0

    def read_well(self, file: str) -> bool:
        """Say whether a file lies below these paths, is there or not, and nothing of it could not be read."""
        below = any(_below(file, scope) for scope in self.scopes)
        return below and not any(one.failed and _below(file, one.name) for one in self.skipped)


def find_files(paths: Sequence[Path], *, without: Path | None = None) -> Found:
    """Find the files below paths, each once; what is hidden is left out, but not if it is named itself.

    Args:
        paths: Files and folders.
        without: A folder to leave out: the collection itself.

    Raises:
        InputFileError: A path does not exist.
    """
    found = Found()
    excluded = None if without is None or not without.exists() else _known(without)
    seen: set[Known] = set()
    for path in paths:
        if not path.exists():
            raise InputFileError(f"there is no file or folder {path}")
        found.scopes.append(_name(path))
        for one in _walk(path, excluded, seen, found):
            found.files.append((one, _name(one)))
    return found


def read_documents(
    found: Found, *, largest: int = LARGEST_FILE, language: str | None = None
) -> Iterator[Document]:
    """Give the documents of files; what cannot be read is added to ``found.skipped``.

    A text file is one document, whose id is its path as it was given. A table has one in each row: columns
    ``id``, ``text``, ``title`` and ``language``, and the others as metadata; without an id it is the
    file's name and the row's number. A row that is no document is left out, and the others are read.

    Args:
        found: From ``find_files``.
        largest: Bytes that a text file may have; larger ones are skipped.
        language: Of texts that state none: a code, or ``path`` to take it from names such as ``docs/en/``.
            The language of code is that of the program.

    Raises:
        DocumentError: For a language that is neither.
    """
    rule = LanguageRule(language)
    for path, name in found.files:
        bad = _BadRows(name)
        try:
            if path.suffix.lower() in _TABLES:
                for row in _rows(path, name, bad):
                    yield _with_language(row, name, rule)
            else:
                document = _text(path, name, largest, found)
                if document is not None:
                    yield _with_language(document, name, rule)
        except (InputFileError, DocumentError) as error:
            found.skipped.append(Skipped(name, str(error), failed=True))
        except OSError as error:
            found.skipped.append(Skipped(name, f"cannot be read: {error.strerror or error}", failed=True))
        found.skipped.extend(bad.skipped())
        found.read += 1


class _BadRows:
    """The rows of one table that are no documents: all counted, the first ones told.

    Args:
        name: The table.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: list[str] = []
        self._count = 0

    def add(self, error: InputFileError | DocumentError) -> None:
        """Take in one."""
        self._count += 1
        if self._count <= _ROWS_TOLD:
            self._told.append(str(error))

    def skipped(self) -> list[Skipped]:
        """Give what there is to tell."""
        told = list(self._told)
        if self._count > _ROWS_TOLD:
            more = self._count - _ROWS_TOLD
            told.append(f"has {more:,} more {'row that is' if more == 1 else 'rows that are'} no document")
        return [Skipped(self._name, one, failed=True) for one in told]


def _with_language(document: Document, name: str, rule: LanguageRule) -> Document:
    if document.language or document.format not in ("markdown", "text"):
        return document
    return replace(document, language=rule.of(name))


def _walk(top: Path, excluded: Known | None, seen: set[Known], found: Found) -> Iterator[Path]:
    waiting = [top]  # folders may be nested deeper than functions
    while waiting:
        path = waiting.pop()
        try:
            mode, real = path.stat().st_mode, _known(path)
            if real == excluded:
                continue
            if real in seen:
                # A link back up, or the same file under two names.
                twice = "is there already under another name"
                found.skipped.append(Skipped(_name(path), twice, failed=False))
                continue
            seen.add(real)
            if stat.S_ISREG(mode):
                yield path
            elif stat.S_ISDIR(mode):
                inside = [one for one in path.iterdir() if not one.name.startswith(".")]
                waiting.extend(sorted(inside, reverse=True))
            else:
                found.skipped.append(Skipped(_name(path), "is no regular file", failed=False))
        except (OSError, RuntimeError) as error:
            found.skipped.append(_unreachable(path, error))


def _known(path: Path) -> Known:
    """Give by what a file or a folder is known under whatever name; a file with hard links is several."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode) and status.st_ino:
        return status.st_dev, status.st_ino
    return path.resolve()


def _unreachable(path: Path, error: OSError | RuntimeError) -> Skipped:
    # Python tells a circle of links by a RuntimeError.
    if isinstance(error, RuntimeError) or error.errno in (errno.ENOENT, errno.ELOOP):
        return Skipped(_name(path), "is a link that leads nowhere", failed=False)
    return Skipped(_name(path), f"cannot be read: {error.strerror or error}", failed=True)


def _text(path: Path, name: str, largest: int, found: Found) -> Document | None:
    from samesay.longtext.front_matter import front_matter_end
    from samesay.longtext.segment import format_of

    size = path.stat().st_size
    if size > largest:
        reason = f"has {size:,} bytes; the limit is {largest:,} (--max-bytes)"
        found.skipped.append(Skipped(name, reason, failed=False))
        return None
    with path.open("rb") as file:
        beginning = file.read(_LOOKED_AT)
        if b"\0" in beginning:
            found.skipped.append(Skipped(name, "is not text", failed=False))
            return None
        content = beginning + file.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8: byte {error.start + 1} is 0x{content[error.start]:02X}"
        found.skipped.append(Skipped(name, reason, failed=False))
        return None
    if not text.strip():
        found.skipped.append(Skipped(name, "is empty", failed=False))
        return None
    form, language = format_of(path)
    title = None
    if form == "markdown":
        title, language = _title(text), stated_language(text[: front_matter_end(text)])
    return as_document(Document(name, text, title, language, {}, form, name))


def _title(text: str) -> str | None:
    found = _TITLE.match(text[:_TITLE_WITHIN].replace("\r\n", "\n"))
    if found is None:
        return None
    title = (found["meta"] or found["head"]).strip().strip("\"'").rstrip("#").strip()
    return title or None


def _rows(path: Path, name: str, bad: _BadRows) -> Iterator[Document]:
    for number, record in _records(path, name, bad):
        try:
            yield _row(record, number, name)
        except DocumentError as error:
            bad.add(error)


def _records(path: Path, name: str, bad: _BadRows) -> Iterator[tuple[int, Record]]:
    from samesay.textfiles.records import csv_rows, json_records, named_rows, parquet_records, tsv_rows
    from samesay.textfiles.texts import opened

    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from parquet_records(path, name)
        return
    with opened(path) as stream:
        if suffix in (".jsonl", ".ndjson"):
            yield from json_records(stream, name, bad.add)
        else:
            rows = (csv_rows if suffix == ".csv" else tsv_rows)(stream, name, bad.add)
            yield from named_rows(rows, name)


def _row(record: Record, number: int, name: str) -> Document:
    record = {key: None if _is_nan(value) else value for key, value in record.items()}
    values = {key: value for key, value in record.items() if key not in RESERVED}
    inner = values.pop("metadata", None)
    if isinstance(inner, dict):
        values |= inner
    elif inner is not None:
        values["metadata"] = inner
    form = values.pop("format", None)
    identifier = record.get("id")
    if identifier is None or identifier == "":
        identifier = f"{name}:{number}"
    try:
        return as_document(
            {
                "id": identifier,
                "text": record["text"],
                "title": record.get("title") or None,
                "language": record.get("language") or None,
                "format": form or "text",
                "metadata": {key: _flat(value) for key, value in values.items()},
                "file": name,
            }
        )
    except KeyError:
        known = ", ".join(map(repr, record)) or "none"
        raise DocumentError(f"{name}, line {number}: no column 'text'; it has {known}") from None
    except DocumentError as error:
        raise DocumentError(f"{name}, line {number}: {error}") from None


def _flat(value: object) -> MetadataValue:
    if value is None or _is_nan(value):
        return None
    if isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list) and all(isinstance(one, str | int | float | bool) for one in value):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _is_nan(value: object) -> bool:
    """Say whether a value is the number that other programs write for one that is missing."""
    return isinstance(value, float) and math.isnan(value)


def _name(path: Path) -> str:
    """Give a path as an id: as it was given, in one spelling, and valid Unicode."""
    normal = PurePosixPath(Path(os.path.normpath(path)).as_posix())
    return os.fsencode(str(normal)).decode("utf-8", "backslashreplace")


def _below(file: str, folder: str) -> bool:
    """Say whether a file is the one of a name, or lies below the folder of that name."""
    if file == folder:
        return True
    beginning = "" if folder == "." else folder.rstrip("/") + "/"
    rest = file.removeprefix(beginning)
    return file.startswith(beginning) and rest != ".." and not rest.startswith(("/", "../"))
