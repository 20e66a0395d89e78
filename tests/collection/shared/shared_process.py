"""Processes that write or read a collection on shared storage, until they are killed or done.

``shared_process.py add ADDRESS JOURNAL SEED`` adds, removes and compacts without end, and says in the journal
what is about to be done and what was acknowledged. ``fill ADDRESS FILES`` fills in many small commits. ``read
ADDRESS LAST`` searches until it sees the version LAST of the documents, and prints what it saw.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

import samesay
from samesay.collection import filling
from samesay.collection.search_settings import Mode

DOCUMENTS = 40
_MODES: tuple[Mode, ...] = ("semantic", "text", "hybrid")


def main() -> None:
    """Do what the arguments say."""
    kind, address = sys.argv[1:3]
    # Caches of their own, as on a machine of their own.
    os.environ["SAMESAY_CACHE"] = str(Path(os.environ["SAMESAY_CACHE"]) / kind)
    with samesay.open(address, create=False) as kb:
        kb.search("so that libraries are loaded", mode="hybrid")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if kind == "add":
            add(kb, Path(sys.argv[3]), int(sys.argv[4]))
        elif kind == "fill":
            filling._COMMIT_ROWS = 100
            kb.fill([sys.argv[3]])
        else:
            read(kb, int(sys.argv[3]))


def add(kb: samesay.Collection, journal: Path, seed: int) -> None:
    """Change the collection without end."""
    chance = random.Random(seed)
    with journal.open("a", encoding="utf-8", buffering=1) as file:
        while True:
            numbers = sorted(chance.sample(range(DOCUMENTS), chance.randint(1, 12)))
            kind = chance.choices(["add", "delete", "compact"], [8, 3, 1])[0]
            version = chance.randint(1, 10**9) if kind == "add" else 0
            changes = {} if kind == "compact" else {str(number): version for number in numbers}
            file.write(json.dumps(["begin", changes]) + "\n")
            if kind == "add":
                kb.add([{"id": str(number), "text": text_of(number, version)} for number in numbers])
            elif kind == "delete":
                kb.delete([str(number) for number in numbers])
            else:
                kb.compact()
            file.write(json.dumps(["done", changes]) + "\n")


def read(kb: samesay.Collection, last: int) -> None:
    """Search until the last version comes; every answer must be of one version."""
    seen: list[int] = []
    asked = 0
    while not seen or seen[-1] < last:
        mode = _MODES[asked % len(_MODES)]
        hits = kb.search("amber version", 50, mode=mode, where={"odd": asked % 2 == 1})
        versions = {int(str(hit.metadata["version"])) for hit in hits}
        said = {int(hit.passage.rpartition(" ")[2]) for hit in hits}
        assert len(versions) == 1, f"an answer is of the versions {sorted(versions)}"
        assert said == versions
        assert len(hits) == DOCUMENTS // 2, f"an answer has {len(hits)} documents"
        (version,) = versions
        assert not seen or version >= seen[-1], f"version {version} came after {seen[-1]}"
        asked += 1
        if version not in seen:
            seen.append(version)
    sys.stdout.write(json.dumps({"asked": asked, "seen": seen}) + "\n")


def text_of(number: int, version: int) -> str:
    """Give the text of a document."""
    return f"amber document {number} version {version}"


if __name__ == "__main__":
    main()
