"""The server under load: what it adds to the engine, and what it does when there is too much of it.

    python benchmarks/server_load.py --json benchmarks/results/server-load.json
    python benchmarks/server_load.py --parts overload --minutes 10
    python benchmarks/server_load.py --model tests/fixtures/qwen3-gqa2 --parts fairness --document-tokens 2000

It starts ``samesay serve`` on a free port of the loopback and sends it requests that were made before the
clock runs. Every answer is compared with the bits of the bare engine, but for those of an idle one. Parts:

saturation  tokens a second while the server is always busy, and of the bare engine in turns with it
overhead    processor time of a request beside the network: the engine computes nothing here
overload    twice the load that it carries: what is refused, how long the rest takes, memory, /health
fairness    short requests alone, and beside clients that always ask for long documents
drain       SIGTERM in the middle of load: what becomes of every request
abandon     clients that go away in the middle
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter

import samesay
from machine import hardware, load_average, versions
from result_file import write_result
from samesay.server.settings import Limits, ServerSettings
from serverload.ends import abandon, drain
from serverload.fairness import fairness
from serverload.overhead import PROGRAM, overhead
from serverload.overload import overload
from serverload.questions import (
    LIST,
    Corpus,
    Question,
    corpus_of,
    lists,
    make_documents,
    mixed,
    read_sentences,
    singles,
)
from serverload.running import Server, running_server
from serverload.saturation import Load, saturation

PARTS = ("saturation", "overhead", "overload", "fairness", "drain", "abandon")
DISTRIBUTIONS = ["samesay", "numpy", "tokenizers", "fastapi", "starlette", "uvicorn", "httptools", "pydantic"]
_GOAL = 0.95
# Memory under overload is flat: what comes and goes with the load of a moment is less than that.
_GROWTH_MB = 16
_DOCUMENTS, _DOCUMENTS_OF_A_REQUEST = 16, 8
_PASSAGES = 24
_ABOUT_SATURATION = (
    "Client and server share the cores; the bare engine has them to itself. of_engine compares with that; "
    "of_engine_beside_a_client with the engine while a process uses as much processor as the client did "
    "(client_cpu, in cores). The goal is for the second; the first is given beside it."
)


def main() -> int:
    """Measure what the command line asks for."""
    options = _options()
    bench = _Bench(options)
    result: dict[str, object] = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "command": "python benchmarks/" + shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "hardware": hardware(),
        "versions": versions(DISTRIBUTIONS),
        "load_before": load_average(),
        "model": bench.about(),
    }
    for part in options.parts:
        began = perf_counter()
        found = getattr(bench, part)()
        result[part] = found | {"seconds_of_the_part": round(perf_counter() - began, 1)}
        result["load_after"] = load_average()
        _write(options.json, result)
    faults = list(_faults(result))
    for fault in faults:
        print(f"FAULT: {fault}", flush=True)
    result["faults"] = faults
    _write(options.json, result)
    return 1 if faults else 0


class _Bench:
    """The parts, over one corpus.

    Args:
        options: The command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._model = samesay.load(options.model)
        self._corpus = corpus_of(self._model, read_sentences(options.texts, self._model))
        # The server answers to every name of a model; this one is sure to be among them.
        self._name = self._model.name
        self._singles = singles(self._name, self._corpus)
        self._lists = lists(self._name, self._corpus, LIST, 64)
        self._mixed = mixed(self._singles, self._lists, options.share_of_lists)

    def about(self) -> dict[str, object]:
        """What is served, and of which texts the requests are."""
        model, tokens = self._model, self._corpus.tokens
        return {
            "name": model.name,
            "precision": model.engine.precision,
            "revision": model.engine.revision,
            "texts": len(tokens),
            "tokens_of_a_text": {"mean": round(float(tokens.mean()), 1), "most": int(tokens.max())},
        }

    def saturation(self) -> dict[str, object]:
        """The server against the bare engine, on sentences and on passages."""
        passages = self._passages()
        sentences = [
            Load("single", self._singles, self._options.single_connections),
            Load(f"lists_of_{LIST}", self._lists, 16),
        ]
        alone = [Load("single", singles(self._name, passages), self._options.passage_connections)]
        with self._start() as server:
            return {
                "about": _ABOUT_SATURATION,
                "sentences": self._saturated(server, self._corpus, sentences),
                "passages": self._saturated(server, passages, alone),
            }

    def _saturated(self, server: Server, corpus: Corpus, loads: Sequence[Load]) -> dict[str, object]:
        return saturation(
            server,
            self._model,
            corpus,
            loads,
            rounds=self._options.rounds,
            seconds=self._options.seconds,
            batch_tokens=ServerSettings.batch_tokens,
            say=_say,
        )

    def overhead(self) -> dict[str, object]:
        """A server without its engine."""
        floats = singles(self._name, self._corpus, "float")
        return overhead(
            lambda: running_server([self._options.model], PROGRAM),
            self._corpus,
            [
                Load("single", self._singles, self._options.single_connections),
                Load("single_as_numbers", floats, self._options.single_connections),
                Load(f"lists_of_{LIST}", self._lists, 8),
                Load("single_one_after_the_other", self._singles, 1),
            ],
            seconds=self._options.seconds,
            say=_say,
        )

    def overload(self) -> dict[str, object]:
        """More than it can carry."""
        with self._start() as server:
            return asyncio.run(
                overload(
                    server,
                    self._corpus,
                    self._mixed,
                    seconds=60 * self._options.minutes,
                    times=self._options.times,
                    batch_tokens=ServerSettings.batch_tokens,
                    connections=Limits.connections - 50,
                    say=_say,
                )
            )

    def fairness(self) -> dict[str, object]:
        """Short beside long."""
        corpus, long = self._documents()
        with self._start() as server:
            return asyncio.run(
                fairness(
                    server,
                    self._corpus,
                    self._singles,
                    corpus,
                    long,
                    rounds=self._options.rounds,
                    seconds=self._options.seconds,
                    per_second=self._options.short_per_second,
                    long_clients=2,
                    say=_say,
                )
            )

    def drain(self) -> dict[str, object]:
        """SIGTERM under load."""
        return drain(self._start, self._corpus, self._mixed, times=self._options.drains, clients=48, say=_say)

    def abandon(self) -> dict[str, object]:
        """Clients that go away."""
        _, long = self._documents()
        with self._start() as server:
            return asyncio.run(
                abandon(server, self._corpus, self._singles, long, rounds=8, clients=200, say=_say)
            )

    def _start(self) -> AbstractContextManager[Server]:
        return running_server(["--model", self._options.model, *self._options.serve])

    def _passages(self) -> Corpus:
        tokens = min(self._options.passage_tokens, self._model.max_tokens)
        return corpus_of(self._model, make_documents(self._model, tokens, _PASSAGES))

    def _documents(self) -> tuple[Corpus, list[Question]]:
        tokens = min(self._options.document_tokens, self._model.max_tokens)
        corpus = corpus_of(self._model, make_documents(self._model, tokens, _DOCUMENTS))
        return corpus, lists(self._name, corpus, _DOCUMENTS_OF_A_REQUEST, 32)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The server under load.")
    parser.add_argument("--model", default="bundled", help="a folder or name")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS))
    parser.add_argument("--texts", type=Path, help="a file with a sentence a line, up to its first tab")
    parser.add_argument("--rounds", type=int, default=7, help="of saturation and fairness")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each turn in a round")
    parser.add_argument("--single-connections", type=int, default=256)
    parser.add_argument("--passage-tokens", type=int, default=256, help="of saturation")
    parser.add_argument("--passage-connections", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=2.0, help="of overload")
    parser.add_argument(
        "--times", type=float, default=2.0, help="the load of overload, as a multiple of what it carries"
    )
    parser.add_argument(
        "--share-of-lists", type=float, default=0.1, help=f"requests of {LIST} texts, of overload and drain"
    )
    parser.add_argument("--document-tokens", type=int, default=512, help="of fairness and abandon")
    parser.add_argument("--short-per-second", type=float, default=10.0, help="of fairness")
    parser.add_argument("--drains", type=int, default=5)
    parser.add_argument("--serve", type=shlex.split, default=[], help="further options of samesay serve")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return options


def _faults(result: dict[str, object]) -> list[str]:
    """What must never be, and the goal."""
    faults: list[str] = []
    for part in PARTS:
        found = result.get(part)
        if not isinstance(found, dict):
            continue
        if found.get("answers_wrong"):
            faults.append(f"{part}: {found['answers_wrong']} answers are wrong: {found['wrong']}")
        faults += [f"{part}: {fault}" for fault in _faults_of(part, found)]
    return faults


def _faults_of(part: str, found: dict[str, object]) -> list[str]:
    read = _Reader(found)
    faults: list[str] = []
    if part == "saturation":
        for texts in ("sentences", "passages"):
            measured = _Reader(found[texts])
            faults += [f"{texts}: {wrong}" for wrong in measured.list("wrong")]
            for name, served in measured.table("served").items():
                share, raw = (
                    _Reader(served).number(key) for key in ("of_engine_beside_a_client", "of_engine")
                )
                if share < _GOAL:
                    faults.append(
                        f"{texts}, {name}: {share:.3f} of the engine's tokens/s beside a client, "
                        f"{raw:.3f} of those alone; the goal is {_GOAL}"
                    )
    elif part == "overload":
        faults += _overload_faults(read)
    elif part == "drain":
        if found["exit_codes"] != ["0"]:
            faults.append(f"exit codes {found['exit_codes']}")
        if read.number("lost_of_those_sent_before"):
            faults.append(f"{found['lost_of_those_sent_before']} requests sent before the signal were lost")
    elif part == "abandon" and read.number("in_flight_at_the_end"):
        faults.append(f"{found['in_flight_at_the_end']} requests are still in flight")
    return faults


def _overload_faults(read: _Reader) -> list[str]:
    faults: list[str] = []
    statuses = read.table("statuses")
    if set(statuses) - {"200", "429"}:
        faults.append(f"statuses {statuses}")
    if "429" not in statuses:
        faults.append("nothing was refused")
    if read.number("without_retry_after"):
        faults.append("answers with 429 without Retry-After")
    if read.number("waited_tokens_p99") > read.number("bound_tokens"):
        faults.append("p99 of the accepted is above the bound of the queue")
    memory = read.table("memory")  # empty where the load was short
    if memory and _Reader(memory).number("growth_mb") > _GROWTH_MB:
        faults.append(f"memory grew by {memory['growth_mb']} MB")
    failures = _Reader(read.table("health")).number("failures")
    if failures:
        faults.append(f"/health failed {failures:.0f} times")
    if read.number("unsent"):
        faults.append(f"{read.number('unsent'):.0f} requests were not sent, as all connections were in use")
    return faults


class _Reader:
    """Reads numbers and tables of a result."""

    def __init__(self, found: object) -> None:
        assert isinstance(found, dict)
        self._found = found

    def number(self, name: str) -> float:
        return float(self._found[name] or 0)

    def list(self, name: str) -> list[object]:
        found = self._found[name]
        assert isinstance(found, list)
        return found

    def table(self, name: str) -> dict[str, object]:
        found = self._found[name]
        assert isinstance(found, dict)
        return found


def _say(line: str) -> None:
    print(line, flush=True)


def _write(file: Path | None, result: dict[str, object]) -> None:
    if file is not None:
        write_result(file, result)


if __name__ == "__main__":
    sys.exit(main())
