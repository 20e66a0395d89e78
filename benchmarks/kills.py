"""kill -9 at random moments while a collection is written: what is lost.

    python benchmarks/kills.py --kills 200 --output benchmarks/results/kills.json

A process adds, deletes, compacts and upgrades; it is killed after a random time, the collection is opened,
every document is compared with what was acknowledged, and `check` looks at the rest. Ends with an error at
the first document that is lost or half.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from result_file import write_result

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "collection"))


def main() -> None:
    """Run, print a line a kill, and write the summary."""
    from killing import kills

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=2.0, help="seconds that a writer lives, at most")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    begun = time.monotonic()
    interrupted: Counter[str] = Counter()
    steps = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, killed in enumerate(
            kills(Path(folder), arguments.kills, arguments.seed, arguments.longest), 1
        ):
            interrupted[killed.interrupted] += 1
            steps += killed.steps
            print(
                f"{number}: in {killed.interrupted}, {killed.steps} steps, {killed.documents} documents",
                flush=True,
            )
    result = {
        "kills": arguments.kills,
        "seed": arguments.seed,
        "acknowledged_steps": steps,
        "interrupted": dict(sorted(interrupted.items())),
        "lost_documents": 0,
        "half_documents": 0,
        "unreadable_collections": 0,
        "seconds": round(time.monotonic() - begun),
    }
    print(json.dumps(result, indent=2))
    if arguments.output:
        write_result(arguments.output, result)


if __name__ == "__main__":
    main()
