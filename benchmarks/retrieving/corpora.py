"""Public test sets as documents for a collection, questions, and which documents answer them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from quality import DataMissingError
from samesay import Document

_SHORT = ("description", "short_description")


@dataclass(frozen=True)
class Question:
    """A query of a test set.

    Args:
        text: What is asked.
        kind: The group that its figures belong to.
        answers: Ids of the documents that answer it.
    """

    text: str
    kind: str
    answers: frozenset[str]


@dataclass(frozen=True)
class Task:
    """Questions to one corpus.

    Args:
        name: Of the corpus and of the language of the questions.
        corpus: The corpus that is asked.
        questions: What is asked.
        within: Whether questions and documents are of one language.
    """

    name: str
    corpus: Corpus
    questions: tuple[Question, ...]
    within: bool


@dataclass(frozen=True)
class Corpus:
    """Documents that make one collection.

    Args:
        name: Of the collection.
        source: Corpora of one source have texts in common.
        documents: What it holds.
    """

    name: str
    source: str
    documents: tuple[Document, ...]


def k8s_corpus(data: Path, language: str) -> Corpus:
    """The pages of one language; the title of the front matter is the title of the document."""
    rows = _rows(data / "k8s_docs" / f"docs.{language}.jsonl")
    documents = tuple(
        Document(row["id"], row["text"], row["title"], language, {"kind": row["kind"]}, "markdown")
        for row in rows
    )
    return Corpus(f"k8s_{language}", f"k8s_{language}", documents)


def k8s_tasks(data: Path) -> list[Task]:
    """Both languages asked in both; kinds are the descriptions, and titles with headings."""
    corpora = {language: k8s_corpus(data, language) for language in ("en", "zh")}
    rows = _rows(data / "k8s_docs" / "queries.jsonl")
    answers = _answers(data / "k8s_docs")
    tasks = []
    for asked, answered in (("en", "en"), ("zh", "zh"), ("en", "zh"), ("zh", "en")):
        questions = tuple(
            Question(row["text"], _k8s_kind(row["kind"]), answers[row["id"]])
            for row in rows
            if row["lang"] == asked
        )
        tasks.append(Task(f"{asked}→{answered}", corpora[answered], questions, asked == answered))
    return tasks


def other_tasks(data: Path) -> list[Task]:
    """cmrc2018, xquad in four directions, mbpp, humaneval and stard_zh_law."""
    return [
        _whole(data / "cmrc2018", _chinese),
        *_xquad(data / "xquad_zh_en"),
        _whole(data / "mbpp", _python),
        _whole(data / "humaneval", _python),
        _whole(data / "stard_zh_law", _chinese),
    ]


def only(task: Task, ids: frozenset[str]) -> Task:
    """The questions that these documents answer, put to the whole corpus."""
    return replace(task, questions=tuple(one for one in task.questions if one.answers & ids))


def _chinese(row: dict[str, str]) -> Document:
    return Document(row["id"], row["text"], language="zh")


def _python(row: dict[str, str]) -> Document:
    return Document(row["id"], row["text"], language="python", format="python")


def _k8s_kind(kind: str) -> str:
    return "descriptions" if kind in _SHORT else "titles and headings"


def _whole(folder: Path, document: Callable[[dict[str, str]], Document]) -> Task:
    corpus = Corpus(folder.name, folder.name, tuple(document(row) for row in _rows(folder / "docs.jsonl")))
    answers = _answers(folder)
    questions = tuple(
        Question(row["text"], "all", answers[row["id"]]) for row in _rows(folder / "queries.jsonl")
    )
    return Task(folder.name, corpus, questions, within=True)


def _xquad(folder: Path) -> list[Task]:
    rows, answers = _rows(folder / "queries.jsonl"), _answers(folder)
    documents = [
        Document(row["id"], row["text"], language=row["lang"]) for row in _rows(folder / "docs.jsonl")
    ]
    tasks = []
    for asked, answered in (("en", "en"), ("zh", "zh"), ("en", "zh"), ("zh", "en")):
        corpus = Corpus(
            f"xquad_{answered}",
            f"xquad_{answered}",
            tuple(one for one in documents if one.language == answered),
        )
        there = {one.id for one in corpus.documents}
        questions = tuple(
            Question(row["text"], "all", answers[row["id"]] & there) for row in rows if row["lang"] == asked
        )
        tasks.append(Task(f"xquad {asked}→{answered}", corpus, questions, asked == answered))
    return tasks


def _answers(folder: Path) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in _text(folder / "qrels.tsv").splitlines():
        query, document, _ = line.split("\t")
        found.setdefault(query, set()).add(document)
    return {query: frozenset(documents) for query, documents in found.items()}


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in _text(path).splitlines()]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise DataMissingError(f"{path} is not there") from None
