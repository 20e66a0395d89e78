"""The figures of docs/scale.md, computed from what was measured, and written into it.

    python benchmarks/scale.py --write docs/scale.md

Everything that is not measured here is an assumption with a name, and stands in the document as such.
tests/test_scale_document.py compares the document with what comes out now.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import computed

RESULTS = Path(__file__).with_name("results")
COUNTS = tuple(10**power for power in range(3, 11))
# What readers replace with their own.
PRICE_OF_A_CORE_HOUR = 0.04
UTILISATION = 0.6
WAIT_SECONDS = 0.5
# Of collection/lance_index.py: rows of a cell, and the share of cells that a search looks through.
ROWS_OF_A_CELL, CELLS_SEARCHED = 2000, 0.03
EXACT_NUMBERS = 1 << 26


@dataclass(frozen=True)
class Model:
    """A model whose speed was measured.

    Attributes:
        name: How the document calls it.
        width: Numbers of a vector.
        texts_per_second: On all cores of the machine that was measured.
        cores: How many those were.
    """

    name: str
    width: int
    texts_per_second: float
    cores: int

    def core_hours(self, texts: int) -> float:
        """Core hours to embed that many texts."""
        return texts / self.texts_per_second * self.cores / 3600


@dataclass(frozen=True)
class Inputs:
    """What was measured.

    Attributes:
        models: The models.
        rows: Rows of the store that was measured.
        width: Their numbers.
        add_seconds, index_seconds, disk_mib, search_ms: Of that store.
        read_gb_per_second: How fast the machine reads memory.
        tokens_per_second: What a server of `threads` threads computed under overload.
        threads: Its threads.
        server_mb: Memory that it had at most.
        request_ms: Processor time of a request beside the network.
        ray: One corpus embedded by one process, by a Ray cluster, and by one whose workers are killed.
        filled: Rows loaded into an object store and into Qdrant, with loaders killed.
    """

    models: tuple[Model, Model]
    rows: int
    width: int
    add_seconds: float
    index_seconds: float
    disk_mib: float
    search_ms: float
    read_gb_per_second: float
    tokens_per_second: float
    threads: int
    server_mb: float
    request_ms: float
    ray: Mapping[str, Any]
    filled: Mapping[str, Any]


def read_inputs(results: Path = RESULTS) -> Inputs:
    """Read what was measured."""

    def read(name: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((results / name).read_text("utf-8"))
        return value

    bundled, shape = read("engine-bundled.json"), read("engine-random.json")
    server, large = read("server-load.json"), read("stores.json")["parts"]["large"]
    store = large["samesay"]
    speeds = [
        found["engines"]["ours"]["sequences_per_second"][workload]
        for found, workload in ((bundled, "T128"), (shape, "W5"))
    ]
    return Inputs(
        models=(
            Model("bundled (384 numbers)", 384, speeds[0], bundled["threads"]),
            Model("0.6B (1024 numbers)", 1024, speeds[1], shape["threads"]),
        ),
        rows=large["rows"],
        width=large["width"],
        add_seconds=store["add_s"],
        index_seconds=store["index_s"],
        disk_mib=store["disk_mb"],
        search_ms=store["p50_ms"],
        read_gb_per_second=bundled["limits"]["median"]["read_gb_per_second"],
        tokens_per_second=server["overload"]["tokens_per_second"],
        threads=server["hardware"]["usable_cores"],
        server_mb=server["overload"]["memory"]["most_mb"],
        request_ms=server["overhead"]["single"]["server_cpu_ms"],
        ray=read("ray-embedding.json"),
        filled=read("shared-storage.json"),
    )


def inputs_part(inputs: Inputs) -> str:
    """The measured figures, each with its file."""
    first, second = inputs.models
    rows = [
        ("texts/s, bundled model, from text to vector", f"{first.texts_per_second:.0f}",
         "engine-bundled.json, T128"),
        ("sentences/s, a model of the shape of Qwen3-Embedding-0.6B", f"{second.texts_per_second:.0f}",
         "engine-random.json, W5"),
        ("cores of both", f"{first.cores}", "the same"),
        (f"adding {inputs.rows:,} vectors of {inputs.width} numbers", f"{inputs.add_seconds:g} s",
         "stores.json, large"),
        ("their index", f"{inputs.index_seconds:g} s", "the same"),
        ("their place on disk, index included", f"{inputs.disk_mib:,.0f} MiB", "the same"),
        ("a search in them, median", f"{inputs.search_ms:.1f} ms", "the same"),
        ("reading memory", f"{inputs.read_gb_per_second:g} GB/s", "engine-bundled.json, limits"),
        (f"a server of {inputs.threads} threads, overloaded", f"{inputs.tokens_per_second:,.0f} tokens/s",
         "server-load.json, overload"),
        ("its memory at most", f"{inputs.server_mb:.0f} MB", "server-load.json, overload"),
        ("processor time of a request of one sentence, beside the network", f"{inputs.request_ms:.2f} ms",
         "server-load.json, overhead"),
    ]  # fmt: skip
    return computed.table(("measured", "value", "in benchmarks/results"), rows)


def embedding_part(inputs: Inputs) -> str:
    """Core hours, cost and machines for each number of texts."""
    header = ["texts"]
    for model in inputs.models:
        header += [f"{model.name}: core hours", "cost", "cores to be done in a day"]
    rows = []
    for count in COUNTS:
        row = [f"{count:,}"]
        for model in inputs.models:
            hours = model.core_hours(count)
            row += [_short(hours), _short(hours * PRICE_OF_A_CORE_HOUR), f"{math.ceil(hours / 24):,}"]
        rows.append(row)
    example = inputs.models[0]
    shown = (
        f"{10**6:,} / {example.texts_per_second:.1f} × {example.cores} / 3600 = "
        f"{_short(example.core_hours(10**6))} core hours; × {PRICE_OF_A_CORE_HOUR:g} = "
        f"{_short(example.core_hours(10**6) * PRICE_OF_A_CORE_HOUR)}."
    )
    return f"For a million texts and the bundled model: {shown}\n\n{computed.table(header, rows)}"


def ray_part(inputs: Inputs) -> str:
    """What a Ray cluster cost on the same cores, and what kills changed."""
    ray = inputs.ray
    runs = ("single_process", "cluster", "cluster_with_kills")
    alone, calm, killed = (ray[name]["seconds"] for name in runs)
    kinds = [one["killed"] for one in ray["kills"]]
    return (
        f"On the same {ray['cores']} cores, {ray['texts']:,} short texts in {ray['parts']} parts took one "
        f"process {alone:.0f} s and a Ray cluster of {ray['nodes']} nodes {calm:.0f} s: "
        f"{calm / alone - 1:+.1%}. With {kinds.count('worker')} workers and {kinds.count('node')} nodes "
        f"killed on the way it was {killed:.0f} s, and {ray['files_that_differ']} of the files differed in a "
        "byte (ray-embedding.json)."
    )


def filling_part(inputs: Inputs) -> str:
    """How fast vectors that are there come into an object store and into Qdrant."""
    places = {"shared_storage": "an object store", "qdrant": "Qdrant"}
    lines, speeds = [], []
    for name, place in places.items():
        found = inputs.filled[name]
        kills = sum(one["killed"] for one in found["loads"])
        lines.append(
            f"- Into {place}: {found['rows']:,} rows of {found['dimensions']} numbers, the loader killed "
            f"{kills} times: {found['ids_missing']} ids missing, {found['ids_doubled']} doubled, "
            f"{found['vectors_wrong']} vectors wrong; {found['rows_per_second']:,} rows/s."
        )
        speeds.append(found["rows_per_second"])
    rows = [[f"{count:,}", *(_time(count / speed) for speed in speeds)] for count in COUNTS if count >= 10**6]
    header = ["rows", *(f"into {place}" for place in places.values())]
    return "\n".join(lines) + "\n\n" + computed.table(header, rows)


def storing_part(inputs: Inputs) -> str:
    """Disk, index, and what a search reads, for each number of vectors of 1024 numbers."""
    header = (
        f"vectors of {inputs.width}", "disk, f32", "disk, f16", "1-bit codes", "adding", "index, at least",
        "cells", "a search reads", "at least",
    )  # fmt: skip
    # What is not the vectors themselves: the index.
    beside = inputs.disk_mib * 2**20 / inputs.rows - 4 * inputs.width
    rows = []
    for count in COUNTS:
        share = count / inputs.rows
        codes = count * inputs.width / 8
        if count * inputs.width < EXACT_NUMBERS:
            read, cells, index = float(count * inputs.width * 4), "–", "none"
        else:
            number = count // ROWS_OF_A_CELL
            searched = min(number, max(8, int(CELLS_SEARCHED * number)))
            read = searched * ROWS_OF_A_CELL * inputs.width / 8
            cells, index = f"{number:,}", _time(inputs.index_seconds * share)
        f32, f16 = (_bytes(count * (size * inputs.width + beside)) for size in (4, 2))
        adding = _time(inputs.add_seconds * share)
        least = _time(read / (inputs.read_gb_per_second * 1e9))
        rows.append((f"{count:,}", f32, f16, _bytes(codes), adding, index, cells, _bytes(read), least))
    return computed.table(header, rows)


def replicas_part(inputs: Inputs) -> str:
    """How many servers a load needs."""
    each = UTILISATION * inputs.tokens_per_second
    header = ("requests/s", "tokens of each", "tokens/s", "replicas", "for requests themselves")
    rows = []
    for requests, tokens in ((10, 20), (100, 20), (100, 300), (1000, 20), (1000, 300)):
        load = requests * tokens
        cores = requests * inputs.request_ms / 1000
        rows.append(
            (f"{requests:,}", f"{tokens}", f"{load:,}", f"{math.ceil(load / each) + 1}", f"{cores:.2f} cores")
        )
    lines = [
        f"- A replica of {inputs.threads} threads: {UTILISATION:g} × {inputs.tokens_per_second:,.0f} = "
        f"{each:,.0f} tokens/s. {1 - UTILISATION:.0%} are left for peaks.",
        "- Replicas: requests/s × tokens of each / that, rounded up, and one more that may fail.",
        f"- The autoscaler's target: {WAIT_SECONDS:g} s × {inputs.tokens_per_second:,.0f} tokens/s = "
        f"{queue_target(inputs):,} tokens that wait in a replica.",
        f"- Memory: {inputs.server_mb:.0f} MB at most in ten minutes of overload; 640 MiB are asked for, "
        "1 GiB is the limit.",
    ]
    return "\n".join(lines) + "\n\n" + computed.table(header, rows)


def queue_target(inputs: Inputs) -> int:
    """Tokens that may wait in a replica, to two figures."""
    return int(round(WAIT_SECONDS * inputs.tokens_per_second, -2))


PARTS = {
    "inputs": inputs_part,
    "embedding": embedding_part,
    "ray": ray_part,
    "storing": storing_part,
    "filling": filling_part,
    "replicas": replicas_part,
}


def filled(document: str, inputs: Inputs) -> str:
    """Give the document with its computed parts as they come out now."""
    return computed.filled(document, {name: partial(part, inputs) for name, part in PARTS.items()})


def _short(value: float) -> str:
    """Two figures, or whole numbers."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value >= 0.01 else "< 0.01"


def _bytes(value: float) -> str:
    for unit, size in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if value >= size:
            return f"{_short(value / size)} {unit}"
    return f"{_short(value / 1e3)} kB"


def _time(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= size * 1.5:
            return f"{_short(seconds / size)} {unit}"
    return f"{_short(seconds * 1000)} ms"


def main() -> None:
    """Write the computed parts, or print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the document")
    arguments = parser.parse_args()
    inputs = read_inputs()
    if arguments.write:
        arguments.write.write_text(filled(arguments.write.read_text("utf-8"), inputs), "utf-8")
        return
    for name, part in PARTS.items():
        print(f"{name}\n\n{part(inputs)}\n")


if __name__ == "__main__":
    main()
