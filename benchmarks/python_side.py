"""What Python adds to the forward pass, and how memory behaves over a long stream of texts.

    python benchmarks/python_side.py --json benchmarks/results/python-side.json
    python benchmarks/python_side.py --stream 1000000 --stream-model tests/fixtures/bert-mean

The first part embeds 128 short sentences from their texts, and the same as ready-made token ids through the
engine alone, in turns: the difference is tokenizing and everything else that Python does; then single texts
of 13 words in the same way. The texts are made of few words, most of which came before; where the evaluation
data is here, it does the same with questions of banking77 that the tokenizer has not read before. The second
part takes texts from a generator, one at a time, and notes the resident memory on the way.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

import samesay
from machine import available_threads, hardware, load_average, versions
from models import NAMES, ModelMissingError, default_cache, find
from result_file import write_result
from scored_pairs import DATA
from workloads import BATCH, batch_lengths, sentences

ROUNDS = 15
SINGLES = 400
NEW_BATCHES = 40  # of questions that were not read before
NOTED = 20  # times that memory is noted over a stream


def main() -> int:
    """Measure what the command line asks for."""
    options = _options()
    result: dict[str, object] = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "hardware": hardware(),
        "versions": versions(["samesay", "numpy", "tokenizers"]),
        "load_before": load_average(),
    }
    overheads = {}
    for name in options.models:
        try:
            folder = find(name, options.cache).folder
            overheads[name] = _overhead(folder, options.rounds) | _new_sentences(folder, options.data)
        except ModelMissingError as error:
            print(f"skipped: {name}: {error}", file=sys.stderr)
            continue
        print(f"{name}: {overheads[name]}", flush=True)
    result["sentences"] = overheads
    if options.stream:
        result["stream"] = _stream(samesay.load(options.stream_model), options.stream)
    if options.json:
        write_result(options.json, result)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What Python adds to the forward pass.")
    parser.add_argument("--models", type=lambda text: text.split(","), default=list(NAMES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--stream", type=int, default=0, help="texts to stream; none by default")
    parser.add_argument("--stream-model", default="bundled", help="a folder or name")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the evaluation data")
    parser.add_argument("--cache", type=Path, default=default_cache())
    options = parser.parse_args()
    unknown = set(options.models) - set(NAMES)
    if unknown:
        parser.error(f"no model is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return options


def _overhead(folder: Path, rounds: int) -> dict[str, float]:
    model = samesay.load(folder, threads=available_threads())
    model.checkpoint.tokenizer.read_whole()
    whole, passes, tokenizing = [], [], []
    for turn in range(rounds + 1):
        texts = sentences([max(1, length - 3) for length in batch_lengths(5, 60, 22)], seed=turn)
        tokens = model.tokenize(texts)
        begin = perf_counter()
        model.encode(texts)
        encoded = perf_counter()
        model.engine.embed(tokens.token_ids, tokens.offsets, model.dimensions)
        embedded = perf_counter()
        model.tokenize(texts)
        tokenized = perf_counter()
        if turn:  # the first warms up
            whole.append(encoded - begin)
            passes.append(embedded - encoded)
            tokenizing.append(tokenized - embedded)
    return {
        "sentences": BATCH,
        "encode_ms": round(median(whole) * 1e3, 2),
        "forward_pass_ms": round(median(passes) * 1e3, 2),
        "tokenize_ms": round(median(tokenizing) * 1e3, 2),
        # Each round's two times are taken one after the other, so the drift of the machine falls on both.
        "encode_over_pass": round(median(a / b for a, b in zip(whole, passes, strict=True)), 4),
        "single_text_beside_pass_ms": round(_beside_single_pass(model) * 1e3, 3),
    }


def _new_sentences(folder: Path, data: Path) -> dict[str, float]:
    """Encode real questions, 128 at a time, each the first time that it is read; the first 128 warm up."""
    file = data / "banking77" / "train.tsv"
    if not file.exists():
        print(f"skipped: new sentences: {file} is missing", file=sys.stderr)
        return {}
    texts = list(dict.fromkeys(line.split("\t")[0] for line in file.read_text("utf-8").splitlines()))
    np.random.default_rng(3).shuffle(texts)
    model = samesay.load(folder, threads=available_threads())
    model.checkpoint.tokenizer.read_whole()
    ratios = []
    for begin in range(0, (NEW_BATCHES + 1) * BATCH, BATCH):
        part = texts[begin : begin + BATCH]
        start = perf_counter()
        model.encode(part)
        encoded = perf_counter()
        tokens = model.tokenize(part)
        tokenized = perf_counter()
        model.engine.embed(tokens.token_ids, tokens.offsets, model.dimensions)
        ratios.append((encoded - start) / (perf_counter() - tokenized))
    return {
        "new_sentences_encode_over_pass_first_half": round(median(ratios[1 : NEW_BATCHES // 2 + 1]), 4),
        "new_sentences_encode_over_pass_second_half": round(median(ratios[NEW_BATCHES // 2 + 1 :]), 4),
    }


def _beside_single_pass(model: samesay.EmbeddingModel) -> float:
    beside = []
    for turn in range(SINGLES):
        [text] = sentences([13], seed=turn)
        tokens = model.tokenize([text])
        begin = perf_counter()
        model.encode(text)
        encoded = perf_counter()
        model.engine.embed(tokens.token_ids, tokens.offsets, model.dimensions)
        beside.append(encoded - begin - (perf_counter() - encoded))
    return median(beside)


def _stream(model: samesay.EmbeddingModel, count: int) -> dict[str, object]:
    def texts() -> Iterator[str]:
        random = np.random.default_rng(9)
        for _ in range(count):
            yield " ".join(f"word{n}" for n in random.integers(0, 5000, random.integers(2, 6)))

    noted: list[tuple[int, float]] = []
    done, begin = 0, perf_counter()
    for vectors in model.encode_stream(texts()):
        done += len(vectors)
        if done * NOTED >= (len(noted) + 1) * count:
            noted.append((done, _resident_megabytes()))
            print(f"{done} texts, {noted[-1][1]:.0f} MB, {done / (perf_counter() - begin):.0f}/s", flush=True)
    seconds = perf_counter() - begin
    return {
        "model": model.name,
        "texts": done,
        "texts_per_second": round(done / seconds, 1),
        "resident_mb": [{"texts": texts, "mb": round(megabytes, 1)} for texts, megabytes in noted],
    }


def _resident_megabytes() -> float:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    raise OSError("/proc/self/status has no VmRSS")


if __name__ == "__main__":
    sys.exit(main())
