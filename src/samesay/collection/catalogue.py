"""The catalogue: one SQLite file that says what is in a collection. Its commit is the collection's commit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from samesay.collection.catalogue_file import FILES, CatalogueFile
from samesay.collection.document import Document, Format, MetadataValue
from samesay.collection.fulltext.above import above
from samesay.collection.fulltext.tokens import tokens

if TYPE_CHECKING:
    from samesay.collection.base import Rows

_IDS_AT_A_TIME = 500


@dataclass(frozen=True)
class StoredSegment:
    """A segment as the catalogue keeps it.

    Args:
        begin: Its first character in the source.
        end: The character after its last.
        kind: What the segmenter calls it.
        headings: The headings above it, outermost first.
        text: The source from ``begin`` to ``end``.
        tokens: Words in it, for the lengths that BM25 wants.
        embedded: Whether it has a vector: not where it is white space.
    """

    begin: int
    end: int
    kind: str
    headings: tuple[str, ...]
    text: str
    tokens: int
    embedded: bool


@dataclass(frozen=True)
class StoredDocument:
    """What the catalogue knows of a document, its text aside."""

    number: int
    id: str
    hash: bytes
    title: str | None
    language: str | None
    format: str
    metadata: dict[str, object]
    segments: int


class Catalogue(CatalogueFile):
    """An open catalogue; see ``CatalogueFile`` for its arguments and errors."""

    def hashes(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Give the content hashes of those of these documents that are here."""
        return {one.id: one.hash for one in self.documents(ids)}

    def documents(self, ids: Sequence[str]) -> list[StoredDocument]:
        """Give those of these documents that are here."""
        return [_document(one) for one in self._rows("*", "id", ids)]

    def numbered(self, numbers: Iterable[int]) -> dict[int, StoredDocument]:
        """Give documents by number."""
        found = map(_document, self._rows("*", "number", list(numbers)))
        return {one.number: one for one in found}

    def ids_of(self, numbers: Sequence[int]) -> dict[int, str]:
        """Give the ids of documents by number, and read nothing else of them."""
        return dict(self._rows("number, id", "number", numbers))

    def all_documents(self, after: int = -1, count: int = _IDS_AT_A_TIME) -> list[StoredDocument]:
        """Give the next documents in the order of their numbers."""
        found = self.database.execute(
            "SELECT * FROM documents WHERE number > ? ORDER BY number LIMIT ?", (after, count)
        )
        return [_document(one) for one in found]

    def ids_and_files(self) -> list[tuple[str, str | None]]:
        """Give the ids of all documents, each with the file that it was read from, or None."""
        if not self.has_table("files"):
            return [(one, None) for (one,) in self.database.execute("SELECT id FROM documents")]
        query = "SELECT id, file FROM documents LEFT JOIN files USING (number)"
        return self.database.execute(query).fetchall()

    def files(self, ids: Sequence[str]) -> dict[str, str]:
        """Give the files that those of these documents were read from that come from one."""
        found: dict[str, str] = {}
        if self.has_table("files"):
            for begin in range(0, len(ids), _IDS_AT_A_TIME):
                block = ids[begin : begin + _IDS_AT_A_TIME]
                places = ",".join("?" * len(block))
                query = f"SELECT id, file FROM documents JOIN files USING (number) WHERE id IN ({places})"  # noqa: S608
                found.update(self.database.execute(query, block))
        return found

    def set_files(self, files: Mapping[str, str | None]) -> None:
        """Say of documents which file they were read from, or that they come from none."""
        if not self.has_table("files"):
            self.database.execute(FILES)
        for identifier, file in files.items():
            number = "SELECT number FROM documents WHERE id = ?"
            self.database.execute(f"DELETE FROM files WHERE number = ({number})", (identifier,))  # noqa: S608
            if file is not None:
                query = "INSERT INTO files SELECT number, ? FROM documents WHERE id = ?"
                self.database.execute(query, (file, identifier))

    def words(self, title: str | None, headings: str, text: str) -> list[str]:
        """Give the tokens that full text finds a segment by; ``headings`` as JSON."""
        return words(title, json.loads(headings), text)

    def fields(self) -> list[str]:
        """Give the names that filters may use, in the order of the alphabet."""
        fields: list[str] = []
        last = ""
        while True:
            query = "SELECT field FROM metadata WHERE field > ? ORDER BY field LIMIT 1"
            found = self.database.execute(query, (last,)).fetchone()
            if found is None:
                return fields
            last = str(found[0])
            fields.append(last)

    def restored(self, stored: StoredDocument) -> Document:
        """Give a document as it was added."""
        return Document(
            stored.id,
            self.source(stored.number),
            stored.title,
            stored.language,
            cast("Mapping[str, MetadataValue]", stored.metadata),
            cast("Format", stored.format),
            self.files([stored.id]).get(stored.id),
        )

    def source(self, number: int) -> str:
        """Give the text of a document: its segments, end to end."""
        found = self.database.execute(
            "SELECT passages.text FROM segments JOIN passages USING (row) WHERE document = ? ORDER BY row",
            (number,),
        )
        return "".join(text for (text,) in found)

    def rows_of(self, numbers: Iterable[int], *, embedded: bool = False) -> list[int]:
        """Give the rows of the segments of documents, ascending for each; or only those with a vector."""
        rows: list[int] = []
        for number in numbers:
            found = self.database.execute(
                "SELECT row FROM segments WHERE document = ? AND embedded >= ? ORDER BY row",
                (number, embedded),
            )
            rows.extend(row for (row,) in found)
        return rows

    def has_vectors(self) -> bool:
        """Say whether any segment has a vector; may be asked outside of ``reading``."""
        with self._told():
            query = "SELECT EXISTS (SELECT 1 FROM segments WHERE embedded)"
            return bool(self.database.execute(query).fetchone()[0])

    def passage(self, row: int) -> tuple[int, int, str, str]:
        """Give where a segment begins and ends, its headings as JSON, and its text."""
        query = 'SELECT begin, "end", headings, text FROM segments JOIN passages USING (row) WHERE row = ?'
        begin, end, headings, text = self.database.execute(query, (row,)).fetchone()
        return int(begin), int(end), str(headings), str(text)

    def insert(
        self,
        number: int,
        first_row: int,
        document: Document,
        digest: bytes,
        segments: Sequence[StoredSegment],
    ) -> None:
        """Put in a document with its segments, which take the rows from ``first_row`` on."""
        self.database.execute(
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                document.id,
                digest,
                document.title,
                document.language,
                document.format,
                json.dumps(dict(document.metadata), ensure_ascii=False),
                len(segments),
            ),
        )
        self.database.executemany(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?)",
            [
                (row, number, one.begin, one.end, one.tokens, one.embedded)
                for row, one in enumerate(segments, first_row)
            ],
        )
        self.database.executemany(
            "INSERT INTO passages VALUES (?, ?, ?, ?)",
            [
                (row, one.kind, json.dumps(one.headings, ensure_ascii=False), one.text)
                for row, one in enumerate(segments, first_row)
            ],
        )
        self.database.executemany(
            "INSERT OR IGNORE INTO metadata VALUES (?, ?, ?, ?)",
            [(name, *typed(value), number) for name, value in _fields(document)],
        )
        if document.file is not None:
            self.set_files({document.id: document.file})

    def drop(self, ids: Sequence[str], generation: int) -> int:
        """Take documents out, and remember their rows as dead; give how many were there."""
        stored = self.documents(ids)
        with_files = self.has_table("files")
        for one in stored:
            number = (one.number,)
            if with_files:
                self.database.execute("DELETE FROM files WHERE number = ?", number)
            self.database.execute(
                "INSERT INTO dead_rows SELECT row, ? FROM segments WHERE document = ?",
                (generation, one.number),
            )
            self.database.execute("INSERT INTO dead_documents VALUES (?, ?)", (one.number, generation))
            self.database.execute(
                "DELETE FROM passages WHERE row IN (SELECT row FROM segments WHERE document = ?)", number
            )
            self.database.execute("DELETE FROM segments WHERE document = ?", number)
            self.database.execute("DELETE FROM metadata WHERE document = ?", number)
            self.database.execute("DELETE FROM documents WHERE number = ?", number)
        return len(stored)

    def dead(self) -> tuple[Rows, Rows]:
        """Give the rows of segments and the numbers of documents that wait for compaction."""
        rows = self.database.execute("SELECT row FROM dead_rows ORDER BY row").fetchall()
        numbers = self.database.execute("SELECT number FROM dead_documents ORDER BY number").fetchall()
        return (
            np.array([row for (row,) in rows], np.int64),
            np.array([number for (number,) in numbers], np.int64),
        )

    def forget_dead(self) -> None:
        """Forget the rows that wait for compaction: they are removed everywhere."""
        self.database.execute("DELETE FROM dead_rows")
        self.database.execute("DELETE FROM dead_documents")

    def _rows(
        self, wanted: str, column: str, values: Sequence[str] | Sequence[int]
    ) -> Iterator[tuple[Any, ...]]:
        """Give the wanted columns of the documents that have one of these values in a column."""
        for begin in range(0, len(values), _IDS_AT_A_TIME):
            block = values[begin : begin + _IDS_AT_A_TIME]
            places = ",".join("?" * len(block))
            query = f"SELECT {wanted} FROM documents WHERE {column} IN ({places})"  # noqa: S608
            yield from self.database.execute(query, block).fetchall()


def words(title: str | None, headings: Sequence[str], text: str) -> list[str]:
    """Give the tokens that full text finds a segment by: its own, and those of what stands above it."""
    return [*tokens(above(title, headings)), *tokens(text)]


def typed(value: object) -> tuple[str, object]:
    """Give a metadata value with its kind, so that 1, true and "1" are three values, and 1 and 1.0 one."""
    if value is None:
        return "null", 0
    if isinstance(value, bool):
        return "boolean", int(value)
    return ("string" if isinstance(value, str) else "number"), value


def _fields(document: Document) -> Iterator[tuple[str, object]]:
    yield "id", document.id
    yield "title", document.title
    yield "language", document.language
    for name, value in document.metadata.items():
        for one in value if isinstance(value, list) else [value]:
            yield name, one


def _document(found: Sequence[object]) -> StoredDocument:
    number, identifier, digest, title, language, form, metadata, segments = found
    return StoredDocument(
        int(str(number)),
        str(identifier),
        bytes(digest) if isinstance(digest, bytes) else b"",
        None if title is None else str(title),
        None if language is None else str(language),
        str(form),
        json.loads(str(metadata)),
        int(str(segments)),
    )
