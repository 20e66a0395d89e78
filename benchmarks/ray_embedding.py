"""A corpus embedded by one process and by a Ray cluster whose workers and nodes are killed: the same bytes?

    python benchmarks/ray_embedding.py --output benchmarks/results/ray-embedding.json
    python benchmarks/ray_embedding.py --texts 30000 --no-kills --output benchmarks/results/ray-overhead.json

Three runs over the same texts, on the same cores: one process with a thread a core; a cluster of nodes with a
core each, simulated on this machine; and the same cluster while a worker process and a node are killed, twice
each. A killed node is followed by a new one. All files of the three folders are compared byte for byte. Ends
with an error at the first difference. Without kills, and with fewer texts, one process and the cluster take
turns until a time is over, and what the cluster costs is the median of their ratios: for a machine that is
quiet for a minute only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from machine import available_threads, busy_cpu_seconds, hardware, load_average, versions
from result_file import write_result
from samesay.distributed import embed

FILES = 8
GOAL = 0.10
STORE_BYTES = 200_000_000
# Shares of the texts after which something is killed.
KILLS = {0.2: "worker", 0.4: "node", 0.6: "worker", 0.8: "node"}
SYLLABLES = [consonant + vowel for consonant in "bdklmnrs" for vowel in "aeio"]


@dataclass(frozen=True)
class Timed:
    """One run.

    Args:
        seconds: From the call to its end.
        start_seconds: Of these, until the first part could begin.
        busy_seconds: Processor time of the whole machine meanwhile.
        texts_per_second: Over all of it.
    """

    seconds: float
    start_seconds: float
    busy_seconds: float
    texts_per_second: float


def main() -> None:
    """Run, print, compare, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--part-rows", type=int, default=4096)
    parser.add_argument("--no-kills", action="store_true", help="what the cluster costs, and no more")
    parser.add_argument("--seconds", type=float, default=70, help="with --no-kills: begin no turn after that")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    cores = available_threads()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_corpus(folder / "corpus", arguments.texts)
        run = partial(timed, folder / "corpus", arguments.model, arguments.part_rows)
        if arguments.no_kills:
            take_turns(run, folder, cores, arguments)
            return
        single = in_child(partial(run, folder / "single", threads=cores))
        print("one process:", asdict(single), flush=True)
        told: list[str] = []
        with_cluster = Nodes(cores)
        try:
            calm = run(folder / "calm", ray=with_cluster.address)
            print("cluster:", asdict(calm), flush=True)
            killer = Killer(with_cluster)
            killed = run(folder / "killed", ray=with_cluster.address, watch=killer.look, told=told)
            print("cluster, killed:", asdict(killed), killer.done, told, flush=True)
        finally:
            with_cluster.end()
        for name in ("calm", "killed"):
            require_same(folder / "single", folder / name)
        files = sum(path.is_file() for path in (folder / "single").rglob("*.parquet"))
    overhead = calm.seconds / single.seconds - 1
    result = {
        "texts": arguments.texts,
        "model": arguments.model,
        "cores": cores,
        "nodes": cores,
        "parts": files,
        "single_process": asdict(single),
        "cluster": asdict(calm),
        "cluster_with_kills": asdict(killed),
        "kills": killer.done,
        "notices": told,
        "files_that_differ": 0,
        "overhead": round(overhead, 4),
        "goal": GOAL,
        "date": date.today().isoformat(),
        "load_average_at_the_end": load_average(),
        "machine": hardware(),
        "versions": versions(["samesay", "ray", "pyarrow", "numpy", "tokenizers"]),
        "command": f"python benchmarks/ray_embedding.py --texts {arguments.texts}",
    }
    print(f"overhead {overhead:.1%}; goal {GOAL:.0%}: {'reached' if overhead <= GOAL else 'MISSED'}")
    if arguments.output:
        write_result(arguments.output, result)


def take_turns(run: Callable[..., Timed], folder: Path, cores: int, arguments: argparse.Namespace) -> None:
    """Let one process and a calm cluster embed the corpus in turn; add what it took to earlier calls."""
    ratios, until = list[dict[str, Any]](), time.monotonic() + arguments.seconds
    nodes = Nodes(cores)
    try:
        while not ratios or time.monotonic() < until:
            turn = len(ratios)
            single = in_child(partial(run, folder / f"single-{turn}", threads=cores))
            calm = run(folder / f"calm-{turn}", ray=nodes.address)
            require_same(folder / f"single-{turn}", folder / f"calm-{turn}")
            ratios.append({"single": asdict(single), "cluster": asdict(calm), "files_that_differ": 0})
            print(ratios[-1], flush=True)
    finally:
        nodes.end()
    before = []
    if arguments.output and arguments.output.exists():
        before = json.loads(arguments.output.read_text("utf-8"))["turns"]
    turns = [*before, *ratios]
    found = [one["cluster"]["seconds"] / one["single"]["seconds"] - 1 for one in turns]
    result = {
        "texts": arguments.texts,
        "model": arguments.model,
        "cores": cores,
        "nodes": cores,
        "turns": turns,
        "overhead_median": round(median(found), 4),
        "overhead_of_each": [round(one, 4) for one in found],
        "goal": GOAL,
        "date": date.today().isoformat(),
        "machine": hardware(),
        "versions": versions(["samesay", "ray", "pyarrow", "numpy", "tokenizers"]),
        "command": f"python benchmarks/ray_embedding.py --texts {arguments.texts} --no-kills",
    }
    print(f"overhead {result['overhead_median']:.1%} of {len(turns)} turns; goal {GOAL:.0%}")
    if arguments.output:
        write_result(arguments.output, result)


def write_corpus(folder: Path, texts: int) -> None:
    """Write short texts of made-up words, in files of JSON Lines and Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    chosen = random.Random(9)
    words = ["".join(chosen.choices(SYLLABLES, k=chosen.randint(1, 3))) for _ in range(5000)]
    rows = [
        {"id": f"t{number}", "text": " ".join(chosen.choices(words, k=chosen.randint(2, 10)))}
        for number in range(texts)
    ]
    folder.mkdir()
    for number in range(FILES):
        piece = rows[number * texts // FILES : (number + 1) * texts // FILES]
        if number % 2:
            pq.write_table(pa.Table.from_pylist(piece), folder / f"{number}.parquet")
        else:
            lines = "".join(json.dumps(row) + "\n" for row in piece)
            (folder / f"{number}.jsonl").write_text(lines, "utf-8")


def timed(
    corpus: Path,
    model: str,
    part_rows: int,
    target: Path,
    *,
    threads: int | None = None,
    ray: str | None = None,
    watch: Callable[[int, int], None] | None = None,
    told: list[str] | None = None,
) -> Timed:
    """Embed a corpus and take the time."""
    begun, busy = time.monotonic(), busy_cpu_seconds()
    first: list[float] = []

    def progress(done: int, total: int) -> None:
        if not first:
            first.append(time.monotonic())
        if watch:
            watch(done, total)

    report = embed(
        corpus,
        target,
        model=model,
        threads=threads,
        ray=ray,
        part_rows=part_rows,
        progress=progress,
        notice=None if told is None else told.append,
    )
    seconds = time.monotonic() - begun
    return Timed(
        round(seconds, 2),
        round(first[0] - begun, 2),
        round(busy_cpu_seconds() - busy, 1),
        round(report.texts / seconds, 1),
    )


def in_child(run: Callable[[], Timed]) -> Timed:
    """Run in a process of its own, as the command line would."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
        return child.submit(run).result()


class Nodes:
    """A cluster of nodes with a core each, on this machine.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE_BYTES}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        self._nodes: list[Any] = []
        for _ in range(count):
            self.add()

    @property
    def address(self) -> str:
        """Of the head."""
        return str(self._cluster.address)

    def add(self) -> None:
        """Add a node."""
        self._nodes.append(self._cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES))

    def kill_node(self) -> None:
        """Kill the node that is there longest, and let another come."""
        self._cluster.remove_node(self._nodes.pop(0), allow_graceful=False)
        self.add()

    def kill_worker(self) -> None:
        """Kill the process of a worker."""
        from ray._private.state import actors

        alive = [one["Pid"] for one in actors().values() if one["State"] == "ALIVE"]
        os.kill(alive[0], signal.SIGKILL)

    def end(self) -> None:
        """End all nodes."""
        self._cluster.shutdown()


class Killer:
    """Kills as ``KILLS`` says.

    Args:
        nodes: Whom.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._left = sorted(KILLS.items())
        self.done: list[dict[str, object]] = []

    def look(self, done: int, total: int) -> None:
        """Kill what is due."""
        if not self._left or done < self._left[0][0] * total:
            return
        _, what = self._left.pop(0)
        if what == "worker":
            self._nodes.kill_worker()
        else:
            self._nodes.kill_node()
        self.done.append({"killed": what, "after_texts": done})


def require_same(one: Path, other: Path) -> None:
    """End with an error where two folders differ in any byte."""
    left, right = (
        {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
        for folder in (one, other)
    )
    if left.keys() != right.keys():
        sys.exit(f"{one.name} and {other.name} have other files: {sorted(left.keys() ^ right.keys())}")
    for name, path in left.items():
        if path.read_bytes() != right[name].read_bytes():
            sys.exit(f"{name} differs between {one.name} and {other.name}")


if __name__ == "__main__":
    main()
