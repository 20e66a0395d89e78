"""Several processes at one collection on shared storage: whole versions to read, nothing lost by kills."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from s3_process import S3Server
from shared_process import DOCUMENTS, text_of
from small_collections import small_model

import samesay

PROCESS = Path(__file__).with_name("shared_process.py")


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process, wait until it is ready, and end it."""
    process = subprocess.Popen(
        [sys.executable, str(PROCESS), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        begun = process.stdout.readline() == b"ready\n"
        assert begun, process.stderr.read().decode()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_every_answer_belongs_to_one_version_while_twenty_are_written(s3: S3Server) -> None:
    address = s3.address()

    def documents(version: int) -> list[dict[str, object]]:
        return [
            {"id": str(n), "text": text_of(n, version), "metadata": {"version": version, "odd": n % 2 == 1}}
            for n in range(DOCUMENTS)
        ]

    with samesay.open(address, small_model()) as kb:
        kb.add(documents(0))
        with started("read", address, 20) as reader:
            for version in range(1, 21):
                kb.add(documents(version))
                if version % 7 == 0:
                    kb.compact()
            said, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors.decode()
    report = json.loads(said)
    assert report["seen"] == sorted(report["seen"])
    assert len(report["seen"]) >= 3
    assert report["seen"][-1] == 20


def test_a_writer_killed_at_any_moment_loses_nothing_that_was_acknowledged(
    s3: S3Server, tmp_path: Path
) -> None:
    address, chance = s3.address(), random.Random(5)
    reader = samesay.open(address, small_model())
    state: dict[str, set[int]] = {str(number): {0} for number in range(DOCUMENTS)}
    interrupted = 0
    for kill in range(3):
        journal = tmp_path / f"journal-{kill}"
        with started("add", address, journal, kill):
            time.sleep(0.3 + 0.6 * chance.random())
        lines = [json.loads(line) for line in journal.read_text().splitlines() if line.endswith("]")]
        for moment, changes in lines:
            for number, version in changes.items():
                state[number] = {version} if moment == "done" else state[number] | {version}
        interrupted += bool(lines) and lines[-1][0] == "begin"
        report = reader.check(samples=0)
        assert report.problems == (), report.problems
        there = {one.id: one.text for one in reader.documents()}
        for number, versions in state.items():
            texts = {version: text_of(int(number), version) if version else None for version in versions}
            found = [version for version, text in texts.items() if there.get(number) == text]
            assert found, f"document {number} is none of the versions {sorted(versions)}"
            state[number] = set(found)
        hits = reader.search("amber version", 100)
        assert sorted(hit.document_id for hit in hits) == sorted(there)
    assert interrupted, "no kill came in the middle of a step"
    reader.add([{"id": "last", "text": "amber"}])
    assert "last" in reader


def test_a_filling_killed_again_and_again_ends_with_every_row_once(s3: S3Server, tmp_path: Path) -> None:
    address, chance, rows = s3.address(), random.Random(6), 3000
    model = small_model()
    vectors = np.random.default_rng(1).standard_normal((rows, 36)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    identity = model.identity_at(36)
    table = pa.table(
        {
            "id": [f"r{n}" for n in range(rows)],
            "text": [f"row {n}" for n in range(rows)],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), 36),
        }
    ).replace_schema_metadata(
        {"samesay.fingerprint": identity.fingerprint, "samesay.prompt": "document", "samesay.task": ""}
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    with samesay.open(address, model) as kb:
        counts = [0]
        for _ in range(2):
            with started("fill", address, tmp_path / "rows.parquet"):
                while len(kb) == counts[-1]:
                    time.sleep(0.01)
                time.sleep(0.2 * chance.random())
            counts.append(len(kb))
            assert kb.check(samples=0).problems == ()
        assert counts == sorted(counts)
        assert 0 < counts[1] < rows, "no kill came in the middle"
        report = kb.fill([tmp_path / "rows.parquet"])
        assert (report.added, report.unchanged) == (rows - counts[-1], counts[-1])
        ids = [one.id for one in kb.documents()]
        assert len(ids) == len(set(ids)) == rows
        assert kb.check().problems == ()
        with kb._held.reading() as build, build.catalogue.reading():
            assert len(build.segments.rows()) == len(build.documents.rows()) == rows
            stored = build.catalogue.all_documents(count=rows)
            first = build.catalogue.rows_of([one.number for one in stored])
            read = build.segments.read(np.array(first))
            assert np.array_equal(read, vectors[[int(one.id[1:]) for one in stored]])
