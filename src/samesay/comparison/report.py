"""What a comparison found, as it is written, read and shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from samesay.selftest.machine import Machine

FORMAT = 1

Kind = Literal["labelled pairs", "graded pairs", "intents", "retrieval"]
Where = Literal["local", "remote"]


@dataclass(frozen=True)
class ComparedModel:
    """A model as it was loaded.

    Args:
        label: What this report calls it.
        name: What the model calls itself.
        where: ``remote`` where vectors came over the network.
        identity: For people.
        fingerprint: Of its vectors; equal fingerprints give equal bits.
        precision: How weights and activations are held.
        engine: The engine and its revision.
        instruction_set: What the engine computes with, where it says so.
        threads: On how many threads, where it says so.
        dimensions: Width of its vectors.
        context: Tokens it reads at most; None where it does not say.
        disk_bytes: Its files; None for a remote model.
        load_seconds: From the call of ``load`` to the first vector, in the first process.
        takes_task: Whether instructions in words can be given.
    """

    label: str
    name: str
    where: Where
    identity: str
    fingerprint: str
    precision: str
    engine: str
    instruction_set: str | None
    threads: int | None
    dimensions: int
    context: int | None
    disk_bytes: int | None
    load_seconds: float
    takes_task: Literal["yes", "no"]


@dataclass(frozen=True)
class ComparedData:
    """A set of data.

    Args:
        name: What this report calls it.
        kind: What it holds.
        items: Pairs, texts or queries that were used.
        whole: How many there are in the file.
        matches: Pairs that match; None where there is no such thing.
        documents: Documents of a retrieval set.
        intents: Different intents.
        sha256: Of the file.
        main: The measure that models are compared by.
    """

    name: str
    kind: Kind
    items: int
    whole: int
    matches: int | None
    documents: int | None
    intents: int | None
    sha256: str
    main: str


@dataclass(frozen=True)
class Measure:
    """A figure with its 95 % bootstrap interval."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Certified:
    """A threshold that can be promised, or why there is none.

    Args:
        threshold: A pair is accepted where its score is at or above it; None where there is none.
        message: The promise, or the reason.
    """

    threshold: float | None
    message: str


@dataclass(frozen=True)
class Histogram:
    """Scores counted in bins of equal width, as shares of the pairs of each kind.

    Args:
        low: Where the first bin begins.
        high: Where the last ends.
        matches: Share of the matches in each bin; of graded pairs without a cut, the upper half.
        others: Share of the other pairs in each bin.
    """

    low: float
    high: float
    matches: tuple[float, ...]
    others: tuple[float, ...]


@dataclass(frozen=True)
class Roc:
    """False-match rate and recall at thresholds, both rising from 0 to 1."""

    false_matches: tuple[float, ...]
    recalls: tuple[float, ...]


@dataclass(frozen=True)
class Result:
    """One model on one set.

    Args:
        model: Its label.
        data: The set's name.
        seconds: What it took, in a machine that did nothing else for the comparison.
        cut_texts: Texts that were cut to the model's limit.
        measures: The figures, the main one first.
        certified: For labelled pairs.
        histogram: For pairs.
        roc: For labelled pairs.
    """

    model: str
    data: str
    seconds: float
    cut_texts: int
    measures: tuple[Measure, ...]
    certified: Certified | None
    histogram: Histogram | None
    roc: Roc | None


@dataclass(frozen=True)
class Difference:
    """Two models on the same items of one set, by its main measure.

    Args:
        data: The set's name.
        measure: The measure.
        first: The label of the model that scored higher on the data.
        second: The other.
        difference: How much the first is ahead, with its interval.
        p: Of the paired test.
        adjusted: The same, corrected for all tests of the report (Holm).
        verdict: What may be said.
    """

    data: str
    measure: str
    first: str
    second: str
    difference: Measure
    p: float
    adjusted: float
    verdict: Literal["better", "not told apart"]


@dataclass(frozen=True)
class Instruction:
    """What a model's prompt, or the task, did for it on one set.

    Args:
        model: Its label.
        data: The set's name.
        measure: The measure.
        with_prompt: Its value with the prompt.
        without: Its value on the texts as they stand.
        difference: With minus without, with its interval.
        p: Of the paired test.
        adjusted: The same, corrected for all tests of the report.
        verdict: What may be said.
    """

    model: str
    data: str
    measure: str
    with_prompt: float
    without: float
    difference: Measure
    p: float
    adjusted: float
    verdict: Literal["helps", "harms", "not told apart"]


@dataclass(frozen=True)
class Speed:
    """How fast a model is, and what it holds in memory.

    Args:
        model: Its label.
        singles: Sentences embedded one by one.
        p50_ms: Median of their milliseconds.
        p95_ms: The same at 95 of 100.
        batch_texts: Texts of a batch.
        texts_per_second: Median over the rounds.
        tokens_per_second: The same in tokens; None where neither the model nor its endpoint counts them.
        peak_bytes: The most resident memory of its process; of a remote model that of the client.
        gpu_bytes: The most memory on an accelerator that it allocated, where there is one.
        includes_network: Whether times include the way to a server and back.
    """

    model: str
    singles: int
    p50_ms: float
    p95_ms: float
    batch_texts: int
    texts_per_second: float
    tokens_per_second: float | None
    peak_bytes: int | None
    gpu_bytes: int | None
    includes_network: Literal["yes", "no"]


@dataclass(frozen=True)
class Disagreement:
    """A pair that the models place differently among the pairs of its set.

    Args:
        data: The set's name.
        place: Where it stands in the file.
        text_a: The left text; None where texts are left out.
        text_b: The right text.
        label: What people say of it.
        models: The labels of the models.
        scores: Their scores.
        ranks: The share of the set's pairs that each scores lower.
    """

    data: str
    place: str
    text_a: str | None
    text_b: str | None
    label: float
    models: tuple[str, ...]
    scores: tuple[float, ...]
    ranks: tuple[float, ...]


@dataclass(frozen=True)
class Failure:
    """A model that failed on the way; what it had done by then is kept."""

    model: str
    when: str
    message: str


@dataclass(frozen=True)
class Method:
    """How it was measured."""

    mode: str
    task: str | None
    overlength: str
    alpha: float
    draws: int
    test_draws: int
    tests: int
    seed: int
    rounds: int


@dataclass(frozen=True)
class Report:
    """A comparison as a whole."""

    format: int
    made: str
    samesay: str
    seconds: float
    machine: Machine
    method: Method
    models: tuple[ComparedModel, ...]
    data: tuple[ComparedData, ...]
    results: tuple[Result, ...]
    differences: tuple[Difference, ...]
    instructions: tuple[Instruction, ...]
    speeds: tuple[Speed, ...]
    disagreements: tuple[Disagreement, ...]
    failures: tuple[Failure, ...]

    def result(self, model: str, data: str) -> Result | None:
        """Give the result of a model on a set; None where it failed."""
        return next((one for one in self.results if (one.model, one.data) == (model, data)), None)

    def speed(self, model: str) -> Speed | None:
        """Give the speed of a model; None where it was not measured."""
        return next((one for one in self.speeds if one.model == model), None)
