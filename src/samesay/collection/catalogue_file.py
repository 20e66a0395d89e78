"""The catalogue's SQLite file: its tables, its transactions, and its errors in plain words."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from samesay.errors import CollectionBusyError, CollectionError, DamagedCollectionError

# Catalogues of before the first release have none; it is made when a document needs it.
FILES = "CREATE TABLE files (number INTEGER PRIMARY KEY, file TEXT NOT NULL);"
_SCHEMA = """
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES ('generation', 0), ('epoch', 0), ('next_row', 0), ('next_number', 0),
    ('commits', 0), ('complete', 0);
CREATE TABLE about (manifest TEXT NOT NULL);
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, hash BLOB NOT NULL, title TEXT, language TEXT,
    format TEXT NOT NULL, metadata TEXT NOT NULL, segments INTEGER NOT NULL);
CREATE TABLE segments (
    row INTEGER PRIMARY KEY, document INTEGER NOT NULL, begin INTEGER NOT NULL, "end" INTEGER NOT NULL,
    tokens INTEGER NOT NULL, embedded INTEGER NOT NULL);
CREATE INDEX segments_of_document ON segments (document);
CREATE TABLE passages (
    row INTEGER PRIMARY KEY, kind TEXT NOT NULL, headings TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE metadata (
    field TEXT NOT NULL, kind TEXT NOT NULL, value NOT NULL, document INTEGER NOT NULL,
    PRIMARY KEY (field, kind, value, document)) WITHOUT ROWID;
CREATE INDEX metadata_of_document ON metadata (document);
CREATE TABLE dead_rows (row INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
CREATE TABLE dead_documents (number INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
CREATE TABLE runs (run INTEGER PRIMARY KEY, level INTEGER NOT NULL);
CREATE TABLE postings (
    run INTEGER NOT NULL, term TEXT NOT NULL, rows BLOB NOT NULL, counts BLOB NOT NULL,
    PRIMARY KEY (run, term)) WITHOUT ROWID;
"""
_WAIT_SECONDS = 60.0


class CatalogueFile:
    """An open file. Its methods run inside ``reading`` or ``writing``.

    Args:
        path: The file; None keeps it in memory.
        create: Make it, where there is none.

    Raises:
        DamagedCollectionError: The file is missing, or is no catalogue.
    """

    def __init__(self, path: Path | None, *, create: bool = False) -> None:
        self.path = path
        # Called when the file has changed for good; what it raises, the one who changed it gets.
        self.after_commit: Callable[[], None] | None = None
        self._name = "the collection in memory" if path is None else str(path)
        if path is not None and not create and not path.is_file():
            raise DamagedCollectionError(f"{path} is missing: the collection is damaged; index it again")
        with self._told():
            self.database = sqlite3.connect(
                ":memory:" if path is None else path,
                timeout=_WAIT_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                # EXTRA also flushes the folder after a commit, so that it outlives a power cut.
                self.database.execute("PRAGMA synchronous = EXTRA")
                self.database.execute("PRAGMA cache_size = -65536")
                if create and not self.database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    self.database.executescript(f"BEGIN; {_SCHEMA} {FILES} COMMIT;")
                self.database.execute("SELECT value FROM counters").fetchone()
            except BaseException:
                self.database.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See one committed state; a commit of another process waits until the block ends."""
        with self._transaction("BEGIN"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Change the catalogue: everything at the end of the block, or nothing."""
        with self._transaction("BEGIN IMMEDIATE"):
            yield
        if self.after_commit:
            self.after_commit()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        with self._told():
            self.database.execute(begin)
            try:
                yield
                self.database.execute("COMMIT")
            except BaseException:
                if self.database.in_transaction:
                    self.database.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _explained(error, self._name) from None

    def counter(self, name: str) -> int:
        """Give a counter: ``generation``, ``epoch``, ``next_row`` or ``next_number``."""
        found = self.database.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
        return int(found[0])

    def set_counter(self, name: str, value: int) -> None:
        """Set a counter."""
        self.database.execute("UPDATE counters SET value = ? WHERE name = ?", (value, name))

    def about(self) -> str:
        """Give the copy of the manifest, as JSON."""
        found = self.database.execute("SELECT manifest FROM about").fetchone()
        return str(found[0]) if found else ""

    def set_about(self, manifest: str) -> None:
        """Keep a copy of the manifest."""
        self.database.execute("DELETE FROM about")
        self.database.execute("INSERT INTO about VALUES (?)", (manifest,))

    def count(self, table: str) -> int:
        """Give the number of rows of a table."""
        return int(self.database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608

    def has_table(self, name: str) -> bool:
        """Say whether there is a table; those that came later are not in every file."""
        query = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?)"
        return bool(self.database.execute(query, (name,)).fetchone()[0])

    def vacuum(self) -> None:
        """Give back the file's free space; outside of transactions."""
        with self._told():
            self.database.execute("VACUUM")
        if self.after_commit:
            self.after_commit()


def is_unmade(path: Path) -> bool:
    """Say whether a catalogue's file has no table yet: the process that was making it has died.

    Raises:
        DamagedCollectionError: It is no file of SQLite.
    """
    try:
        database = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
        try:
            return not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        finally:
            database.close()
    except sqlite3.Error as error:
        raise _explained(error, str(path)) from None


def _explained(error: sqlite3.Error, name: str) -> CollectionError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return CollectionBusyError(f"{name} is held by another process for more than {_WAIT_SECONDS:.0f} s")
    if "full" in text:
        return CollectionError(f"{name}: the disk is full; what was committed before is kept")
    if "readonly" in text or "read-only" in text or "unable to open" in text:
        return CollectionError(f"{name} cannot be written: {text}")
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return DamagedCollectionError(f"{name} is damaged ({text}); index the collection again")
    return DamagedCollectionError(f"{name} cannot be read: {text}")
