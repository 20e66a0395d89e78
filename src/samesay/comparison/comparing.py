"""A comparison from beginning to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from time import perf_counter
from typing import Any, Protocol

from samesay import __version__
from samesay.comparison.children import Child, ModelFailedError, opened
from samesay.comparison.data import DataSet, PairSet
from samesay.comparison.disagreeing import disagreements
from samesay.comparison.judging import Family, differences, instructions
from samesay.comparison.labels import labelled
from samesay.comparison.report import (
    FORMAT,
    ComparedModel,
    Disagreement,
    Failure,
    Measure,
    Method,
    Report,
    Result,
    Speed,
)
from samesay.comparison.resampling import estimates
from samesay.comparison.running import Reads, run, texts_of
from samesay.comparison.scored import Scored, about_data, certified, histogram, roc, strata
from samesay.comparison.timing import measure_speeds, sample_texts
from samesay.errors import ComparisonError
from samesay.selftest.machine import this_machine


class Watcher(Protocol):
    """Who is told how far a comparison has come."""

    def begin(self, what: str, total: int) -> None:
        """A stage begins that has so many steps."""
        ...

    def advance(self, steps: int) -> None:
        """So many steps more are done."""
        ...


@dataclass(frozen=True)
class Settings:
    """How models are compared.

    Args:
        mode: What the two texts of a pair are to each other.
        task: An instruction for models that take one.
        precision: For engines of this machine; None for their default.
        threads: For engines of this machine; None for one a core.
        device: For engines of this machine, as ``samesay.load`` takes it.
        overlength: What to do with a text over a model's limit.
        alpha: The false-match rate to certify.
        seed: Of all draws.
        draws: Bootstrap draws for intervals.
        rounds: Turns of each model in timing; 0 for no timing.
        instructions: Whether to measure what prompts do: every set is embedded without them too.
        texts: Whether the report may show texts of the data.
    """

    mode: str = "symmetric"
    task: str | None = None
    precision: str | None = None
    threads: int | None = None
    device: str | None = None
    overlength: str = "truncate"
    alpha: float = 0.05
    seed: int = 0
    draws: int = 2000
    rounds: int = 5
    instructions: bool = True
    texts: bool = True

    def load_arguments(self, name: str) -> dict[str, object]:
        """Give what a child process is to load, and how."""
        return {
            "name": name,
            "precision": self.precision,
            "threads": self.threads,
            "device": self.device,
            "overlength": self.overlength,
        }


@dataclass
class _Found:
    """What came out so far."""

    models: list[ComparedModel] = field(default_factory=list)
    prefixes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    scored: dict[tuple[str, str], Scored] = field(default_factory=dict)
    unprompted: dict[tuple[str, str], Scored] = field(default_factory=dict)
    seconds: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def compare(names: Sequence[str], data: Sequence[DataSet], settings: Settings, watcher: Watcher) -> Report:
    """Compare models on data.

    Every model is loaded once before anything is measured. Then one after the other embeds all sets, and at
    last all take turns at the texts whose time is taken. Each is in a process of its own every time.

    Args:
        names: What ``samesay.load`` takes, or ``LABEL=NAME`` where the report is to call it LABEL.
        data: The sets.
        settings: How.
        watcher: Is told how far it has come.

    Raises:
        ComparisonError: A model cannot be loaded, or two sets have one name.
    """
    begin = perf_counter()
    _check_names(data)
    by_label = labelled(names)
    found = _Found()
    _load_all(by_label, settings, watcher, found)
    _embed_all(by_label, data, settings, watcher, found)
    speeds = _time_all(by_label, data, settings, watcher, found)
    tested = Family(found.scored, found.unprompted, data, settings.seed)
    watcher.begin("intervals and tests", len(data))
    results = _results(data, settings, watcher, found)
    compared, helped = differences(tested), instructions(tested)
    return Report(
        format=FORMAT,
        made=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        samesay=__version__,
        seconds=round(perf_counter() - begin, 1),
        machine=this_machine(),
        method=Method(
            mode=settings.mode,
            task=settings.task,
            overlength=settings.overlength,
            alpha=settings.alpha,
            draws=settings.draws,
            test_draws=tested.draws,
            tests=tested.tests,
            seed=settings.seed,
            rounds=settings.rounds,
        ),
        models=tuple(found.models),
        data=tuple(map(about_data, data)),
        results=tuple(results),
        differences=tuple(compared),
        instructions=tuple(helped),
        speeds=tuple(speeds),
        disagreements=tuple(_disagreements(data, results, found, texts=settings.texts)),
        failures=tuple(found.failures),
    )


def _check_names(data: Sequence[DataSet]) -> None:
    names = [one.name for one in data]
    if not names:
        raise ComparisonError("there is nothing to compare on; name a file or folder with --data")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise ComparisonError(f"two sets are called {doubled!r}; name one of them, as in --data other=PATH")


def _load_all(by_label: Mapping[str, str], settings: Settings, watcher: Watcher, found: _Found) -> None:
    watcher.begin("loading models", len(by_label))
    for label, name in by_label.items():
        try:
            with opened(settings.load_arguments(name)) as (_, about):
                found.prefixes[label] = about["prefixes"]
                found.models.append(_compared(label, about))
        except ModelFailedError as error:
            raise ComparisonError(f"{label} cannot be compared: {error}; nothing was run") from None
        watcher.advance(1)


def _compared(label: str, about: Mapping[str, Any]) -> ComparedModel:
    kept = {key: value for key, value in about.items() if key not in ("prefixes", "takes_task")}
    return ComparedModel(label=label, takes_task="yes" if about["takes_task"] else "no", **kept)


def _embed_all(
    by_label: Mapping[str, str],
    data: Sequence[DataSet],
    settings: Settings,
    watcher: Watcher,
    found: _Found,
) -> None:
    passes = {label: _passes(found, label, settings) for label in by_label}
    texts = sum(map(texts_of, data))
    watcher.begin("embedding", sum(texts * len(one) for one in passes.values()))
    for label, name in by_label.items():
        try:
            with opened(settings.load_arguments(name)) as (child, _):
                for one in data:
                    _embed(child, one, label, passes[label], watcher, found)
                    if not child.alive:
                        break
        except ModelFailedError as error:
            found.failures.append(Failure(label, "loading", str(error)))


def _embed(
    child: Child, one: DataSet, label: str, passes: Sequence[Reads], watcher: Watcher, found: _Found
) -> None:
    """Let a model embed a set, as asked and then without prompts; what fails is noted."""
    try:
        begin, before = perf_counter(), child.ask("cut")["cut"]
        found.scored[label, one.name] = run(child, one, passes[0], watcher.advance)
        cut = child.ask("cut")["cut"] - before
        found.seconds[label, one.name] = (perf_counter() - begin, cut)
        for reads in passes[1:]:
            found.unprompted[label, one.name] = run(child, one, reads, watcher.advance)
    except ModelFailedError as error:
        found.scored.pop((label, one.name), None)
        found.failures.append(Failure(label, one.name, str(error)))


def _passes(found: _Found, label: str, settings: Settings) -> list[Reads]:
    """Give how a model reads the data: as asked, and where prompts are measured a second time without."""
    asked = Reads(settings.mode, settings.task, settings.alpha)
    model = next(one for one in found.models if one.label == label)
    prefixes = found.prefixes[label]
    prompted = any(any(prefixes[mode]) for mode in ("symmetric", "query-document"))
    instructed = settings.task is not None and model.takes_task == "yes"
    if settings.instructions and not asked.plain and (prompted or instructed):
        return [asked, Reads("plain", None, settings.alpha)]
    return [asked]


def _time_all(
    by_label: Mapping[str, str],
    data: Sequence[DataSet],
    settings: Settings,
    watcher: Watcher,
    found: _Found,
) -> list[Speed]:
    failed = {one.model for one in found.failures}
    if not settings.rounds:
        return []
    with ExitStack() as stack:
        children = {}
        for label, name in by_label.items():
            if label in failed:
                continue
            try:
                children[label], _ = stack.enter_context(opened(settings.load_arguments(name)))
            except ModelFailedError as error:
                found.failures.append(Failure(label, "speed", str(error)))
        watcher.begin("timing", len(children) * (settings.rounds + 1))
        texts = sample_texts(data, settings.seed)
        speeds, failures = measure_speeds(
            children, found.models, texts, settings.rounds, settings.seed, watcher.advance
        )
    found.failures += failures
    return speeds


def _results(data: Sequence[DataSet], settings: Settings, watcher: Watcher, found: _Found) -> list[Result]:
    results = []
    for one in data:
        for model in found.models:
            scored = found.scored.get((model.label, one.name))
            if scored is None:
                continue
            found_estimates = estimates(
                list(scored.statistics.values()), strata(one), settings.draws, settings.seed
            )
            measures = tuple(
                Measure(name, estimate.value, estimate.low, estimate.high)
                for name, estimate in zip(scored.statistics, found_estimates, strict=True)
            )
            seconds, cut = found.seconds[model.label, one.name]
            results.append(
                Result(
                    model=model.label,
                    data=one.name,
                    seconds=round(seconds, 3),
                    cut_texts=cut,
                    measures=measures,
                    certified=certified(one, scored, settings.alpha),
                    histogram=histogram(one, scored),
                    roc=roc(one, scored),
                )
            )
        watcher.advance(1)
    return results


def _disagreements(
    data: Sequence[DataSet], results: Sequence[Result], found: _Found, *, texts: bool
) -> list[Disagreement]:
    """Give those of models that are better than chance: one that is not disagrees with all the others."""
    rows: list[Disagreement] = []
    for one in data:
        if not isinstance(one, PairSet):
            continue
        chance = 0.0 if one.graded else 0.5
        scores = {}
        for result in results:
            scored = found.scored[result.model, result.data].scores
            if result.data == one.name and result.measures[0].low > chance and scored is not None:
                scores[result.model] = scored
        rows += disagreements(one, scores, with_texts=texts)
    return rows
