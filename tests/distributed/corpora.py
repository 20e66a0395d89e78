"""Corpora and models for tests, and what is in a folder of vectors."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesay.distributed.embedding import CorpusReport, embed_corpus
from samesay.distributed.executor import LocalExecutor
from samesay.distributed.parts import Part
from samesay.distributed.work import EmbeddingSettings, PartReport, Work
from samesay.embedding_job import TextEncoder

FIXTURES = Path(__file__).parents[1] / "fixtures"
MODEL = FIXTURES / "bert-mean"
WORDS = ["the", "cat", "sleeps", "under", "a", "tree", "猫", "睡觉", "été", "42"]


def sentences(count: int, seed: int = 1) -> list[str]:
    chosen = random.Random(seed)
    return [" ".join(chosen.choices(WORDS, k=chosen.randint(1, 12))) for _ in range(count)]


def write_jsonl(path: Path, texts: Sequence[str], ids: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ({"id": number, "text": text} if ids else {"text": text} for number, text in enumerate(texts))
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def write_mixed(folder: Path, texts: Sequence[str]) -> None:
    """Five kinds of files, whose names sort in the order of the texts."""
    (folder / "e").mkdir(parents=True)
    fifth = len(texts) // 5
    pieces = [texts[i * fifth : (i + 1) * fifth if i < 4 else None] for i in range(5)]
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(pieces[0]).encode())
    lines = "".join(f'{number},"{text}"\n' for number, text in enumerate(pieces[1]))
    (folder / "b.csv").write_text(f"\nid,text\n{lines}\n\n", "utf-8")
    write_jsonl(folder / "c.jsonl", pieces[2])
    (folder / "d.tsv").write_text("text\n" + "\n".join(pieces[3]), "utf-8")
    pq.write_table(
        pa.table({"text": list(pieces[4]), "n": range(len(pieces[4]))}),
        folder / "e" / "f.parquet",
        row_group_size=7,
    )


class Watched(LocalExecutor):
    """An executor that does something of the test's after every part, and remembers what it did."""

    def __init__(self, model: TextEncoder, after: Callable[[int], None] = lambda _: None) -> None:
        super().__init__(model)
        self._after = after
        self.done: list[str] = []

    def run(
        self, work: Work, parts: Sequence[Part], progress: Callable[[int], object]
    ) -> Generator[PartReport, None, None]:
        for report in super().run(work, parts, progress):
            self.done.append(report.name)
            self._after(len(self.done))
            yield report


def run(
    corpus: Path | str,
    target: Path | str,
    model: TextEncoder | LocalExecutor,
    settings: EmbeddingSettings = EmbeddingSettings(),  # noqa: B008 - frozen
    part_rows: int | None = 10,
    column: str | None = None,
) -> CorpusReport:
    executor = model if isinstance(model, LocalExecutor) else LocalExecutor(model)
    return embed_corpus(str(corpus), str(target), executor, settings, part_rows=part_rows, column=column)


def content(folder: Path) -> dict[str, bytes]:
    """All files of a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "_samesay.json").read_text("utf-8"))
    return found


def vectors_in_order(folder: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Texts and vectors as the manifest orders the parts."""
    tables = [pq.read_table(folder / part["name"], partitioning=None) for part in manifest(folder)["parts"]]
    texts = [text for table in tables for text in table["text"].to_pylist()]
    return texts, np.concatenate([np.stack(table["vector"].to_numpy()) for table in tables])
