"""Kills of a writing process, and what must hold after each."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from writer_process import FIXTURES, MODELS, text_of

import samesay

WRITER = Path(__file__).with_name("writer_process.py")


@dataclass(frozen=True)
class Killed:
    """What a kill has left.

    Args:
        documents: How many documents there are.
        steps: How many steps were acknowledged before it.
        interrupted: What was going on: a kind of step, or ``between``.
    """

    documents: int
    steps: int
    interrupted: str


def kills(folder: Path, count: int, seed: int, longest: float) -> Iterator[Killed]:
    """Kill a writer so many times, after a random time each, and verify the collection in between."""
    chance = random.Random(seed)
    kb = folder / "kb"
    model = samesay.load(FIXTURES / MODELS[0], precision="fp32", threads=1)
    samesay.open(kb, model).close()
    state: dict[str, set[int]] = {}
    for number in range(count):
        journal = folder / f"journal-{number}"
        process = subprocess.Popen(
            [sys.executable, str(WRITER), str(kb), str(journal), str(chance.randrange(2**31))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            begun = process.stdout.readline() == b"ready\n"
            assert begun, process.stderr.read().decode()
            time.sleep(chance.random() * longest)
            assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        yield _verify(kb, journal, state)


def _verify(folder: Path, journal: Path, state: dict[str, set[int]]) -> Killed:
    lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
    steps = [json.loads(line) for line in lines if line.endswith("]")]
    pending: dict[str, int] = {}
    kind = "between"
    for moment, kind_of_step, versions in steps:
        if moment == "done":
            state.update({one: {version} for one, version in versions.items()})
            pending, kind = {}, "between"
        else:
            pending, kind = versions, kind_of_step
    with samesay.open(folder, create=False) as kb:
        report = kb.check(samples=0)
        assert report.problems == (), report.problems
        there = {one.id: one.text for one in kb.documents()}
        for number in range(64):
            allowed = state.get(str(number), {0}) | (
                {pending[str(number)]} if str(number) in pending else set()
            )
            texts = {version: text_of(number, version) if version else None for version in allowed}
            found = [version for version, text in texts.items() if there.get(str(number)) == text]
            assert found, f"document {number} is none of the versions {sorted(allowed)}"
            state[str(number)] = {found[0]}
    return Killed(len(there), sum(step[0] == "done" for step in steps), kind)
