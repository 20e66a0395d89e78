"""Speed and memory: every model in a fresh process, all of them waiting while one has its turn."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from samesay.comparison.children import Child, ModelFailedError
from samesay.comparison.data import DataSet, IntentSet, PairSet
from samesay.comparison.report import ComparedModel, Failure, Speed

SINGLES_A_TURN = 10
_WARM = 2
BATCH_TEXTS = 512
_LEAST_BATCH = 16
# A batch turn is as many texts as a model embeds in about this time, so that slow models end too.
_BATCH_SECONDS = 2.0
_TRIED = 16


@dataclass
class _Samples:
    """What was measured of one model so far."""

    batch: int = 0
    tokens: int | None = None
    singles: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)


def sample_texts(data: Sequence[DataSet], seed: int) -> list[str]:
    """Draw the texts that speed is measured on from all sets, the same for every model, none twice."""
    found: dict[str, None] = {}
    for one in data:
        if isinstance(one, PairSet):
            found |= dict.fromkeys([*one.left, *one.right])
        else:
            found |= dict.fromkeys(one.texts if isinstance(one, IntentSet) else one.queries)
    texts = list(found)
    random.Random(seed).shuffle(texts)  # noqa: S311
    return texts[:BATCH_TEXTS]


def measure_speeds(
    children: Mapping[str, Child],
    models: Sequence[ComparedModel],
    texts: Sequence[str],
    rounds: int,
    seed: int,
    advance: Callable[[int], object],
) -> tuple[list[Speed], list[Failure]]:
    """Let the models take turns, in an order drawn anew each round, and give the medians.

    Args:
        children: The models by label, each in a process of its own.
        models: What they are.
        texts: What to embed.
        rounds: Turns of each model.
        seed: Of the order.
        advance: Told of each turn.
    """
    samples = {label: _Samples() for label in children}
    failures: dict[str, Failure] = {}
    order = random.Random(seed)  # noqa: S311
    # The first turn finds how many texts fill a batch, and wakes everything up.
    for turn in range(rounds + 1):
        labels = [label for label in children if label not in failures]
        order.shuffle(labels)
        for label in labels:
            try:
                if turn == 0:
                    _size_batch(children[label], samples[label], texts)
                else:
                    _take_turn(children[label], samples[label], texts, turn)
            except ModelFailedError as error:
                failures[label] = Failure(label, "speed", str(error))
            advance(1)
    speeds = []
    for model in models:
        if model.label not in samples or model.label in failures:
            continue
        try:
            speeds.append(_speed(model, samples[model.label], children[model.label].ask("memory")))
        except ModelFailedError as error:
            failures[model.label] = Failure(model.label, "speed", str(error))
    return speeds, list(failures.values())


def _size_batch(child: Child, found: _Samples, texts: Sequence[str]) -> None:
    tried = list(texts[:_TRIED])
    child.ask("batch", texts=tried)
    seconds = child.ask("batch", texts=tried)["seconds"]
    fitting = int(_BATCH_SECONDS / max(seconds, 1e-9) * len(tried))
    found.batch = max(min(fitting, len(texts)), min(_LEAST_BATCH, len(texts)))
    counts = child.ask("tokens", texts=list(texts[: found.batch]))["tokens"]
    found.tokens = None if counts is None else sum(counts)


def _take_turn(child: Child, found: _Samples, texts: Sequence[str], turn: int) -> None:
    # The caches belong to the model before: the first calls of a turn are not counted.
    places = [(turn * SINGLES_A_TURN + one) % len(texts) for one in range(SINGLES_A_TURN)]
    singles = [texts[places[0]]] * _WARM + [texts[place] for place in places]
    found.singles += child.ask("singles", texts=singles, warm=_WARM)["seconds"]
    told = child.ask("batch", texts=list(texts[: found.batch]))
    found.batches.append(told["seconds"])
    if told["tokens"] is not None:
        found.tokens = told["tokens"]


def _speed(model: ComparedModel, found: _Samples, memory: Mapping[str, int | None]) -> Speed:
    seconds = median(found.batches)
    p50, p95 = np.quantile(found.singles, (0.5, 0.95)) * 1000
    return Speed(
        model=model.label,
        singles=len(found.singles),
        p50_ms=float(p50),
        p95_ms=float(p95),
        batch_texts=found.batch,
        texts_per_second=found.batch / seconds,
        tokens_per_second=None if found.tokens is None else found.tokens / seconds,
        peak_bytes=memory["resident"],
        gpu_bytes=memory["gpu"],
        includes_network="yes" if model.where == "remote" else "no",
    )
