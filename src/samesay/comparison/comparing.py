"""A comparison from beginning to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter

from samesay import __version__
from samesay.comparison.children import Child, ModelFailedError, opened
from samesay.comparison.data import DataSet, PairSet
from samesay.comparison.disagreeing import disagreements
from samesay.comparison.judging import Family, differences, instructions
from samesay.comparison.labels import labelled
from samesay.comparison.report import FORMAT, Disagreement, Failure, Measure, Method, Report, Result
from samesay.comparison.resampling import estimates
from samesay.comparison.running import Reads, run, texts_of
from samesay.comparison.scored import Scored, about_data, certified, histogram, roc, strata
from samesay.comparison.settings import Settings, Watcher
from samesay.comparison.stages import Found, load_all, now, time_all
from samesay.errors import ComparisonError
from samesay.selftest.machine import this_machine


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
    return compare_with_scores(names, data, settings, watcher)[0]


def compare_with_scores(
    names: Sequence[str], data: Sequence[DataSet], settings: Settings, watcher: Watcher
) -> tuple[Report, Mapping[tuple[str, str], Scored]]:
    """Compare as ``compare`` does, and give what each model gave by its label and the name of the set.

    Raises:
        ComparisonError: As for ``compare``.
    """
    begin = perf_counter()
    _check_names(data)
    by_label = labelled(names)
    found = Found()
    load_all(by_label, settings, watcher, found)
    _embed_all(by_label, data, settings, watcher, found)
    speeds = time_all(by_label, data, settings, watcher, found)
    tested = Family(found.scored, found.unprompted, data, settings.seed)
    watcher.begin("intervals and tests", len(data))
    results = _results(data, settings, watcher, found)
    compared, helped = differences(tested), instructions(tested)
    report = Report(
        format=FORMAT,
        made=now(),
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
    return report, found.scored


def _check_names(data: Sequence[DataSet]) -> None:
    names = [one.name for one in data]
    if not names:
        raise ComparisonError("there is nothing to compare on; name a file or folder with --data")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise ComparisonError(f"two sets are called {doubled!r}; name one of them, as in --data other=PATH")


def _embed_all(
    by_label: Mapping[str, str],
    data: Sequence[DataSet],
    settings: Settings,
    watcher: Watcher,
    found: Found,
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
    child: Child, one: DataSet, label: str, passes: Sequence[Reads], watcher: Watcher, found: Found
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


def _passes(found: Found, label: str, settings: Settings) -> list[Reads]:
    """Give how a model reads the data: as asked, and where prompts are measured a second time without."""
    asked = Reads(settings.mode, settings.task, settings.alpha)
    model = next(one for one in found.models if one.label == label)
    prefixes = found.prefixes[label]
    prompted = any(any(prefixes[mode]) for mode in ("symmetric", "query-document"))
    instructed = settings.task is not None and model.takes_task == "yes"
    if settings.instructions and not asked.plain and (prompted or instructed):
        return [asked, Reads("plain", None, settings.alpha)]
    return [asked]


def _results(data: Sequence[DataSet], settings: Settings, watcher: Watcher, found: Found) -> list[Result]:
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
    data: Sequence[DataSet], results: Sequence[Result], found: Found, *, texts: bool
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
