"""Data and reports that several tests use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samesay.comparison.comparing import compare
from samesay.comparison.data import DataSet
from samesay.comparison.report import (
    Certified,
    ComparedData,
    ComparedModel,
    Difference,
    Disagreement,
    Failure,
    Histogram,
    Instruction,
    Measure,
    Method,
    Report,
    Result,
    Roc,
    Speed,
)
from samesay.comparison.settings import Settings
from samesay.selftest.machine import Machine

WORDS = ("cat", "dog", "house", "river", "猫", "stone", "paper", "night", "tree", "road")
HOSTILE = '<script>alert("1")</script>&\'\x00\u202e </title></style><img src=x onerror=alert(2)>'


def write_pairs(path: Path, count: int = 60, *, graded: bool = False, hostile: bool = False) -> Path:
    """Matches share most of their words, the others few."""
    generator = np.random.default_rng(3)
    lines = ["text_a\ttext_b\tlabel"]
    for number in range(count):
        words = [str(one) for one in generator.choice(WORDS, 6)]
        match = number % 2
        changed = set(generator.choice(6, 1 if match else 5, replace=False).tolist())
        other = [str(generator.choice(WORDS)) if place in changed else one for place, one in enumerate(words)]
        label = str(match * 3 + number % 5 / 2) if graded else str(match)
        mark = HOSTILE.replace("\x00", "") if hostile else ""
        lines.append(f"{mark}{' '.join(words)} {number}\t{' '.join(other)} {number}\t{label}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_intents(path: Path, count: int = 40) -> Path:
    """Texts of three intents, without a header."""
    generator = np.random.default_rng(4)
    lines = []
    for number in range(count):
        intent = number % 3
        words = [WORDS[3 * intent + int(one)] for one in generator.integers(0, 3, 4)]
        lines.append(f"{' '.join(words)} {number}\tintent {intent}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_retrieval(folder: Path, count: int = 20) -> Path:
    """Each query is answered by the document of its number."""
    folder.mkdir()
    generator = np.random.default_rng(6)
    texts = [" ".join(str(one) for one in generator.choice(WORDS, 8)) for _ in range(count)]
    corpus = [f'{{"id": "d{n}", "title": "T{n}", "text": "{text}"}}' for n, text in enumerate(texts)]
    queries = [f'{{"_id": {n}, "text": "{text[:20].strip()}"}}' for n, text in enumerate(texts)]
    (folder / "corpus.jsonl").write_text("\n".join(corpus) + "\n", "utf-8")
    (folder / "queries.jsonl").write_text("\n".join(queries) + "\n", "utf-8")
    judged = [f"{n}\td{n}\t1" for n in range(count)]
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(judged) + "\n", "utf-8")
    return folder


class Silent:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.done: list[int] = []

    def begin(self, what: str, total: int) -> None:
        self.told.append((what, total))
        self.done.append(0)

    def advance(self, steps: int) -> None:
        self.done[-1] += steps


def compared(names: list[str], data: list[DataSet], settings: Settings) -> tuple[Report, Silent]:
    """Compare, and keep what the watcher was told."""
    watcher = Silent()
    return compare(names, data, settings, watcher), watcher


def scores_and_matches(count: int, seed: int, ahead: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Scores of which the matches are normal around ``ahead`` and the others around 0."""
    generator = np.random.default_rng(seed)
    matches = np.arange(count) % 2 == 0
    scores = generator.normal(0, 1, count) + ahead * matches
    return scores.astype(np.float32), matches


def made_up_report() -> Report:
    """A report of figures made up, in which every text, name and message tries to be markup."""
    generator = np.random.default_rng(1)
    labels = (f"bad{HOSTILE}", "good", "far://host#remote")
    models = tuple(
        ComparedModel(
            label=label,
            name=HOSTILE,
            where="remote" if "://" in label else "local",
            identity=HOSTILE,
            fingerprint="0" * 64,
            precision="int8",
            engine=HOSTILE,
            instruction_set=None,
            threads=2,
            dimensions=384,
            context=None,
            disk_bytes=None if "://" in label else 10**8,
            load_seconds=0.1,
            takes_task="no",
        )
        for label in labels
    )
    data = (
        ComparedData("pairs", "labelled pairs", 60, 80, 30, None, None, "1" * 64, "auroc"),
        ComparedData("graded", "graded pairs", 60, 60, None, None, None, "2" * 64, "spearman"),
        ComparedData("intents", "intents", 40, 40, None, None, 3, "3" * 64, "accuracy"),
        ComparedData("docs", "retrieval", 20, 20, None, 20, None, "4" * 64, "ndcg@10"),
    )
    results = tuple(_made_up_result(generator, label, one) for one in data for label in labels)
    gap = Measure("auroc", 0.1, 0.02, 0.2)
    return Report(
        format=1,
        made="2020-01-02T03:04:05Z",
        samesay="0",
        seconds=1.5,
        machine=Machine(HOSTILE, "x86_64", ("avx2",), 2, 2**34, "Linux", "CPython", None),
        method=Method("symmetric", HOSTILE, "truncate", 0.05, 200, 2000, 7, 0, 2),
        models=models,
        data=data,
        results=results,
        differences=(
            Difference("pairs", "auroc", labels[0], labels[1], gap, 0.001, 0.01, "better"),
            Difference("pairs", "auroc", labels[1], labels[2], gap, 0.2, 0.9, "not told apart"),
        ),
        instructions=(Instruction(labels[0], "pairs", "auroc", 0.9, 0.8, gap, 0.001, 0.01, "helps"),),
        speeds=tuple(
            Speed(label, 10, 3.0 * 4**n, 5.0 * 4**n, 64, 99.5, None, 10**8, None, "yes" if n == 2 else "no")
            for n, label in enumerate(labels)
        ),
        disagreements=(
            Disagreement("pairs", "line 3", HOSTILE, HOSTILE, 1.0, labels[:2], (0.5, 0.9), (0.1, 0.8)),
            Disagreement("graded", "line 4", None, None, 2.5, labels[:2], (0.5, 0.9), (0.9, 0.2)),
        ),
        failures=(Failure(labels[0], HOSTILE, HOSTILE),),
    )


def _made_up_result(generator: np.random.Generator, label: str, data: ComparedData) -> Result:
    value = float(generator.uniform(0.6, 0.9))
    measures = [Measure(data.main, value, value - 0.05, value + 0.04)]
    histogram = roc = certified = None
    if data.kind in ("labelled pairs", "graded pairs"):
        shares = generator.dirichlet(np.ones(30), 2).round(4)
        histogram = Histogram(0.1, 0.95, tuple(shares[0].tolist()), tuple(shares[1].tolist()))
    if data.matches is not None:
        measures += [
            Measure("average_precision", value, 0.1, 1.0),
            Measure("best_f1_threshold", 0.5, 0.4, 0.6),
        ]
        roc = Roc((0.0, 0.2, 1.0), (0.0, 0.8, 1.0))
        certified = Certified(0.7, HOSTILE)
    return Result(label, data.name, 1.25, 0, tuple(measures), certified, histogram, roc)
