"""A process that writes a collection until it is killed, and says what has been acknowledged.

Run as ``writer_process.py FOLDER JOURNAL SEED``. Before it begins a step it writes a line to the journal that
says what it is about to do; after the step was acknowledged, a line that says so. Whoever reads the journal
knows which documents must be there and which may be.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

import samesay

FIXTURES = Path(__file__).parents[1] / "fixtures"
MODELS = ("bert-mean", "bert-cls")
DOCUMENTS = 24


def text_of(number: int, version: int) -> str:
    """Give the text of a document: several segments, each with its version."""
    return "\n\n".join(
        f"# Part {part}\n\nDocument {number} version {version} part {part} " + "filler words " * (part + 3)
        for part in range(3 + number % 3)
    )


def step(kb: samesay.Collection, chance: random.Random, say: Say) -> None:
    """Do one thing to the collection."""
    kind = chance.choices(["add", "delete", "compact", "upgrade"], [10, 4, 2, 2])[0]
    numbers = sorted(chance.sample(range(DOCUMENTS), chance.randint(1, 8)))
    if kind == "add":
        version = chance.randint(1, 10**9)
        say("begin", kind, {str(number): version for number in numbers})
        kb.add([{"id": str(n), "text": text_of(n, version), "format": "markdown"} for n in numbers])
        say("done", kind, {str(number): version for number in numbers})
    elif kind == "delete":
        say("begin", kind, {str(number): 0 for number in numbers})
        kb.delete([str(number) for number in numbers])
        say("done", kind, {str(number): 0 for number in numbers})
    elif kind == "compact":
        say("begin", kind, {})
        kb.compact()
        say("done", kind, {})
    else:
        say("begin", kind, {})
        name = MODELS[chance.randrange(2)]
        kb.upgrade(samesay.load(FIXTURES / name, precision="fp32", threads=1))
        say("done", kind, {})


class Say:
    """Lines of the journal, each on disk before the next step."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, moment: str, kind: str, versions: dict[str, int]) -> None:
        line = json.dumps([moment, kind, versions]) + "\n"
        os.write(self._file, line.encode())


def main() -> None:
    """Write until the end of the process."""
    folder, journal, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(seed)
    say = Say(journal)
    with samesay.open(folder) as kb:
        kb.search("热身 so that libraries are loaded", mode="hybrid")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            step(kb, chance, say)


if __name__ == "__main__":
    main()
