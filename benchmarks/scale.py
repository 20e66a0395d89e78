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
# Of collection/filling.py and collection/shared/blocks.py: rows of a commit, bytes of a catalogue's block.
ROWS_OF_A_COMMIT, BLOCK = 1 << 15, 1 << 18
# Assumed: how fast one core hashes blocks, and what a version spends on the name of each.
HASH_GB_PER_SECOND = 1.0
BYTES_OF_A_NAME = 43
# Of Qdrant's graph as it is by default (m = 16): links of a point in its lowest layer, of 4 bytes each.
LINKS = 32
# Assumed: memory of a node of a cluster, and in how many shards a billion rows are.
NODE_GB, SHARDS = 64, 20
# The fastest reading of memory that was measured on the processor of the stores, as it gives a bound.
MEMORY = "engine-minilm-earlier-amx.json"
# Replicas are sized by what the slower machine carried.
SERVER = "server-load-earlier-amx.json"


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
        read_gb_per_second: How fast a machine with that store's processor reads memory.
        tokens_per_second: What a server of `threads` threads computed under overload.
        threads: Its threads.
        server_mb: Memory that it had at most.
        request_ms: Processor time of a request beside the network.
        ray: One corpus embedded by one process, by a Ray cluster, and by one whose workers are killed.
        filled: Rows loaded into an object store and into Qdrant, with loaders killed.
        processors: What each file of results was measured on.
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
    processors: Mapping[str, str]

    @property
    def most_filled(self) -> int:
        """The most rows that were loaded anywhere."""
        return max(one["rows"] for one in self.filled.values())

    @property
    def stored_row(self) -> float:
        """Bytes in the object store for each row of that load: nearly all of them are the catalogue's."""
        stored = self.filled["shared_storage"]
        return float(stored["bytes"] / stored["rows"])

    def hashed(self, rows: int) -> float:
        """Bytes that all commits of a load hash: each hashes the whole catalogue as it is then."""
        return self.stored_row * rows**2 / (2 * ROWS_OF_A_COMMIT)


def processor_of(machine: Mapping[str, Any]) -> str:
    """Say what a machine computes with."""
    name = machine["processor"].replace("(R)", "").removesuffix(" Processor")
    tiles = " with AMX" if "amx_tile" in machine["instruction_sets"] else ""
    # Two processors that call themselves the same may differ in it.
    cache = int(machine["cache"].split()[0]) // 1024
    return f"{machine['usable_cores']} cores of {name} {machine['family_model']}{tiles}, {cache} MB of cache"


def read_inputs(results: Path = RESULTS) -> Inputs:
    """Read what was measured."""

    def read(name: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((results / name).read_text("utf-8"))
        return value

    bundled, shape = read("engine-bundled.json"), read("engine-random.json")
    server, large = read(SERVER), read("stores.json")["parts"]["large"]
    memory, ray, filled = read(MEMORY), read("ray-embedding.json"), read("shared-storage.json")
    store = large["samesay"]
    machines = {
        "engine-bundled.json": bundled["hardware"],
        "engine-random.json": shape["hardware"],
        MEMORY: memory["hardware"],
        "stores.json": large["machine"],
        SERVER: server["hardware"],
        "ray-embedding.json": ray["machine"],
        **{f"shared-storage.json, {name}": one["machine"] for name, one in filled.items()},
    }
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
        read_gb_per_second=memory["limits"]["median"]["read_gb_per_second"],
        tokens_per_second=server["overload"]["tokens_per_second"],
        threads=server["hardware"]["usable_cores"],
        server_mb=server["overload"]["memory"]["most_mb"],
        request_ms=server["overhead"]["single"]["server_cpu_ms"],
        ray=ray,
        filled=filled,
        processors={name: processor_of(machine) for name, machine in machines.items()},
    )


def bounds_part(inputs: Inputs) -> str:
    """Up to where there are measurements."""
    thin = " or ".join(map(str, sorted({one["dimensions"] for one in inputs.filled.values()})))
    return computed.paragraph(
        f"Nothing above {inputs.rows:,} vectors of {inputs.width} numbers was measured here, and nothing "
        f"above {inputs.most_filled:,} rows of {thin} numbers was loaded. What follows for more is "
        "arithmetic from that, linear unless it says otherwise, and cannot be better than that; GPUs and "
        "Qdrant servers were not measured at all."
    )


def inputs_part(inputs: Inputs) -> str:
    """The measured figures, each with its file and its processor."""
    first, second = inputs.models
    found = [
        ("texts/s, bundled model, from text to vector", f"{first.texts_per_second:.0f}",
         "engine-bundled.json", "T128"),
        ("sentences/s, a model of the shape of Qwen3-Embedding-0.6B", f"{second.texts_per_second:.0f}",
         "engine-random.json", "W5"),
        (f"adding {inputs.rows:,} vectors of {inputs.width} numbers", f"{inputs.add_seconds:g} s",
         "stores.json", "large"),
        ("their index", f"{inputs.index_seconds:g} s", "stores.json", "large"),
        ("their place on disk, index included", f"{inputs.disk_mib:,.0f} MiB", "stores.json", "large"),
        ("a search in them, median", f"{inputs.search_ms:.1f} ms", "stores.json", "large"),
        ("reading memory", f"{inputs.read_gb_per_second:g} GB/s", MEMORY, "limits"),
        (f"a server of {inputs.threads} threads, overloaded", f"{inputs.tokens_per_second:,.0f} tokens/s",
         SERVER, "overload"),
        ("its memory at most", f"{inputs.server_mb:.0f} MB", SERVER, "overload"),
        ("processor time of a request of one sentence, beside the network", f"{inputs.request_ms:.2f} ms",
         SERVER, "overhead"),
    ]  # fmt: skip
    rows = [(what, value, f"{file}, {part}", inputs.processors[file]) for what, value, file, part in found]
    return computed.table(("measured", "value", "in benchmarks/results", "on"), rows)


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
    where = inputs.processors["engine-bundled.json"]
    return (
        f"For a million texts and the bundled model, on {where}:\n{shown}\n\n{computed.table(header, rows)}"
    )


def ray_part(inputs: Inputs) -> str:
    """What a Ray cluster cost on the same cores, and what kills changed."""
    ray = inputs.ray
    runs = ("single_process", "cluster", "cluster_with_kills")
    alone, calm, killed = (ray[name]["seconds"] for name in runs)
    busy = [f"{ray[name]['busy_seconds'] / ray['cores'] / ray[name]['seconds']:.0%}" for name in runs[:2]]
    kinds = [one["killed"] for one in ray["kills"]]
    where = inputs.processors["ray-embedding.json"]
    told = (
        f"On the same {where}, {ray['texts']:,} short texts in {ray['parts']} parts took one process "
        f"{alone:.0f} s and a Ray cluster of {ray['nodes']} nodes {calm:.0f} s: {calm / alone - 1:+.1%}. "
    )
    if calm < alone:
        told += (
            f"Less than nothing is no cost of Ray's: one process of {ray['cores']} threads kept the cores "
            f"busy for {busy[0]} of its time, and {ray['nodes']} workers of one thread each for {busy[1]} "
            "of theirs; what Ray takes is hidden in that difference. "
        )
    told += (
        f"With {kinds.count('worker')} workers and {kinds.count('node')} nodes killed on the way it was "
        f"{killed:.0f} s, and {ray['files_that_differ']} of the files differed in a byte "
        "(ray-embedding.json)."
    )
    return computed.paragraph(told)


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
            f"{found['vectors_wrong']} vectors wrong; {found['rows_per_second']:,} rows/s on "
            f"{inputs.processors[f'shared-storage.json, {name}']}."
        )
        speeds.append(found["rows_per_second"])
    rows = []
    for count in COUNTS:
        if count >= 10**6:
            stored, sent = (_time(count / speed) for speed in speeds)
            rows.append([f"{count:,}", stored, _time(_hash_seconds(inputs, count)), sent])
    header = ["rows", "into an object store", "and its commits hash, at least", "into Qdrant"]
    return "\n".join(lines) + "\n\n" + computed.table(header, rows)


def _hash_seconds(inputs: Inputs, rows: int) -> float:
    return inputs.hashed(rows) / (HASH_GB_PER_SECOND * 1e9)


def cluster_part(inputs: Inputs) -> str:
    """The memory that vectors or their codes take in a Qdrant cluster, the graph included."""
    graph = LINKS * 4
    kinds = {"vectors": 4 * inputs.width, "8-bit codes": inputs.width, "1-bit codes": inputs.width // 8}
    header = [f"vectors of {inputs.width}", *kinds, f"nodes of {NODE_GB} GB for each"]
    rows = []
    for count in COUNTS:
        if count >= 10**7:
            sizes = [count * (size + graph) for size in kinds.values()]
            nodes = " / ".join(f"{math.ceil(size / (NODE_GB * 1e9)):,}" for size in sizes)
            rows.append([f"{count:,}", *map(_bytes, sizes), nodes])
    return computed.table(header, rows)


def tiers_part(inputs: Inputs) -> str:
    """Where each tier ends, and why."""
    ten, hundred = (_time(inputs.index_seconds * count / inputs.rows) for count in (10**7, 10**8))
    exact = EXACT_NUMBERS // inputs.width
    return "\n".join(
        _item(item)
        for item in (
            f"**Exact** ends at {EXACT_NUMBERS:,} numbers ({exact:,} vectors of {inputs.width}): "
            f"{_bytes(EXACT_NUMBERS * 4)} are read for each search. `compact` then builds the index by "
            "itself. Nothing has to be changed.",
            "**A folder on one machine** ends where building the index anew takes longer than you can wait, "
            f"or the disk is full: ten million vectors are {ten} at least, a hundred million {hundred} at "
            'least. Before that, `storage="f16"` halves the disk and `dimensions` (where the model was '
            "trained for it) cuts all of it.",
            _shared_tier(inputs),
            _cluster_tier(inputs),
            "**Ten billion** are possible in the sense that nothing forbids them. At "
            f"{inputs.width} numbers the vectors alone are {_bytes(10**10 * 2 * inputs.width)} in 16 bits. "
            "Consider what that many vectors are to answer: duplicates dropped first, fewer numbers, or one "
            "vector for a document instead of one for each segment often save more than any engine.",
        )
    )


def _shared_tier(inputs: Inputs) -> str:
    many, more = 10**8, 10**9
    load = many / inputs.filled["shared_storage"]["rows_per_second"]
    catalogue = inputs.stored_row * many
    blocks = catalogue / BLOCK
    return (
        "**Shared storage** takes the same time for the index, and a search also fetches what is not in its "
        "cache over the network: see [shared-storage.md](shared-storage.md). It ends where the cells that a "
        "search reads no longer stay in memory, and where its catalogue grows too large: every commit hashes "
        "all of it, to find the blocks that have changed, and every reader does so with every new version. "
        f"With {inputs.stored_row:.0f} bytes a row, which is what all objects of the load above came to and "
        f"is more where texts are longer, and {ROWS_OF_A_COMMIT:,} rows a commit, a load of {many:,} rows "
        f"hashes {many:,}² × {inputs.stored_row:.0f} / (2 × {ROWS_OF_A_COMMIT:,}) = "
        f"{_bytes(inputs.hashed(many))}: {_time(_hash_seconds(inputs, many))} at an assumed "
        f"{HASH_GB_PER_SECOND:g} GB/s, beside {_time(load)} for the rest; of a billion it would be "
        f"{_time(_hash_seconds(inputs, more))}. Each version of a hundred million then names {blocks:,.0f} "
        f"blocks in an object of {_bytes(blocks * BYTES_OF_A_NAME)}, and each reader keeps all "
        f"{_bytes(catalogue)} of the catalogue on its disk, twice while a new version arrives."
    )


def _cluster_tier(inputs: Inputs) -> str:
    shard = 10**9 // SHARDS
    codes = inputs.width + LINKS * 4
    return (
        "**A Qdrant cluster** divides rows over shards, so that each shard is again of the size of one "
        f"machine: a billion rows in {SHARDS} shards are {shard:,} each, with 8-bit codes {shard:,} × "
        f"({inputs.width} + {LINKS * 4}) bytes = {_bytes(shard * codes)} in memory. Its points have texts "
        "and metadata too, so that no machine has a catalogue. It is opened with "
        "[`open_cluster`](shared-storage.md#in-a-qdrant-cluster); "
        '`samesay.open(…, store="qdrant")` is not it, as there the catalogue is one file of one machine. A '
        "cluster of this size was not tried."
    )


def storing_part(inputs: Inputs) -> str:
    """Disk, index, and what a search reads, for each number of vectors of 1024 numbers."""
    header = (
        f"vectors of {inputs.width}", "disk, f32", "disk, f16", "1-bit codes", "adding", "index, at least",
        "cells", "a search reads", "which takes at least",
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
    "bounds": bounds_part,
    "inputs": inputs_part,
    "embedding": embedding_part,
    "ray": ray_part,
    "storing": storing_part,
    "cluster": cluster_part,
    "filling": filling_part,
    "tiers": tiers_part,
    "replicas": replicas_part,
}


def filled(document: str, inputs: Inputs) -> str:
    """Give the document with its computed parts as they come out now."""
    return computed.filled(document, {name: partial(part, inputs) for name, part in PARTS.items()})


def _item(text: str) -> str:
    return computed.paragraph(f"- {text}").replace("\n", "\n  ")


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
