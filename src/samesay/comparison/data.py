"""The data that models are compared on: labelled or graded pairs, intents, and folders for retrieval."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samesay.comparison.retrieval_folder import RetrievalSet, read_retrieval_folder
from samesay.decision.labels import parse_label
from samesay.errors import CalibrationError, ComparisonError
from samesay.textfiles.pairs import SIDES
from samesay.textfiles.records import (
    Record,
    csv_rows,
    json_records,
    named_rows,
    parquet_records,
    tsv_rows,
)
from samesay.textfiles.texts import checked_text, kind_of_file, opened

_LABELS = ("label", "gold", "score")
_LEAST_OF_EACH = 5
_NAME = re.compile(r"[\w.+-]+")


@dataclass(frozen=True, eq=False)
class PairSet:
    """Pairs with what people say of them.

    Args:
        name: What results call it.
        left: n texts.
        right: n texts.
        grades: The labels as numbers, shape (n,).
        matches: Which pairs match, shape (n,); None for grades without a cut.
        places: Where each pair stands, such as ``line 7``.
        sha256: Of the file.
        whole: Pairs in the file, before a sample was taken.
    """

    name: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    grades: NDArray[np.float64]
    matches: NDArray[np.bool_] | None
    places: tuple[str, ...]
    sha256: str
    whole: int

    @property
    def graded(self) -> bool:
        """Whether the labels are more than yes and no."""
        return not np.isin(self.grades, (0, 1)).all()

    def __len__(self) -> int:
        return len(self.left)


@dataclass(frozen=True, eq=False)
class IntentSet:
    """Texts with their intents.

    Args:
        name: What results call it.
        texts: n texts.
        intents: The intent of each as a number, shape (n,).
        sha256: Of the file.
        whole: Texts in the file, before a sample was taken.
    """

    name: str
    texts: tuple[str, ...]
    intents: NDArray[np.int64]
    sha256: str
    whole: int

    def __len__(self) -> int:
        return len(self.texts)


DataSet = PairSet | IntentSet | RetrievalSet


@dataclass(frozen=True)
class Reading:
    """How data are read.

    Args:
        label: The column of the labels; else ``label``, ``gold``, ``score`` or the only further one.
        cut: The grade from which on two texts match.
        sample: Pairs, texts or queries to take at most, drawn once for all models; None for all.
        seed: Of the sample.
    """

    label: str | None = None
    cut: float | None = None
    sample: int | None = None
    seed: int = 0


def read_data(asked: str, reading: Reading) -> DataSet:
    """Read one set: a folder is for retrieval, a file with two texts a row holds pairs, else intents.

    Args:
        asked: A path, or ``NAME=PATH`` where results are to call it NAME.
        reading: How.

    Raises:
        ComparisonError: There is nothing to compare on; the message says why.
        SamesayError: The file is not what it should be.
    """
    name, path = _named(asked)
    if path.is_dir():
        return _sampled_queries(read_retrieval_folder(path, name), reading)
    rows = list(_records(path))
    columns = set(rows[0][1])
    if set(SIDES) <= columns:
        return _pairs(rows, path, name, reading)
    if {"text", "intent"} <= columns:
        return _intents(rows, path, name, reading)
    known = ", ".join(map(repr, rows[0][1]))
    raise ComparisonError(
        f"{path.name} has the columns {known}; pairs are text_a, text_b and a label, intents text and intent"
    )


def _named(asked: str) -> tuple[str, Path]:
    before, _, after = asked.partition("=")
    if after and _NAME.fullmatch(before) and not Path(asked).exists():
        name, path = before, Path(after)
    else:
        path = Path(asked)
        name = path.resolve().name if path.is_dir() else path.stem
    if not path.exists():
        raise ComparisonError(f"there is no file or folder {path}")
    return name, path


def _records(path: Path) -> Iterator[tuple[str, Record]]:
    """Give the rows of a file with their places; TSV without known names in its first row has no header."""
    kind = kind_of_file(path)
    if kind == "lines":
        raise ComparisonError(f"{path.name}: data are read from .tsv, .csv, .jsonl, .parquet or a folder")
    found = False
    with opened(path) as stream:
        if kind == "parquet":
            rows = parquet_records(path, path.name)
        elif kind == "jsonl":
            rows = json_records(stream, path.name)
        else:
            headed = (
                csv_rows(stream, path.name) if kind == "csv" else _with_header(tsv_rows(stream, path.name))
            )
            rows = named_rows(headed, path.name)
        for number, record in rows:
            found = True
            yield f"{'row' if kind == 'parquet' else 'line'} {number}", record
    if not found:
        raise ComparisonError(f"{path.name} has no rows")


def _with_header(rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    number, first = next(rows, (0, []))
    known = {*SIDES} <= {*first} or {"text", "intent"} <= {*first}
    if not known and len(first) == 2:
        yield 0, ["text", "intent"]
    elif not known and len(first) > 2:
        yield 0, [*SIDES, "label", *(f"column_{place}" for place in range(4, len(first) + 1))]
    if first:
        yield number, first
    yield from rows


def _pairs(rows: list[tuple[str, Record]], path: Path, name: str, reading: Reading) -> PairSet:
    column = reading.label or _label_column(rows[0][1], path.name)
    kept: list[tuple[str, str, str, float]] = []
    for place, record in rows:
        where = f"{path.name}, {place}"
        if column not in record:
            raise ComparisonError(f"{where}: no column {column!r} with a label")
        grade = _grade(record[column], where)
        if grade is not None:
            left, right = (checked_text(record.get(side), side, where) for side in SIDES)
            kept.append((place, left, right, grade))
    if not kept:
        raise ComparisonError(f"{path.name}: no row has a label in the column {column!r}")
    whole = len(kept)
    kept = [kept[place] for place in _sample(whole, reading)]
    places, left_texts, right_texts, grades = zip(*kept, strict=True)
    found = PairSet(
        name, left_texts, right_texts, np.array(grades, float), None, places, _sha256(path), whole
    )
    if found.graded and reading.cut is None:
        if len(found) < _LEAST_OF_EACH:
            raise ComparisonError(
                f"{path.name}: {len(found)} graded pairs; a comparison needs at least {_LEAST_OF_EACH}"
            )
        if np.ptp(found.grades) == 0:
            raise ComparisonError(f"{path.name}: {len(found)} pairs, and all grades are {found.grades[0]:g}")
        return found
    matches = found.grades >= (reading.cut if found.graded and reading.cut is not None else 1)
    positives = int(matches.sum())
    if min(positives, len(found) - positives) < _LEAST_OF_EACH:
        raise ComparisonError(
            f"{path.name}: {positives} matches and {len(found) - positives} non-matches; a comparison needs "
            f"at least {_LEAST_OF_EACH} of each"
        )
    return replace(found, matches=matches)


def _label_column(record: Mapping[str, object], name: str) -> str:
    further = [column for column in record if column not in SIDES]
    for column in _LABELS:
        if column in further:
            return column
    if len(further) == 1:
        return further[0]
    known = ", ".join(map(repr, further)) or "no further column"
    raise ComparisonError(f"{name}: which column has the labels is to be said with --label; there is {known}")


def _grade(value: object, where: str) -> float | None:
    try:
        match = parse_label(value, None, where)
        return None if match is None else float(match)
    except CalibrationError:
        pass
    try:
        # A cut makes every finite grade a label: the check is the same, the number is what is wanted.
        parse_label(value, 0.0, where)
        return float(str(value))
    except CalibrationError as error:
        raise ComparisonError(str(error)) from None


def _intents(rows: list[tuple[str, Record]], path: Path, name: str, reading: Reading) -> IntentSet:
    texts = [checked_text(record.get("text"), "text", f"{path.name}, {place}") for place, record in rows]
    labels = [str(record.get("intent")) for _, record in rows]
    chosen = _sample(len(rows), reading)
    numbers: dict[str, int] = {}
    intents = np.array([numbers.setdefault(labels[place], len(numbers)) for place in chosen], np.int64)
    counts = np.bincount(intents)
    if len(counts) < 2 or counts.max() < 2:
        raise ComparisonError(
            f"{path.name}: {len(intents)} texts with {len(counts)} intents; it takes two intents and two "
            "texts of one of them. Pairs of texts have three columns: text_a, text_b and a label"
        )
    return IntentSet(name, tuple(texts[place] for place in chosen), intents, _sha256(path), len(rows))


def _sampled_queries(found: RetrievalSet, reading: Reading) -> RetrievalSet:
    chosen = _sample(len(found.queries), reading)
    return replace(
        found,
        queries=tuple(found.queries[place] for place in chosen),
        relevance=tuple(found.relevance[place] for place in chosen),
    )


def _sample(count: int, reading: Reading) -> list[int]:
    """Give the places of a sample in the order of the file."""
    if reading.sample is None or reading.sample >= count:
        return list(range(count))
    chosen = np.random.default_rng(reading.seed).choice(count, reading.sample, replace=False)
    return sorted(map(int, chosen))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
