"""How long a fresh process takes to its first vector, beside what the libraries alone take of it.

    python benchmarks/start.py --json benchmarks/results/start.json

The first start packs the weights and is not counted. Every later one maps them. In each round four processes
start in turn: Python alone, Python with numpy, Python with numpy and the tokenizer file read by its library,
and samesay up to the vector of one short text; so the drift of the machine falls on all.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from time import perf_counter

from machine import available_threads, busy_cpu_seconds, hardware, load_average, versions
from models import NAMES, ModelMissingError, default_cache, find
from result_file import write_result

ROUNDS = 15
TEXT = "How do I reset my password?"

# Each tells when it was done, by the clock that all processes share: how long it takes to end is left out.
_TELL = "\nfrom time import perf_counter\nprint(perf_counter())"
_READ_TOKENIZER = (
    "import sys, numpy\nfrom tokenizers import Tokenizer\nkept = Tokenizer.from_file(sys.argv[1])"
)
_FIRST_VECTOR = """
from time import perf_counter
begin = perf_counter()
import sys, samesay
from pathlib import Path
load = samesay.load
imported = perf_counter()
model = load(Path(sys.argv[1]))
loaded = perf_counter()
model.encode(sys.argv[2])
done = perf_counter()
print(done, imported - begin, loaded - imported, done - loaded)
"""


def main() -> int:
    """Measure the models that the command line names."""
    options = _options()
    found: dict[str, object] = {}
    for name in options.models:
        try:
            folder = find(name, options.cache).folder
        except ModelMissingError as error:
            print(f"skipped: {name}: {error}", file=sys.stderr)
            continue
        found[name] = _measure(name, folder, options.rounds)
    result = {
        "date": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "hardware": hardware(),
        "versions": versions(["samesay", "numpy", "tokenizers"]),
        "load_after": load_average(),
        "rounds": options.rounds,
        "models": found,
    }
    if options.json:
        write_result(options.json, result)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time to the first vector of a fresh process.")
    parser.add_argument("--models", type=lambda text: text.split(","), default=list(NAMES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, default=default_cache())
    options = parser.parse_args()
    unknown = set(options.models) - set(NAMES)
    if unknown:
        parser.error(f"no model is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def _measure(name: str, folder: Path, rounds: int) -> dict[str, object]:
    programs = {
        "python": [_TELL],
        "with_numpy": ["import numpy" + _TELL],
        "with_tokenizer_file": [_READ_TOKENIZER + _TELL, str(folder / "tokenizer.json")],
        "first_vector": [_FIRST_VECTOR, str(folder), TEXT],
    }
    _run(programs["first_vector"])
    seconds: dict[str, list[float]] = {program: [] for program in programs}
    parts: list[list[float]] = []
    # The share of the cores that went to anything but these processes, which use about one core.
    busy, begin = busy_cpu_seconds(), perf_counter()
    for _ in range(rounds):
        for program, arguments in programs.items():
            taken, of_it = _run(arguments)
            seconds[program].append(taken)
            if of_it:
                parts.append(of_it)
    cores = (busy_cpu_seconds() - busy) / ((perf_counter() - begin) * available_threads())
    medians = {program: round(median(taken), 4) for program, taken in seconds.items()}
    importing, loading, encoding = (round(median(part), 4) for part in zip(*parts, strict=True))
    over = [a / b for a, b in zip(seconds["first_vector"], seconds["with_tokenizer_file"], strict=True)]
    print(f"{name}: {medians}; import {importing}, load {loading}, first text {encoding}", flush=True)
    return {
        "median_seconds": medians,
        "least_seconds": {program: round(min(taken), 4) for program, taken in seconds.items()},
        "of_first_vector": {"import": importing, "load": loading, "first_text": encoding},
        "first_vector_over_libraries_alone": round(median(over), 4),
        "share_of_cores_in_use": round(cores, 3),
    }


def _run(arguments: list[str]) -> tuple[float, list[float]]:
    begin = perf_counter()
    ran = subprocess.run([sys.executable, "-c", *arguments], stdout=subprocess.PIPE, text=True, check=True)
    done, *parts = map(float, ran.stdout.split())
    return done - begin, parts


if __name__ == "__main__":
    sys.exit(main())
