"""Index the sample pages of examples/documents and answer the questions of examples/questions.tsv.

Run it with ``make demo``, or with ``python examples/search.py``; it needs the extras ``bundled`` and
``collections``. The questions are asked within the language of the page that answers them: beside pages of
its own language, a question finds those of another too late with the bundled model.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

import samesay

FOLDER = Path(__file__).parent
DOCUMENTS = FOLDER / "documents"
SHOWN = 8


@dataclass(frozen=True)
class Question:
    """A row of ``questions.tsv``."""

    text: str
    language: str
    document: str

    @property
    def answered_in(self) -> str:
        """The language of the page that answers it."""
        return self.document.partition("/")[0]

    @property
    def crosses(self) -> bool:
        """Whether question and answer are of two languages."""
        return self.language != self.answered_in


def read_questions(path: Path) -> list[Question]:
    """Read the questions; the first line names the columns."""
    _, *rows = path.read_text("utf-8").splitlines()
    return [Question(*row.split("\t")) for row in rows]


def read_documents(folder: Path) -> list[dict[str, object]]:
    """Read the pages; the folder's name is their language."""
    return [
        {
            "id": path.relative_to(folder).as_posix(),
            "text": path.read_text("utf-8"),
            "language": path.parent.name,
            "format": "markdown",
        }
        for path in sorted(folder.glob("*/*.md"))
    ]


def chosen(questions: list[Question]) -> list[Question]:
    """Some of both kinds, half of them across languages."""
    across = [one for one in questions if one.crosses]
    within = [one for one in questions if not one.crosses]
    half = SHOWN // 2
    spread = [kind[i * len(kind) // half] for kind in (within, across) for i in range(half)]
    return spread


def main() -> None:
    """Index, ask, and count how often the right page came first and among the first three."""
    console = Console()
    model = samesay.load("bundled")
    documents, questions = read_documents(DOCUMENTS), read_questions(FOLDER / "questions.tsv")
    with tempfile.TemporaryDirectory() as folder, samesay.open(Path(folder) / "kb", model) as kb:
        began = time.perf_counter()
        report = kb.add(documents)
        seconds = time.perf_counter() - began
        console.print(f"\n{report.added} pages, {report.segments} passages indexed in {seconds:.1f} s\n")
        found, times = {}, []
        for question in questions:
            began = time.perf_counter()
            found[question] = kb.search(question.text, top_k=3, where={"language": question.answered_in})
            times.append(time.perf_counter() - began)
    table = Table("question", "page", "score", "passage", box=None, header_style="bold")
    for question in chosen(questions):
        hit = found[question][0]
        where = " › ".join(hit.headings[-1:])
        right = "" if hit.document_id == question.document else f"\n(meant: {question.document})"
        table.add_row(
            question.text, f"{hit.document_id}\n{where}{right}", f"{hit.score:.3f}", first_words(hit.passage)
        )
    console.print(table)
    for name, kind in (("in one language", False), ("across languages", True)):
        asked = [one for one in questions if one.crosses is kind]
        first = sum(found[one][0].document_id == one.document for one in asked)
        three = sum(one.document in [hit.document_id for hit in found[one]] for one in asked)
        console.print(
            f"{len(asked)} questions {name}: the right page first {first} times, in the first three {three}"
        )
    console.print(
        f"a search took {sorted(times)[len(times) // 2] * 1e3:.0f} ms, the question's vector included"
    )


def first_words(passage: str, most: int = 90) -> str:
    """The passage's beginning without its heading lines."""
    lines = [line.strip() for line in passage.splitlines() if line.strip() and not line.startswith("#")]
    text = " ".join(lines)
    return text if len(text) <= most else text[: most - 1] + "…"


if __name__ == "__main__":
    main()
