"""How fast this machine is, roughly: enough to tell a slow machine from a wrong build."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from samesay.selftest.checks import TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from samesay.model import EmbeddingModel

_SIDE = 1024
_SINGLES = 40
_BATCH = 96
_REPEATS = 3


@dataclass(frozen=True)
class SpeedHere:
    """Speed of one model.

    Args:
        model: Its name.
        instruction_set: What the engine computes with, where it says so.
        threads: On how many threads, where it says so.
        p50_ms: Median milliseconds of a short sentence.
        p95_ms: The same at 95 of 100.
        texts_per_second: Short sentences in a batch.
        matrix_gflops: What NumPy reaches in fp32, as an estimate of the machine's peak.
    """

    model: str
    instruction_set: str | None
    threads: int | None
    p50_ms: float
    p95_ms: float
    texts_per_second: float
    matrix_gflops: float


def speed_here(model: EmbeddingModel) -> SpeedHere:
    """Measure for about a second."""
    text = TEXTS[0]
    for _ in range(3):
        model.embed_texts([text])
    singles = [_seconds(lambda: model.embed_texts([text])) for _ in range(_SINGLES)]
    batch = [f"{text} {place}" for place in range(_BATCH)]
    batches = [_seconds(lambda: model.embed_texts(batch)) for _ in range(_REPEATS)]
    p50, p95 = np.quantile(singles, (0.5, 0.95)) * 1000
    return SpeedHere(
        model=model.name,
        instruction_set=getattr(model.engine, "instruction_set", None),
        threads=getattr(model.engine, "threads", None),
        p50_ms=round(float(p50), 3),
        p95_ms=round(float(p95), 3),
        texts_per_second=round(_BATCH / median(batches), 1),
        matrix_gflops=round(_matrix_gflops(), 1),
    )


def _matrix_gflops() -> float:
    a = np.ones((_SIDE, _SIDE), np.float32)
    a @ a
    return 2 * _SIDE**3 / min(_seconds(lambda: a @ a) for _ in range(_REPEATS)) / 1e9


def _seconds(work: Callable[[], object]) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin
