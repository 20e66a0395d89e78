"""Search inside the store of vectors: LanceDB as collections use it, beside NumPy and other engines.

    python benchmarks/stores.py --parts small,peers,large --output benchmarks/results/stores.json

small: 500 and 10,000 rows, beside NumPy's exact scan over the same rows.
peers: 100,000 rows, beside FAISS, usearch and Qdrant's local mode, each at its cheapest setting that reaches
the recall; they come with `pip install --group bench`.
large: 1,000,000 rows (--rows for another number).

Vectors are synthetic, of 1024 numbers, in the part small of 384 too; see synthetic_vectors.py. Queries are
asked one at a time. Every engine has a process of its own. A part that is run again replaces only itself in
the output.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path

from machine import hardware, load_average, versions
from result_file import write_result
from store_engines import Job, Result, measured_build, measured_numpy, measured_peer, measured_search
from synthetic_vectors import SyntheticVectors, nearest_rows

NEIGHBOURS = 10
WIDTH = 1024
SMALL_WIDTHS = (384, 1024)
PEERS = ("faiss-flat", "faiss-hnsw", "usearch", "qdrant-local")
RECALL = 0.95
PACKAGES = ["lancedb", "pyarrow", "numpy", "faiss-cpu", "usearch", "qdrant-client"]


def main() -> None:
    """Run the parts, print what they gave, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--parts", default="small,peers")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the part large")
    parser.add_argument("--peer-rows", type=int, default=100_000, help="of the part peers")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--storage", default="f32", choices=["f32", "f16", "int8"])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="where to make the stores; removed at the end")
    parser.add_argument("--note", default="", help="goes into the output, such as: beside other work")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stores-", dir=arguments.folder))
    results = {}
    try:
        for part in arguments.parts.split(","):
            before = load_average()
            results[part] = {
                "date": datetime.now(timezone.utc).date().isoformat(),
                "note": arguments.note,
                "machine": hardware(),
                "packages": versions(PACKAGES),
                **_part(part, arguments, folder),
                "load_average": [before, load_average()],
            }
            print(json.dumps({part: results[part]}, indent=2), flush=True)
            if arguments.output:
                _write(arguments.output, results)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _part(part: str, arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    if part == "small":
        return {
            f"{rows} rows of {width}": _beside_numpy(rows, width, arguments, folder)
            for width in SMALL_WIDTHS
            for rows in (500, 10_000)
        }
    if part == "peers":
        return _beside_peers(arguments, folder)
    if part == "large":
        job = _job(arguments.rows, arguments, folder)
        return {"rows": job.rows, "width": WIDTH, "samesay": _ours(job)}
    raise SystemExit(f"there is no part {part!r}; there are small, peers, large")


def _beside_numpy(rows: int, width: int, arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    job = _job(rows, arguments, folder, width)
    _alone(measured_build, job)
    return _alone(measured_numpy, job)


def _beside_peers(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    job = _job(arguments.peer_rows, arguments, folder)
    found: dict[str, object] = {"rows": job.rows, "width": WIDTH, "samesay": _ours(job)}
    for name in arguments.peers.split(","):
        found[name] = _alone(measured_peer, job, name, RECALL)
        print(f"{name}: {json.dumps(found[name])}", flush=True)
    return found


def _ours(job: Job) -> Result:
    built = _alone(measured_build, job)
    print(f"built: {json.dumps(built)}", flush=True)
    return {**built, **_alone(measured_search, job)}


def _job(rows: int, arguments: argparse.Namespace, folder: Path, width: int = WIDTH) -> Job:
    vectors = SyntheticVectors(rows, width)
    queries = vectors.queries(arguments.queries)
    truth = nearest_rows(vectors, queries, NEIGHBOURS)
    return Job(str(folder / f"{rows}-{width}"), rows, width, arguments.storage, queries, truth)


def _alone(work: Callable[..., Result], *arguments: object) -> Result:
    """Do work in a process of its own, so that its memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _write(path: Path, results: Mapping[str, object]) -> None:
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    content = {
        "command": "python benchmarks/stores.py --parts small,peers,large "
        "--output benchmarks/results/stores.json",
        "parts": {**before.get("parts", {}), **results},
    }
    write_result(path, content)


if __name__ == "__main__":
    main()
