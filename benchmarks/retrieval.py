"""How well collections find, and what that costs, on public test sets.

    python benchmarks/retrieval.py --cache CACHE
    python benchmarks/retrieval.py --cache CACHE --parts latency

Each part writes ``retrieval-PART.json`` into ``--results``. Everything is asked of collections as users have
them. Vectors of texts are kept in ``--cache``, so that a text is embedded once, whatever is tried. Parts:

pages     k8s_docs: 1,019 pages in English and in Chinese, one collection a language, asked in both languages;
          beside them one vector for the first 1,200 characters of each page
sets      cmrc2018, xquad in four directions, mbpp, humaneval, stard_zh_law
long      pages above 8,000 tokens: weightings of the segments against the page truncated
sizes     segments of several sizes, on 300 pages
storage   what is lost with vectors of fewer bits
indexing  time and size of indexing k8s_docs, nothing kept from before
latency   single searches on k8s_docs
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter

import samesay
from machine import hardware, load_average, versions
from models import default_cache
from quality import DataMissingError
from result_file import write_result
from retrieving.corpora import Task, k8s_tasks, other_tasks
from retrieving.figures import figures, searched, with_baseline
from retrieving.indexing import Collections
from retrieving.long_pages import long_pages
from retrieving.sizes import sizes
from retrieving.storages import storages
from retrieving.tables import table
from retrieving.timing import indexing, latency

DATA = Path(__file__).parents[2] / "shared" / "data"
RESULTS = Path(__file__).parent / "results"
_VERSIONS = ["samesay", "numpy", "lancedb", "rjieba", "tokenizers"]


class _Bench:
    """The parts.

    Args:
        options: The command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.collections = Collections(options.cache, samesay.load(options.model))

    def pages(self) -> object:
        tasks = k8s_tasks(self._options.data)
        return {task.name: figures(task, with_baseline(self.collections, task)) for task in tasks}

    def sets(self) -> object:
        tasks = other_tasks(self._options.data)
        found = {}
        for task in tasks:
            found[task.name] = figures(task, searched(self.collections.get(task.corpus), task))
        return found

    def long(self) -> object:
        return {task.name: long_pages(self.collections, task) for task in self._within()}

    def sizes(self) -> object:
        return sizes(self.collections, k8s_tasks(self._options.data))

    def storage(self) -> object:
        return storages(self.collections, self._within())

    def indexing(self) -> object:
        return indexing(self.collections, [task.corpus for task in self._within()], self._options.cache)

    def latency(self) -> object:
        return latency(self.collections, self._within())

    def _within(self) -> list[Task]:
        return [task for task in k8s_tasks(self._options.data) if task.within]


_PARTS: dict[str, Callable[[_Bench], object]] = {
    "pages": _Bench.pages,
    "sets": _Bench.sets,
    "long": _Bench.long,
    "sizes": _Bench.sizes,
    "storage": _Bench.storage,
    "indexing": _Bench.indexing,
    "latency": _Bench.latency,
}


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="How well collections find.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--cache", type=Path, default=default_cache() / "retrieval")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=list(_PARTS))
    options = parser.parse_args()
    bench = _Bench(options)
    for part in options.parts:
        before, began = load_average(), perf_counter()
        try:
            found = _PARTS[part](bench)
        except DataMissingError as error:
            print(error, file=sys.stderr)
            return 1
        result = {
            "date": datetime.now(timezone.utc).date().isoformat(),
            "command": "python benchmarks/" + shlex.join([Path(sys.argv[0]).name, "--parts", part]),
            "model": str(bench.collections.model.identity),
            "hardware": hardware(),
            "versions": versions(_VERSIONS),
            "load_before": before,
            "seconds_of_the_part": round(perf_counter() - began, 1),
            part: found,
        }
        path = options.results / f"retrieval-{part}.json"
        write_result(path, result)
        print(f"## {part}\n\n{table(part, found)}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
