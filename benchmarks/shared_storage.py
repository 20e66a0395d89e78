"""Millions of rows into a collection on shared storage and into Qdrant, with the loader killed several times.

``python benchmarks/shared_storage.py --rows 2000000`` writes Parquet files of vectors of 8 numbers and fills
two collections from them: one on a local S3 server (moto), one in Qdrant's own engine behind a server that
speaks as much of Qdrant's REST interface as samesay uses (tests/collection/cluster/qdrant_server.py), through
the real client. Each loader is killed (SIGKILL) at random moments and started again. In the end every row
must be there once, with its own vector. Times are those of this machine, the server beside the loader.
``--parts qdrant`` takes one part anew and leaves the other in the results.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from machine import hardware, load_average, versions
from result_file import write_result

_TESTS = Path(__file__).parents[1] / "tests" / "collection"
sys.path[:0] = [str(_TESTS / "shared"), str(_TESTS / "cluster")]

WIDTH = 8
ROWS_IN_A_FILE = 100_000
RESULT = Path(__file__).parent / "results" / "shared-storage.json"
QDRANT_NAME = "rows"
PACKAGES = ["lancedb", "moto", "obstore", "pyarrow", "qdrant-client", "qdrant-edge-py"]


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--parts", default=",".join(PARTS), help="s3, qdrant or both")
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULT)
    parser.add_argument("--load", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.load:
        load(*asked.load)
        return
    result: dict[str, Any] = {}
    if asked.output.exists():
        result = json.loads(asked.output.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = written(folder / "rows", asked.rows)
        for part in asked.parts.split(","):
            title, run = PARTS[part]
            found = run(folder, files, asked.rows, asked.kills, asked.seed)
            command = f"python benchmarks/shared_storage.py --rows {asked.rows} --kills {asked.kills}"
            about = {
                "command": f"{command} --seed {asked.seed} --parts {part}",
                "date": date.today().isoformat(),
                "machine": hardware(),
                "versions": versions(PACKAGES),
                "load_average_at_the_end": load_average(),
                "dimensions": WIDTH,
            }
            result[title] = about | found
            write_result(asked.output, result)
            print(title, json.dumps(found, indent=2), flush=True)


def on_shared_storage(folder: Path, files: Path, rows: int, kills: int, seed: int) -> dict[str, Any]:
    """Fill a collection on a local S3 server, and look at every row."""
    from s3_process import s3_process

    from samesay.collection.shared.address import shared_address
    from samesay.collection.shared.place import SharedPlace

    with s3_process() as server:
        os.environ.update(server.environment(), SAMESAY_CACHE=str(folder / "cache"))
        address = shared_address(server.address())
        if address is None:
            raise SystemExit("the server gave no address")
        place = SharedPlace(address)
        place.make(manifest("lance"))

        def count() -> int:
            version = place.newest_version()
            return 0 if version is None else version.segments.rows

        found = killed_and_loaded("s3", str(address), files, rows, kills, seed, count)
        begun = time.perf_counter()
        checked = check_shared(str(address), rows, files)
        listed = list(place.objects.listed(""))
        return found | {
            "rows": rows,
            **checked,
            "check_seconds": round(time.perf_counter() - begun, 1),
            "commits": (place.newest() or 0) + 1,
            "objects": len(listed),
            "bytes": sum(one.size for one in listed),
        }


def in_qdrant(folder: Path, files: Path, rows: int, kills: int, seed: int) -> dict[str, Any]:  # noqa: ARG001
    """Fill a collection in Qdrant's engine, and look at every row."""
    from qdrant_process import qdrant_process

    with qdrant_process() as url, opened_cluster(url) as cluster:
        found = killed_and_loaded("qdrant", url, files, rows, kills, seed, cluster.segments)
        begun = time.perf_counter()
        seen, wrong = set[str](), 0
        source = vectors_of(files)
        for identifier, vector in points_of(cluster):
            seen.add(identifier)
            wrong += bool(np.abs(vector - source[int(identifier[1:])]).max() > 1e-5)
        there = cluster.segments()
    return found | {
        "rows": rows,
        "ids_missing": rows - len(seen),
        "ids_doubled": there - len(seen),
        "vectors_wrong": wrong,
        "check_seconds": round(time.perf_counter() - begun, 1),
    }


def points_of(cluster: Any) -> Iterator[tuple[str, np.ndarray[Any, np.dtype[np.float32]]]]:
    """Give the ids and vectors of all points, page by page."""
    offset = None
    while True:
        points, offset = cluster._client.scroll(
            QDRANT_NAME, limit=5000, offset=offset, with_payload=["id"], with_vectors=True
        )
        for point in points:
            yield str(point.payload["id"]), np.array(point.vector["segment"], np.float32)
        if offset is None:
            return


def killed_and_loaded(
    kind: str, place: str, files: Path, rows: int, kills: int, seed: int, count: Callable[[], int]
) -> dict[str, Any]:
    """Load to the end, killing the loader so many times; what was acknowledged must be there after each."""
    chance = random.Random(seed)
    share = 1 / (kills + 1)
    after, lost, seconds = [], 0, 0.0
    acknowledged = 0
    for kill in range(kills + 1):
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, __file__, "--load", kind, place, str(files)], stdout=subprocess.PIPE, text=True
        )
        # Until about its share of the rows is done, and then some moments more.
        target = (kill + chance.random()) * share * rows
        for line in process.stdout or ():
            acknowledged = max(acknowledged, int(line))
            if kill < kills and acknowledged >= target:
                time.sleep(chance.random() * 0.5)
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
        if kill == kills and process.returncode:
            raise SystemExit(f"the loader ended with {process.returncode}")
        seconds += time.perf_counter() - begun
        there = count()
        lost += max(0, acknowledged - there)
        after.append(
            {"killed": process.returncode == -signal.SIGKILL, "acknowledged": acknowledged, "there": there}
        )
        print(kind, after[-1], f"{seconds:.0f} s", flush=True)
    return {
        "loads": after,
        "acknowledged_rows_lost": lost,
        "seconds": round(seconds, 1),
        "rows_per_second": round(rows / seconds),
    }


def load(kind: str, place: str, files: str) -> None:
    """Fill, and print how many rows are acknowledged from the first on."""
    from samesay.collection import filling

    if kind == "s3":
        import samesay.collection.opening as opening

        commit = filling.commit
        done = 0

        def told_commit(build: Any, ready: Any, encoder: Any) -> int:
            nonlocal done
            replaced = commit(build, ready, encoder)
            with build.catalogue.reading():
                done = build.catalogue.count("documents")
            print(done, flush=True)
            return replaced

        filling.commit = told_commit
        with opening.open_existing(Path(place), _no_model) as kb:
            kb.fill([files])
        return
    import warnings

    warnings.simplefilter("ignore")
    with opened_cluster(place) as cluster:
        upsert, done, lock = cluster._client.upsert, cluster.segments(), threading.Lock()

        def told_upsert(name: str, points: Any, wait: bool) -> None:
            nonlocal done
            upsert(name, points, wait=wait)
            with lock:
                done += len(points.ids)
                print(done, flush=True)

        cluster._client.upsert = told_upsert
        cluster.fill([files])


def check_shared(address: str, rows: int, files: Path) -> dict[str, Any]:
    """Count rows that are missing, doubled or not themselves, in all parts of the collection."""
    from samesay.collection.opening import open_existing

    source = vectors_of(files)
    with (
        open_existing(Path(address), _no_model) as kb,
        kb._held.reading() as build,
        build.catalogue.reading(),
    ):
        found = build.catalogue.database.execute(
            "SELECT documents.id, segments.row FROM documents JOIN segments ON document = number ORDER BY row"
        ).fetchall()
        ids = np.array([int(identifier[1:]) for identifier, _ in found])
        numbers = np.array([row for _, row in found])
        wrong = 0
        for begin in range(0, len(numbers), 100_000):
            block = slice(begin, begin + 100_000)
            wrong += int((build.segments.read(numbers[block]) != source[ids[block]]).any(axis=1).sum())
        tables = {name: getattr(build, name).rows() for name in ("segments", "documents")}
        return {
            "ids_missing": rows - len(np.unique(ids)),
            "ids_doubled": len(ids) - len(np.unique(ids)),
            "vectors_wrong": wrong,
            "vectors_too_many": {name: len(one) - rows for name, one in tables.items()},
            "vectors_doubled": {name: len(one) - len(np.unique(one)) for name, one in tables.items()},
        }


def written(folder: Path, rows: int) -> Path:
    """Write the rows as ``samesay embed`` would."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    said = {
        "samesay.fingerprint": manifest("lance").identity.fingerprint,
        "samesay.prompt": "document",
        "samesay.task": "",
    }
    for number, begin in enumerate(range(0, rows, ROWS_IN_A_FILE)):
        chosen = range(begin, min(rows, begin + ROWS_IN_A_FILE))
        vectors = np.random.default_rng(number).standard_normal((len(chosen), WIDTH)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        table = pa.table(
            {
                "id": [f"r{row:08d}" for row in chosen],
                "text": [f"row {row}" for row in chosen],
                "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), WIDTH),
            }
        )
        pq.write_table(table.replace_schema_metadata(said), folder / f"part-{number:05d}.parquet")
    return folder


def vectors_of(folder: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Read all vectors, in order."""
    import pyarrow.parquet as pq

    parts = [
        pq.read_table(path, columns=["vector"]).column("vector").combine_chunks().flatten().to_numpy()
        for path in sorted(folder.glob("*.parquet"))
    ]
    return np.concatenate(parts).reshape(-1, WIDTH)


def manifest(store: Any) -> Any:
    """Give the manifest of a collection of a model that nobody needs to load."""
    from samesay.collection.fulltext.tokens import revision
    from samesay.collection.manifest import Manifest, Segmenting
    from samesay.identity import Identity

    identity = Identity("thin", "0" * 64, "0" * 64, "0" * 64, "mean", "fp32", WIDTH, "none")
    build = "build-000000000000"
    return Manifest(build, identity, "thin", store, None, "f32", Segmenting(), "uniform", revision())


def opened_cluster(url: str) -> Any:
    """Open the Qdrant collection, or make it."""
    from samesay.collection.cluster.collection import ClusterCollection
    from samesay.collection.cluster.opening import _client, _create
    from samesay.collection.cluster.settings import ClusterSettings

    settings = ClusterSettings()
    client = _client(url, settings)
    about = manifest("qdrant")
    if not client.collection_exists(QDRANT_NAME):
        _create(client, QDRANT_NAME, about, settings)
    return ClusterCollection(client, QDRANT_NAME, about, settings, _no_model, server=True)


def _no_model(_: object) -> Any:
    raise SystemExit("no model is needed here")


# What results call each part, and what takes it.
PARTS = {"s3": ("shared_storage", on_shared_storage), "qdrant": ("qdrant", in_qdrant)}


if __name__ == "__main__":
    main()
