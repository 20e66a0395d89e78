"""The torch engine on the shape of Qwen3-Embedding-0.6B, with random weights: speed and memory of one device.

    python benchmarks/torch_engine.py --device cuda --output benchmarks/results/torch-engine-DEVICE.json

Real weights are not needed for that. The rounds of the workloads are interleaved, and medians are told; the
device is named with every figure. ``--small`` computes with two layers, to see that the program works where
28 take long.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import random_checkpoint
from models import RANDOM_FOLDER, default_cache
from samesay.checkpoint.folder import Checkpoint, read_checkpoint
from samesay.engine.choosing import batch_tokens
from samesay.engine.torch import TorchEngine
from samesay.model import EmbeddingModel

SENTENCE_TOKENS, LONG_TOKENS, SENTENCES = 20, 512, 512
SMALL_LAYERS = 2


def main() -> None:
    """Measure and print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N, mps or cpu")
    parser.add_argument("--precision", choices=["bf16", "fp32"], help="default: bf16 on a GPU, fp32 on cpu")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sentences", type=int, default=SENTENCES)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    began = time.perf_counter()
    engine = TorchEngine(checkpoint_of(small=options.small), options.device, options.precision)
    synchronize(engine)
    loaded = time.perf_counter() - began
    model = EmbeddingModel(
        checkpoint_of(small=options.small),
        engine,
        batch_tokens("torch:cpu" if engine.device.type == "cpu" else options.device),
    )
    figures = measured(model, engine, options.rounds, options.sentences)
    report = {
        "command": "python benchmarks/torch_engine.py --device DEVICE",
        "shape": f"Qwen3-Embedding-0.6B with random weights{', 2 layers' if options.small else ''}",
        "device": device_name(engine),
        "torch": torch.__version__,
        "precision": engine.precision,
        "attention": engine.attention,
        "rounds": options.rounds,
        "load_seconds": round(loaded, 2),
        **figures,
        **memory(engine),
    }
    text = json.dumps(report, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n", "utf-8")


def checkpoint_of(*, small: bool) -> Checkpoint:
    """Read the random checkpoint, or one of its shape with two layers, made anew."""
    if not small:
        return read_checkpoint(random_checkpoint.make(default_cache() / RANDOM_FOLDER))
    random_checkpoint.LAYERS = SMALL_LAYERS
    random_checkpoint.CONFIG["num_hidden_layers"] = SMALL_LAYERS
    folder = Path(tempfile.gettempdir()) / f"{RANDOM_FOLDER}-{SMALL_LAYERS}-layers"
    return read_checkpoint(random_checkpoint.make(folder))


def measured(
    model: EmbeddingModel, engine: TorchEngine, rounds: int, sentences: int
) -> dict[str, float | int]:
    """Give medians over interleaved rounds, after one round that does not count."""
    draw = np.random.default_rng(0)

    def ids(count: int) -> list[int]:
        return [*draw.integers(100, 150_000, count - 1).tolist(), random_checkpoint.END_TOKEN]

    one, long = [ids(SENTENCE_TOKENS)], [ids(LONG_TOKENS)]
    lengths = np.clip(draw.lognormal(2.9, 0.5, sentences), 4, 128).astype(int)
    many = [ids(int(length)) for length in lengths]
    work: dict[str, Callable[[], object]] = {
        "one": lambda: model.encode_tokens(one),
        "long": lambda: model.encode_tokens(long),
        "many": lambda: model.encode_tokens(many),
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, run in work.items():
            synchronize(engine)
            began = time.perf_counter()
            run()
            synchronize(engine)
            if number:
                times[name].append(time.perf_counter() - began)
    median = {name: statistics.median(found) for name, found in times.items()}
    return {
        "sentence_tokens": SENTENCE_TOKENS,
        "sentence_ms_p50": round(1000 * median["one"], 2),
        "sentence_ms_p95": round(1000 * float(np.percentile(times["one"], 95)), 2),
        "text_512_tokens_ms_p50": round(1000 * median["long"], 2),
        "sentences": sentences,
        "sentences_per_second": round(sentences / median["many"], 1),
        "tokens_per_second": round(float(lengths.sum()) / median["many"], 1),
    }


def synchronize(engine: TorchEngine) -> None:
    """Wait until the device has done what it was given."""
    if engine.device.type == "cuda":
        torch.cuda.synchronize(engine.device)
    elif engine.device.type == "mps":
        torch.mps.synchronize()


def device_name(engine: TorchEngine) -> str:
    """Give the device in words."""
    if engine.device.type == "cuda":
        return torch.cuda.get_device_name(engine.device)
    if engine.device.type == "mps":
        return "Apple GPU (MPS)"
    return f"processor, {torch.get_num_threads()} threads"


def memory(engine: TorchEngine) -> dict[str, int]:
    """Give the most memory that was in use, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    found = {"process_peak_mib": peak}
    if engine.device.type == "cuda":
        found["gpu_peak_mib"] = torch.cuda.max_memory_allocated(engine.device) >> 20
        found["gpu_reserved_mib"] = torch.cuda.max_memory_reserved(engine.device) >> 20
    elif engine.device.type == "mps":
        found["gpu_mib"] = torch.mps.driver_allocated_memory() >> 20
    return found


if __name__ == "__main__":
    main()
