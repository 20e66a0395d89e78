"""A cluster of several nodes on this machine, whose workers and nodes are killed."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from corpora import MODEL, content, sentences, write_jsonl, write_mixed

from samesay.distributed import embed
from samesay.distributed.crew import worker_processors
from samesay.distributed.worker import ModelChoice
from samesay.errors import DistributedError, OverlengthError

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'samesay[ray]'")

# Ray's own: of its sockets and processes, and of what a later version will do.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

STORE_BYTES = 80_000_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("SAMESAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE_BYTES}
        started = Cluster(initialize_head=True, head_node_args=head)
        try:
            for _ in range(2):
                started.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
            yield started
        finally:
            ray.shutdown()
            started.shutdown()  # type: ignore[no-untyped-call]
            # What Ray leaves open is told here, where it is expected, and not at the end of all tests.
            gc.collect()


def kill_workers() -> None:
    """Kill all there are: one of them may be left from a run before, or have no part yet."""
    from ray._private.state import actors

    for one in actors().values():
        if one["State"] == "ALIVE":
            with suppress(ProcessLookupError):
                os.kill(one["Pid"], signal.SIGKILL)


def test_a_run_goes_on_where_another_stopped_and_errors_of_workers_are_those_of_one_machine(
    cluster: Any, tmp_path: Path
) -> None:
    texts = sentences(60)
    corpus = tmp_path / "corpus"
    write_jsonl(corpus / "a.jsonl", texts)
    write_jsonl(corpus / "b.jsonl", [*texts[:15], "word " * 600])

    def run(target: str) -> int:
        found = embed(
            corpus, tmp_path / target, model=MODEL, precision="fp32", part_rows=10, ray=cluster.address
        )
        return found.embedded

    with pytest.raises(OverlengthError, match=r"^b\.jsonl, line 16: has \d+ tokens"):
        run("vectors")
    there = {name for name in content(tmp_path / "vectors") if name.endswith(".parquet")}
    assert there
    write_jsonl(corpus / "b.jsonl", texts[:15])
    assert run("vectors") == 75 - sum(10 for _ in there)
    embed(corpus, tmp_path / "one", model=MODEL, precision="fp32", threads=1, part_rows=10)
    assert content(tmp_path / "vectors") == content(tmp_path / "one")
    with pytest.raises(DistributedError, match=r"no node can do it: node .*no-such-model"):
        embed(corpus, tmp_path / "x", model="no-such-model", ray=cluster.address)


def test_killed_workers_and_nodes_change_nothing_in_the_result(cluster: Any, tmp_path: Path) -> None:
    write_mixed(tmp_path / "corpus", sentences(400))
    embed(tmp_path / "corpus", tmp_path / "one", model=MODEL, precision="fp32", threads=1, part_rows=10)
    told: list[str] = []
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if done >= 40 and not killed:
            killed.append(done)
            kill_workers()
        if done >= 150 and len(killed) == 1:
            killed.append(done)
            cluster.remove_node(sorted(cluster.worker_nodes, key=id)[0], allow_graceful=False)

    report = embed(
        tmp_path / "corpus",
        tmp_path / "many",
        model=MODEL,
        precision="fp32",
        part_rows=10,
        ray=cluster.address,
        progress=kill,
        notice=told.append,
    )
    assert report.embedded == 400
    assert len(killed) == 2
    assert sum("died" in line for line in told) >= 1
    assert content(tmp_path / "many") == content(tmp_path / "one")
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("processors", "gpus", "threads", "device", "expected"),
    [
        (1, 0, None, None, [1]),
        (4, 0, None, None, [4]),
        (7, 0, None, None, [4, 3]),
        (64, 0, None, None, [4] * 16),
        (64, 0, 8, None, [8] * 8),
        (7, 0, 2, None, [2, 2, 2]),
        (2, 0, 8, None, [2]),
        (0, 0, None, None, []),
        (0, 0, 3, None, []),
        (16, 2, None, "cuda", [1, 1]),
        (16, 0, None, "cuda", []),
    ],
)
def test_every_processor_of_a_node_is_used_once(
    processors: int, gpus: int, threads: int | None, device: str | None, expected: list[int]
) -> None:
    choice = ModelChoice("any", None, threads, device)
    assert worker_processors(processors, gpus, choice) == expected
    assert sum(expected) <= processors
