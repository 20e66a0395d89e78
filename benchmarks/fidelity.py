"""What int8 and bf16 lose against fp32 in samesay itself: vectors, rankings, and on models made to be hard.

python benchmarks/fidelity.py --json benchmarks/results/fidelity.json
python benchmarks/fidelity.py --parts bundled,nasty --precisions int8
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, cast

import numpy as np

import samesay
from machine import available_threads, hardware, versions
from models import Model, ModelMissingError, default_cache, find
from nasty_checkpoints import MASSIVE_TOKEN, make_nasty, make_small, nasty_checkpoints
from quality import (
    STS_SETS,
    DataMissingError,
    Vectors,
    ndcg_at_10,
    read_pairs,
    read_retrieval,
    spearman,
)
from result_file import write_result
from samesay.errors import TruncationWarning
from workloads import random_sequences

Precision = Literal["int8", "bf16", "fp32"]
Kind = Literal["query", "document"]
Figures = dict[str, object]

PARTS = ("random", "bundled", "minilm", "nasty-small", "nasty")
SENTENCES = 500
SEQUENCES = 24
_ROOT = Path(__file__).parent.parent


def main() -> int:
    """Take the figures that the command line asks for."""
    options = _options()
    options.cache.mkdir(parents=True, exist_ok=True)
    # That the longest paragraphs are cut is meant, and the same for every precision.
    warnings.simplefilter("ignore", TruncationWarning)
    results: dict[str, object] = {}
    for part in options.parts:
        try:
            results[part] = _take(part, options)
        except (ModelMissingError, DataMissingError) as error:
            print(f"skipped: {part}: {error}", file=sys.stderr)
    report = {
        "date": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "hardware": hardware(),
        "versions": versions(["samesay", "numpy", "tokenizers"]),
        "precisions": options.precisions,
        "results": results,
    }
    if options.json:
        write_result(options.json, report)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare precisions with fp32.")
    parser.add_argument("--parts", type=_list_of(PARTS), default=list(PARTS))
    parser.add_argument("--precisions", type=_list_of(("int8", "bf16")), default=["int8", "bf16"])
    parser.add_argument("--data", type=Path, default=_ROOT.parent / "shared" / "data")
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, default=default_cache())
    return parser.parse_args()


def _list_of(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in allowed:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(allowed)}")
        return names

    return read


def _take(part: str, options: argparse.Namespace) -> object:
    if part == "nasty-small":
        with tempfile.TemporaryDirectory(dir=options.cache) as folder:
            return _nasty(make_small(Path(folder) / "small"), 256, 1999, options)
    model = find("random" if part == "nasty" else part, options.cache)
    if part == "nasty":
        return _nasty(model.folder, model.hidden, model.ordinary[1], options)
    if part == "random":
        lengths = [int(length) for length in np.linspace(6, 60, SEQUENCES)]
        return _cosines(part, model.folder, random_sequences(model, lengths, seed=7), options)
    return _trained(model, options)


def _trained(model: Model, options: argparse.Namespace) -> Figures:
    """Cosines on sentences, and whether similarity and retrieval rank as they do in fp32."""
    multilingual = model.name == "bundled"
    found: dict[str, dict[str, Figures]] = {}
    reference: dict[str, Vectors] = {}
    for precision in ("fp32", *options.precisions):
        loaded = _load(model.folder, precision, options)
        vectors = loaded.encode(_sentences(options.data, multilingual), prompt=_prompt(model, "query"))
        figures: dict[str, Figures] = {"cosine": {}}
        if precision == "fp32":
            reference["sentences"] = vectors
        else:
            figures["cosine"] = _summary(vectors, reference["sentences"])
        figures["sts_spearman"] = _similarity(loaded, options.data, multilingual)
        figures["ndcg_at_10"] = _retrieval(loaded, model, options.data, multilingual)
        found[precision] = figures
        del loaded
    for precision in options.precisions:
        _say(f"{model.name} {precision}: cosine to fp32 {_told(found[precision]['cosine'])}")
        for figure in ("sts_spearman", "ndcg_at_10"):
            for name, value in found[precision][figure].items():
                exact = cast(float, found["fp32"][figure][name])
                change = cast(float, value) - exact
                _say(
                    f"{model.name} {precision}: {figure} {name} {value:.4f}, fp32 {exact:.4f}: {change:+.4f}"
                )
    return cast(Figures, found)


def _sentences(data: Path, multilingual: bool) -> list[str]:
    """Give as many different sentences, half of them Chinese where the model reads Chinese."""
    sets = STS_SETS[:2] if multilingual else STS_SETS[:1]
    chosen: list[str] = []
    for name in sets:
        pairs = read_pairs(data / name)
        different = list(dict.fromkeys(pairs.left + pairs.right))
        chosen += different[:: len(different) // (SENTENCES // len(sets))][: SENTENCES // len(sets)]
    return chosen


def _similarity(model: samesay.EmbeddingModel, data: Path, multilingual: bool) -> Figures:
    found: Figures = {}
    for name in STS_SETS if multilingual else STS_SETS[:1]:
        pairs = read_pairs(data / name)
        scores = model.similarity(pairs.left, pairs.right)
        found[name] = spearman(scores.astype(np.float64), pairs.gold)
    return found


def _retrieval(loaded: samesay.EmbeddingModel, model: Model, data: Path, multilingual: bool) -> Figures:
    found: Figures = {}
    kept: dict[tuple[str, str | None, str], Vectors] = {}

    def encode(texts: list[str], kind: Kind, folder: str, language: str | None) -> Vectors:
        key = (folder, language, kind)
        if key not in kept:
            kept[key] = loaded.encode(texts, prompt=_prompt(model, kind), overlength="truncate")
        return kept[key]

    for folder, asked, answered in _retrieval_sets(multilingual):
        task = read_retrieval(data / folder, asked, answered)
        queries = encode(task.queries, "query", folder, asked)
        documents = encode(task.documents, "document", folder, answered)
        name = f"{folder} {asked} to {answered}" if asked else folder
        found[name] = ndcg_at_10(queries, documents, task.answers)
    return found


def _retrieval_sets(multilingual: bool) -> list[tuple[str, str | None, str | None]]:
    languages = ("en", "zh") if multilingual else ("en",)
    sets: list[tuple[str, str | None, str | None]] = [
        ("xquad_zh_en", asked, answered) for asked in languages for answered in languages
    ]
    return [*sets, ("cmrc2018", None, None)] if multilingual else sets


def _prompt(model: Model, kind: Kind) -> Kind | None:
    return kind if model.prompt else None


def _nasty(source: Path, hidden: int, vocabulary: int, options: argparse.Namespace) -> Figures:
    random = np.random.default_rng(29)
    sequences = [
        [MASSIVE_TOKEN, *random.integers(8, vocabulary, int(length) - 1).tolist()]
        for length in np.linspace(6, 60, SEQUENCES)
    ]
    found: Figures = {"as-it-is": _cosines("as it is", source, sequences, options)}
    for nasty in nasty_checkpoints(hidden):
        # Neither the checkpoint nor what is packed from it is of use afterwards.
        with tempfile.TemporaryDirectory(dir=options.cache) as folder, _packed_in(Path(folder)):
            changed = make_nasty(source, Path(folder) / "checkpoint", nasty)
            figures = _cosines(nasty.name, changed, sequences, options)
        found[nasty.name] = {"is": nasty.describes, **figures}
    return found


def _cosines(name: str, folder: Path, sequences: list[list[int]], options: argparse.Namespace) -> Figures:
    exact = _load(folder, "fp32", options).encode_tokens(sequences)
    found: Figures = {}
    for precision in options.precisions:
        vectors = _load(folder, precision, options).encode_tokens(sequences)
        found[precision] = _summary(vectors, exact)
        _say(f"{name} {precision}: cosine to fp32 {_told(_summary(vectors, exact))}")
    return found


def _load(folder: Path, precision: str, options: argparse.Namespace) -> samesay.EmbeddingModel:
    return samesay.load(folder, precision=cast(Precision, precision), threads=options.threads)


def _summary(vectors: Vectors, exact: Vectors) -> Figures:
    cosines = np.einsum("nd,nd->n", vectors.astype(np.float64), exact.astype(np.float64))
    return {"mean": float(cosines.mean()), "min": float(cosines.min()), "count": len(cosines)}


def _told(summary: Figures) -> str:
    return f"{summary['mean']:.5f} mean, {summary['min']:.5f} minimum"


@contextmanager
def _packed_in(folder: Path) -> Iterator[None]:
    before = os.environ.get("SAMESAY_CACHE")
    os.environ["SAMESAY_CACHE"] = str(folder / "samesay")
    try:
        yield
    finally:
        if before is None:
            del os.environ["SAMESAY_CACHE"]
        else:
            os.environ["SAMESAY_CACHE"] = before


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
