"""One model over all sets, in a process of its own, some texts at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from samesay.comparison.children import Child
from samesay.comparison.data import DataSet, IntentSet, PairSet
from samesay.comparison.scored import Scored, score_of_intents, score_of_pairs, score_of_retrieval

# Texts of a request: enough to fill batches, few enough that an interrupted run ends soon and shows progress.
_FIRST_CHUNK = 32
_LARGEST_CHUNK = 1024
_CHUNK_SECONDS = 0.5

Advance = Callable[[int], object]


@dataclass(frozen=True)
class Reads:
    """How texts are read by the models.

    Args:
        mode: What the two texts of a pair are to each other; ``plain`` reads all texts as they stand.
        task: An instruction for models that take one.
        alpha: The false-match rate to certify.
    """

    mode: str
    task: str | None
    alpha: float

    @property
    def plain(self) -> bool:
        """Whether nothing stands before the texts."""
        return self.mode == "plain"

    def mode_for(self, data: DataSet) -> str:
        """Give the mode for a set: like with like for intents, query and document for retrieval."""
        if self.plain or isinstance(data, PairSet):
            return self.mode
        return "symmetric" if isinstance(data, IntentSet) else "query-document"


def texts_of(data: DataSet) -> int:
    """Give how many texts a pass over a set embeds."""
    if isinstance(data, PairSet):
        return 2 * len(data)
    return len(data) if isinstance(data, IntentSet) else len(data.queries) + len(data.documents)


def run(child: Child, data: DataSet, reads: Reads, advance: Advance) -> Scored:
    """Let a model embed a set and measure what it gave.

    Raises:
        ModelFailedError: The model refuses a text, or its process is gone.
    """
    mode = reads.mode_for(data)
    task = None if mode == "plain" else reads.task
    if isinstance(data, PairSet):
        scores = np.empty(len(data), np.float32)
        for begin, end in chunks(len(data)):
            left, right = data.left[begin:end], data.right[begin:end]
            told = child.ask_arrays("pair_scores", left=left, right=right, mode=mode, task=task)
            scores[begin:end] = told["scores"]
            advance(2 * (end - begin))
        return score_of_pairs(data, scores, reads.alpha)
    child.ask("forget")
    if isinstance(data, IntentSet):
        _add(child, "texts", data.texts, mode, task, "left", advance)
        found = child.ask_arrays("neighbours", kind="texts", count=len(data.texts))
        return score_of_intents(data, found["places"], found["scores"])
    _add(child, "queries", data.queries, mode, task, "left", advance)
    _add(child, "documents", data.documents, mode, task, "right", advance)
    queries, documents = ("queries", len(data.queries)), ("documents", len(data.documents))
    found = child.ask_arrays("ranking", queries=queries, documents=documents)
    return score_of_retrieval(data, found["places"])


def chunks(count: int) -> Iterator[tuple[int, int]]:
    """Give ranges that grow while the caller is quick with them."""
    begin, size = 0, _FIRST_CHUNK
    while begin < count:
        started = perf_counter()
        end = min(begin + size, count)
        yield begin, end
        begin = end
        if perf_counter() - started < _CHUNK_SECONDS:
            size = min(2 * size, _LARGEST_CHUNK)


def _add(
    child: Child, kind: str, texts: Sequence[str], mode: str, task: str | None, side: str, advance: Advance
) -> None:
    for begin, end in chunks(len(texts)):
        child.ask("add", kind=kind, texts=texts[begin:end], mode=mode, task=task, side=side)
        advance(end - begin)
