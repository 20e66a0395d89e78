"""Folders of documents, queries, and which document answers which query."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from samesay.errors import ComparisonError
from samesay.textfiles.records import Record, json_records, tsv_rows
from samesay.textfiles.texts import checked_text, opened

CORPUS, QUERIES, QRELS = "corpus.jsonl", "queries.jsonl", "qrels.tsv"
_HEADERS = ("query-id", "query_id", "query", "qid")


@dataclass(frozen=True, eq=False)
class RetrievalSet:
    """Queries, documents, and grades of the documents that answer a query.

    Args:
        name: What results call it.
        documents: m texts; a title stands before the text.
        queries: n texts, those that a document answers.
        relevance: For each query the grade, above 0, of each document by its place.
        sha256: Over the three files.
        whole: Queries in the folder, before a sample was taken.
    """

    name: str
    documents: tuple[str, ...]
    queries: tuple[str, ...]
    relevance: tuple[Mapping[int, float], ...]
    sha256: str
    whole: int

    def __len__(self) -> int:
        return len(self.queries)


def read_retrieval_folder(folder: Path, name: str) -> RetrievalSet:
    """Read ``corpus.jsonl``, ``queries.jsonl`` and ``qrels.tsv``.

    The first two are objects with ``id`` (or ``_id``) and ``text``; a document may have a ``title``. The last
    has three columns: query, document, grade; a first row of names is left out, and grades of 0.

    Raises:
        ComparisonError: A file is missing or does not fit the others.
        InputFileError: A file is not what it should be.
    """
    for file in (CORPUS, QUERIES, QRELS):
        if not (folder / file).is_file():
            raise ComparisonError(
                f"{folder} has no {file}: a folder for retrieval holds {CORPUS}, {QUERIES} and {QRELS}"
            )
    documents, queries = _texts(folder / CORPUS), _texts(folder / QUERIES)
    places = {one: place for place, one in enumerate(documents)}
    grades: dict[str, dict[int, float]] = {}
    for query, document, grade, where in _judgements(folder / QRELS):
        if query not in queries or document not in places:
            kind, file = ("query", QUERIES) if query not in queries else ("document", CORPUS)
            missing = query if query not in queries else document
            raise ComparisonError(f"{where}: the {kind} {missing!r} is not in {file}")
        if grade > 0:
            grades.setdefault(query, {})[places[document]] = grade
    if not grades:
        raise ComparisonError(f"{folder / QRELS} names no document that answers a query")
    answered = [query for query in queries if query in grades]
    return RetrievalSet(
        name,
        tuple(documents.values()),
        tuple(queries[query] for query in answered),
        tuple(grades[query] for query in answered),
        _hash_of(folder),
        len(answered),
    )


def _texts(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    with opened(path) as stream:
        for number, record in json_records(stream, path.name):
            where = f"{path.name}, line {number}"
            one = _id(record, where)
            if one in found:
                raise ComparisonError(f"{where}: the id {one!r} stands on an earlier line too")
            text = checked_text(record.get("text"), "text", where)
            title = record.get("title")
            found[one] = f"{title}\n{text}" if isinstance(title, str) and title else text
    if not found:
        raise ComparisonError(f"{path.name} has no rows")
    return found


def _id(record: Record, where: str) -> str:
    value = record.get("id", record.get("_id"))
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ComparisonError(f"{where}: no 'id' that is text or a whole number")
    return str(value)


def _judgements(path: Path) -> list[tuple[str, str, float, str]]:
    found = []
    with opened(path) as stream:
        for number, row in tsv_rows(stream, path.name):
            where = f"{path.name}, line {number}"
            if len(row) != 3:
                raise ComparisonError(f"{where}: {len(row)} columns; there should be query, document, grade")
            if number == 1 and row[0].lower() in _HEADERS:
                continue
            found.append((row[0], row[1], _grade(row[2], where), where))
    return found


def _grade(written: str, where: str) -> float:
    try:
        grade = float(written)
    except ValueError:
        raise ComparisonError(f"{where}: the grade {written!r} is not a number") from None
    if not math.isfinite(grade):
        raise ComparisonError(f"{where}: the grade is {written}; grades are finite numbers")
    return grade


def _hash_of(folder: Path) -> str:
    state = hashlib.sha256()
    for file in (CORPUS, QUERIES, QRELS):
        state.update(hashlib.sha256((folder / file).read_bytes()).digest())
    return state.hexdigest()
